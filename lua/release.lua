-- release: a call ends. Its slot is free at once; its number cools where somebody answered, else stays lent until its time.
-- parts: clock, tail, slot, number, reach
-- KEYS: call (HASH), sale (HASH; the call again where it is not known), sales (STREAM), leases, slots (ZSETs of the buyer
--   that was dialled last; the call again where none was); tail: what leads to the sale (see reach)
-- ARGV: not_after_ms, decision ("": nobody knows the call), call (edge:call), attempt (-1: not said), outcome, duration_ms,
--   buyer_seen (id of that buyer, as the call was read; or empty), cooldown_ms, tombstone_ms, is_pooled (1 or 0),
--   pointers_count
-- Returns: late, now · changed (the call was read too early) · tombstone · repeat · stale · taken
-- Writes: tombstone: call; taken: leases, slots, sale, call, sales; answered: also pool, lent, pointers; else nothing
local call_key, sale_key, sales_key, leases_key, slots_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local not_after_ms, decision, call, attempt = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local outcome, duration_ms, buyer_seen, cooldown_ms = ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
local tombstone_ms, is_pooled, pointers_count = ARGV[9], ARGV[10] == "1", tonumber(ARGV[11])
tail_follows(5)
bind_reach(is_pooled, pointers_count)

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end
local sale, latest, answered, ended, buyer =
  unpack(redis.call("HMGET", call_key, "sale", "attempt", "answered", "ended", "buyer"))
if ended then
  return {"repeat"}
end
if (sale or "") ~= decision or (buyer or "") ~= buyer_seen then
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

-- All writes. The first gives back: an end is taken although memory is full, for what follows a write is let through.
if buyer and live_call == call then
  free_slot(leases_key, slots_key, decision)
  redis.call("HSET", sale_key, "live_call", "", "live_until_ms", 0)
  if is_answered then
    redis.call("HSET", sale_key, "until_ms", now)
    end_reach(decision, number, now + cooldown_ms)
  end
end
redis.call("HSET", call_key, "ended", now, "outcome", outcome)
redis.call("PEXPIRE", call_key, tombstone_ms)
redis.call("XADD", sales_key, "*", "event", "ended", "sale", decision, "call", call, "outcome", outcome,
  "answered", is_answered and 1 or 0, "duration_ms", duration_ms, "at_ms", now)
return {"taken"}
