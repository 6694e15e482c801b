-- release: a call ends. Its slot is free at once; its number cools where somebody answered, else stays lent until its time.
-- parts: clock, tail, caps, waiting, making, settling, slot, number, reach
-- KEYS: call (HASH), sale (HASH; the call again where it is not known), sales (STREAM), leases, slots (ZSETs of the buyer
--   that was dialled last; the call again where none was); tail: what leads to the sale (see reach); what
--   makes it (see settling), where it was pending
-- ARGV: not_after_ms, decision ("": nobody knows the call), call (edge:call), attempt (-1: not said), outcome, duration_ms,
--   buyer_seen (id of that buyer, as the call was read; or empty), cooldown_ms, tombstone_ms, is_pooled (1 or 0),
--   pointers_count, contract (of the sale, where it was pending when it was dialled; or empty), periods (starts of now, csv)
-- Returns: late, now · changed (the call was read too early) · tombstone · repeat · stale · taken · taken, bid of the sale
--   that is made by it (JSON), late (1 or 0)
-- Writes: tombstone: call; taken: leases, slots, sale, call, sales; answered: also pool, lent, pointers, and of a pending sale
--   pending, reserved, caps, balance; else nothing
local call_key, sale_key, sales_key, leases_key, slots_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local not_after_ms, decision, call, attempt = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local outcome, duration_ms, buyer_seen, cooldown_ms = ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
local tombstone_ms, is_pooled, pointers_count = ARGV[9], ARGV[10] == "1", tonumber(ARGV[11])
local contract, periods = ARGV[12], ARGV[13]
tail_follows(5)
bind_reach(is_pooled, pointers_count)
local making = contract ~= "" and bind_making(sale_key, sales_key)

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end
local sale, latest, answered, ended, buyer, pends =
  unpack(redis.call("HMGET", call_key, "sale", "attempt", "answered", "ended", "buyer", "pends"))
if ended then
  return {"repeat"}
end
if (sale or "") ~= decision or (buyer or "") ~= buyer_seen or (pends or "") ~= contract then
  return {"changed"}
end
if decision == "" then
  redis.call("HSET", call_key, "ended", now, "outcome", outcome)
  redis.call("PEXPIRE", call_key, tombstone_ms)
  return {"tombstone"}
end
if attempt >= 0 and attempt < tonumber(latest) then
  return {"stale"}
end
-- While the call is the sale's live one, its buyer is the sale's: what moves a sale writes both.
local live_call, number = unpack(redis.call("HMGET", sale_key, "live_call", "number"))
local is_answered = answered or outcome == "answered"
local lasted_ms = tonumber(duration_ms)
if lasted_ms < 0 then
  lasted_ms = answered and now - tonumber(answered) or 0
end
local bid, is_late

-- All writes. The first gives back: an end is taken although memory is full, for what follows a write is let through.
if buyer and live_call == call then
  free_slot(leases_key, slots_key, decision)
  redis.call("HSET", sale_key, "live_call", "", "live_until_ms", 0)
  if is_answered then
    redis.call("HSET", sale_key, "until_ms", now)
    end_reach(decision, number, now + cooldown_ms)
  end
  if making then
    local heard = {is_answered = is_answered, lasted_ms = lasted_ms, has_ended = true}
    bid, is_late = settle(making, decision, contract, periods, heard, now)
  end
end
redis.call("HSET", call_key, "ended", now, "outcome", outcome)
redis.call("PEXPIRE", call_key, tombstone_ms)
redis.call("XADD", sales_key, "*", "event", "ended", "sale", decision, "call", call, "outcome", outcome,
  "answered", is_answered and 1 or 0, "duration_ms", duration_ms, "at_ms", now)
if bid then
  return {"taken", bid, is_late and 1 or 0}
end
return {"taken"}
