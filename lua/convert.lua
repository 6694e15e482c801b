-- convert: a conversion is reported of a sale. One that is not made yet is made by it, of any other it is noted; once.
-- parts: clock, caps, waiting, making
-- KEYS: sale (HASH), converted (STRING), sales (STREAM), caps (HASH), pending (ZSET of the sale's contract), reserved (ZSET
--   of its buyer), balance (STRING)
-- ARGV: not_after_ms, decision, part (place of its buyer where a post sold to several; or empty), position_seen (place of
--   its buyer, as it was read), archived (what the ledger says of a sale that is not here: pending, lapsed or sold; or empty),
--   charges (1: making an archived one is charged to the balance; 0), contract, periods (starts of now, csv), price_micros,
--   number, bid (JSON), about (JSON), by, mark_ms (how long it is known that it was reported)
-- Returns: late, now · unknown · changed (it was read too early) · repeat, made or noted · a state (void, returned) ·
--   made, late (1 or 0) · noted, 0
-- Writes: made: sales, caps, pending, reserved, balance, sale, converted; noted: sales, converted; else nothing
local sale_key, converted_key, sales_key, caps_key, pending_key, reserved_key, balance_key =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local not_after_ms, decision, part, position_seen, archived = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local charges, contract, periods, price_micros, number = ARGV[6] == "1", ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local bid, about, by, mark_ms = ARGV[11], ARGV[12], ARGV[13], ARGV[14]

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end
-- Of the buyer it was reported of: where a call has moved the sale since, the next one has said nothing yet.
local reported, of = string.match(redis.call("GET", converted_key) or "", "^(%a+):?(%d*)$")
if reported and (of == "" or of == position_seen) then
  return {"repeat", reported}
end
local position, parts, member, charged = unpack(redis.call("HMGET", sale_key, "position", "parts", "pending", "charged"))
local state = redis.call("HGET", sale_key, part == "" and "state" or "state:" .. part)
if not position then
  state = archived ~= "" and archived
end
-- The plain fields of a sale of several parts are those of its first.
if not state or (parts and part == "") then
  return {"unknown"}
end
if position and part == "" and position ~= position_seen then
  return {"changed"}
end
local is_made = state == "sold"
if not is_made and state ~= "pending" and state ~= "lapsed" then
  return {state}
end

-- All writes: the first is one that a full memory refuses.
local is_late = false
if is_made then
  local whose = part == "" and {} or {"part", part}
  redis.call("XADD", sales_key, "*", "event", "converted", "sale", decision, "by", by, "at_ms", now, unpack(whose))
else
  local keys = {sales = sales_key, caps = caps_key, pending = pending_key, reserved = reserved_key, balance = balance_key}
  local made_of = {
    decision = decision, position = position_seen, number = number, bid = bid, about = about, contract = contract,
    periods = periods, price = price_micros, member = member, made = "reported",
    is_charged = charged == "1" or (not position and charges),
  }
  is_late = make_sale(keys, made_of, now)
  if position then
    redis.call("HSET", sale_key, "state", "sold", "made_at_ms", now, "cap_fields", made_of.periods)
  end
end
redis.call("SET", converted_key, (is_made and "noted:" or "made:") .. position_seen, "PX", mark_ms)
return {is_made and "noted" or "made", is_late and 1 or 0}
