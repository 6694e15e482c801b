-- renew: a call is answered, or says that it lives. Heartbeats follow the answer, so that one of the current attempt makes
--   good an `answered` that was lost.
-- parts: clock, tail, room, slot, number, reach
-- KEYS: call (HASH), sale (HASH), leases, slots (ZSETs of the buyer that was dialled last; the call again where none was);
--   tail: what leads to the sale (see reach)
-- ARGV: not_after_ms, decision, call (edge:call), attempt (-1: not said), is_answered (1 or 0), buyer_seen (id of that
--   buyer, as the call was read; or empty), room (most live leases of its buyer; -1 no limit), keep_ms (life of the sale),
--   cooldown_ms, is_pooled (1 or 0), pointers_count
-- Returns: late, now · changed (the call was read too early) · unknown · stale · repeat · taken · overrun
-- Writes: taken, overrun, repeat: call, sale, pool, pointers; taken, repeat: leases, slots; else nothing
local call_key, sale_key, leases_key, slots_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local not_after_ms, decision, call, attempt = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local is_answered, buyer_seen, room, keep_ms = ARGV[5] == "1", ARGV[6], tonumber(ARGV[7]), ARGV[8]
local cooldown_ms, is_pooled, pointers_count = tonumber(ARGV[9]), ARGV[10] == "1", tonumber(ARGV[11])
tail_follows(4)
bind_reach(is_pooled, pointers_count)

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end
local sale, latest, answered, ended, beat_ms, buyer =
  unpack(redis.call("HMGET", call_key, "sale", "attempt", "answered", "ended", "beat_ms", "buyer"))
local live_call, until_ms, number = unpack(redis.call("HMGET", sale_key, "live_call", "until_ms", "number"))
if sale ~= decision or not live_call then
  return {"unknown"}
end
if ended then
  return {"stale"}
end
if (buyer or "") ~= buyer_seen then
  return {"changed"}
end
-- While the call is the sale's live one, its buyer is the sale's: what moves a sale writes both.
if not buyer or live_call ~= call or (attempt >= 0 and attempt < tonumber(latest)) then
  return {"stale"}
end
local has_slot = has_room(leases_key, room, decision, now)
local lease_until_ms = now + tonumber(beat_ms)

-- All writes: the first is one that a full memory refuses.
until_ms = math.max(tonumber(until_ms), lease_until_ms)
redis.call("HSET", sale_key, "live_until_ms", lease_until_ms, "until_ms", until_ms)
redis.call("PEXPIRE", sale_key, keep_ms)
if has_slot then
  keep_slot(leases_key, slots_key, decision, lease_until_ms)
end
if not answered then
  redis.call("HSET", call_key, "answered", now)
end
redis.call("PEXPIRE", call_key, keep_ms)
keep_reach(decision, number, until_ms, cooldown_ms)
if not has_slot then
  return {"overrun"}
end
return {is_answered and answered and "repeat" or "taken"}
