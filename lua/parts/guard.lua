-- guard: what only some contracts have: a buyer that pays from a balance, caps on revenue, sales that are made later than at
-- their post. Needs caps, pending.
-- A guard's words: price (micros); is_charged (1: its buyer pays from a balance); waits (1: its sales are pending first);
-- caps_count, revenue_count; then the words of its caps, and of its caps on revenue (see caps).
-- Its keys: pending (ZSET of its contract), pendings (SET), reserved (ZSET of its buyer), balance (STRING).
local GUARD_KEYS = 4

-- The decline that it stands for, nil where it lets the sale pass; and how many words it has.
local function guard_against(words, at, value, key_at, now)
  local price, is_charged, waits, caps_count, revenue_count =
    words[at], words[at + 1] == 1, words[at + 2] == 1, words[at + 3], words[at + 4]
  local BALANCE, words_count = "208", 5 + (caps_count + revenue_count) * 4
  local pending_key, reserved_key, balance_key = KEYS[key_at + 1], KEYS[key_at + 3], KEYS[key_at + 4]
  if is_charged and tonumber(redis.call("GET", balance_key) or 0) - reserved_micros(reserved_key, now) < price then
    return BALANCE, words_count
  end
  local pending_count, pending_micros = 0, 0
  if waits and caps_count > 0 then
    pending_count = redis.call("ZCOUNT", pending_key, "(" .. now, "+inf")
  end
  if waits and revenue_count > 0 then
    pending_micros = reserved_micros(pending_key, now)
  end
  local reached = cap_reached(value, words, at + 5, caps_count, pending_count)
    or revenue_cap_reached(value, words, at + 5 + caps_count * 4, revenue_count, pending_micros + price)
  return reached, words_count
end
