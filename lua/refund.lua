-- refund: a sale that was made is given back: its price to the buyer's balance, its caps where their periods are still on.
--   Once. Its dedup marks stay, for the buyer has had the lead.
-- parts: clock, caps
-- KEYS: sale (HASH), returned (STRING), sales (STREAM), caps (HASH), balance (STRING)
-- ARGV: not_after_ms, decision, part (place of its buyer where a post sold to several; or empty), position_seen (place of
--   its buyer, as it was read), archived (what the ledger says of a sale that is not here; or empty), charges (1: an archived
--   one was charged to the balance; 0), contract, periods (of an archived one: starts of those it was made in, csv),
--   price_micros, reason, by, mark_ms (how long it is known that it was returned)
-- Returns: late, now · unknown · changed (it was read too early) · repeat · a state (pending, lapsed, void) · returned
-- Writes: returned: sales, balance, caps, sale, returned; else nothing
local sale_key, returned_key, sales_key, caps_key, balance_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local not_after_ms, decision, part, position_seen, archived = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local charges, contract, periods, price_micros = ARGV[6] == "1", ARGV[7], ARGV[8], ARGV[9]
local reason, by, mark_ms = ARGV[10], ARGV[11], ARGV[12]

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end
if redis.call("EXISTS", returned_key) == 1 then
  return {"repeat"}
end
local suffix = part == "" and "" or ":" .. part
local position, parts = unpack(redis.call("HMGET", sale_key, "position", "parts"))
local state, charged, cap_fields =
  unpack(redis.call("HMGET", sale_key, "state" .. suffix, "charged" .. suffix, "cap_fields" .. suffix))
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
if state ~= "sold" then
  return {state == "returned" and "repeat" or state}
end
local whose = part == "" and {} or {"part", part}

-- All writes: the first is one that a full memory refuses.
redis.call("XADD", sales_key, "*", "event", "returned", "sale", decision, "reason", reason, "by", by, "at_ms", now,
  unpack(whose))
if charged == "1" or (not position and charges) then
  redis.call("INCRBY", balance_key, price_micros)
end
count_sale(caps_key, contract, cap_fields or periods, -1, price_micros)
if position then
  redis.call("HSET", sale_key, "state" .. suffix, "returned", "cap_fields" .. suffix, "")
end
redis.call("SET", returned_key, "1", "PX", mark_ms)
return {"returned"}
