-- making: a pending sale is made: it counts in its contract's periods, and its price leaves the balance. Needs caps, waiting.
-- keys: sale, sales, caps, pending, reserved, balance. it: decision, position, number, bid, about (as on record), contract,
-- periods (starts of now, csv), price (micros), member (its name in pending; nil: it is in none), is_charged, made (why).

-- Whether it had lapsed before: it is booked all the same, for the buyer has what it pays for.
local function make_sale(keys, it, now)
  local is_late = not (it.member and lives_pending(keys.pending, it.member, now))
  redis.call("XADD", keys.sales, "*", "event", "sold", "sale", it.decision, "position", it.position, "number", it.number,
    "at_ms", now, "bid", it.bid, "about", it.about, "made", it.made, "late", is_late and 1 or 0)
  count_sale(keys.caps, it.contract, it.periods, 1, it.price)
  if it.member then
    end_pending(keys.pending, keys.reserved, it.member)
  end
  if it.is_charged then
    redis.call("DECRBY", keys.balance, it.price)
  end
  return is_late
end
