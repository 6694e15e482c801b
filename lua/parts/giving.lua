-- giving: a sale gives its buyer back. Needs caps, slot, waiting.

-- Only what this sale itself left, as it is given: leases, slots, pending, reserved, balance, caps, bought (keys of marks);
-- contract, price. A period that is over is gone, a mark may be a later sale's by now.
local function give_back(given, sale_key, lease)
  local state, member, charged, periods =
    unpack(redis.call("HMGET", sale_key, "state", "pending", "charged", "cap_fields"))
  free_slot(given.leases, given.slots, lease)
  if state == "pending" then
    end_pending(given.pending, given.reserved, member)
  else
    count_sale(given.caps, given.contract, periods, -1, given.price)
    if charged == "1" then
      redis.call("INCRBY", given.balance, given.price)
    end
  end
  for _, key in ipairs(given.bought) do
    if redis.call("GET", key) == lease then
      redis.call("DEL", key)
    end
  end
end
