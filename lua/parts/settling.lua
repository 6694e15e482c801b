-- settling: what a call's events make of its pending sale. Needs tail, caps, waiting, making. Tail KEYS: caps, pending,
-- reserved, balance.

-- What a call's event makes of a pending sale: nothing; or a sale, then its bid and whether it is late. heard: is_answered,
-- lasted_ms (since the answer), has_ended. An answered call that ends without it ends what was pending.
local function settle(keys, decision, contract, periods, heard, now)
  local state, terms, position, number, bid, about, member, charged = unpack(redis.call("HMGET", keys.sale,
    "state", "terms", "position", "number", "bid", "about", "pending", "charged"))
  if not heard.is_answered or (state ~= "pending" and state ~= "lapsed") then
    return nil
  end
  local made, after_ms = string.match(terms, "^(%a+):(%d+)$")
  if heard.lasted_ms >= tonumber(after_ms) then
    local is_late = make_sale(keys, {
      decision = decision, position = position, number = number, bid = bid, about = about, contract = contract,
      periods = periods, price = string.match(member, "%d+$"), member = member, is_charged = charged == "1", made = made,
    }, now)
    redis.call("HSET", keys.sale, "state", "sold", "made_at_ms", now, "cap_fields", periods)
    return bid, is_late
  end
  if heard.has_ended and state == "pending" then
    redis.call("XADD", keys.sales, "*", "event", "lapsed", "sale", decision, "at_ms", now)
    end_pending(keys.pending, keys.reserved, member)
    redis.call("HSET", keys.sale, "state", "lapsed")
  end
  return nil
end

local function bind_making(sale_key, sales_key)
  return {
    sale = sale_key, sales = sales_key, caps = next_key(), pending = next_key(), reserved = next_key(), balance = next_key(),
  }
end
