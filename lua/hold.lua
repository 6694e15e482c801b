-- hold: a ping asks for room at its candidates, in order, and leaves its record.
-- parts: clock, limits, caps, pending, guard, room, candidate
-- KEYS: record (STRING of the ping), shield (STRING; the record again where the ping has none), audit (STREAM),
--   caller (STRING; the record again where no number is tracked by caller), caps (HASH); tail: limits, marks, candidates
-- ARGV: not_after_ms, decision, json (the record), how (msgpack: ttl_ms, open_ms, hold_ms, buyers_max, audit_records_max;
--   is_last, shielded, fingerprinted, tracked, audited),
--   said_before (csv), held_before (msgpack: buyers), limits_packed, marks_packed, candidates_packed (msgpack: see the
--   parts)
-- Returns: late, now · rate_limited, place of the limit · repeat, decision of the first ping ·
--   held | none, expires_at_ms, done (1 or 0), verdicts of this trip (csv; empty for not looked at)
-- Writes: nothing when late or rate_limited; repeat: limits; held, or a further trip follows: limits, leases, record,
--   shield; none: limits, and record and shield of earlier trips go; done: also audit; held and done: also caller
-- The first five words of how are of the endpoint, the others of the ping. ttl_ms, open_ms: life of the record, and between
-- two trips. hold_ms: 0 looks and takes nothing. is_last: no further trip follows. fingerprinted: this trip asks the shield.
local record_key, shield_key, audit_key, caller_key, caps_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local not_after_ms, decision, json, how = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local said_before, held_before = ARGV[5], ARGV[6]
local limits_packed, marks_packed, candidates_packed = ARGV[7], ARGV[8], ARGV[9]
local ttl_ms, open_ms, hold_ms, buyers_max, audit_records_max,
  is_last, shielded, fingerprinted, tracked, audited = cmsgpack.unpack(how)
local KEYS_NAMED = 5
local PINGS_PER_CLEANING, PINGS_PER_TRIM = 4, 16

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end

local reached, buckets, key_at = look_at_limits(limits_packed, KEYS_NAMED)
if reached then
  return {"rate_limited", reached}
end
local first = fingerprinted and redis.call("GET", shield_key)
if first and first ~= decision then
  count_request(buckets)
  return {"repeat", first}
end

local held_buyers, held_before_count, bought = nil, 0, nil
if held_before ~= "" then
  held_buyers = {}
  for _, buyer in ipairs({cmsgpack.unpack(held_before)}) do
    held_buyers[buyer] = true
    held_before_count = held_before_count + 1
  end
end
bought, key_at = bought_before(marks_packed, key_at)
local search = {enough = buyers_max, buyers = held_buyers, buyers_count = held_before_count, now = now}
local verdicts, new_count, held = look_at_candidates(candidates_packed, caps_key, bought, key_at, search)
local held_count = held_before_count + new_count

local done = is_last or held_count >= buyers_max
local expires_at_ms = now + (done and ttl_ms or math.min(open_ms, ttl_ms))
local expires_at, hold_until = as_text(expires_at_ms), as_text(now + hold_ms)
local all_said = said_before .. verdicts

-- All writes: the first is one that a full memory refuses.
count_request(buckets)
if hold_ms > 0 and #held > 0 then
  for at = 1, #held do
    redis.call("ZADD", held[at], hold_until, decision)
  end
  -- The clock says whose turn it is to be cleaned, if anyone's: most pings need not pay for it.
  local its_turn = held[now % (#held * PINGS_PER_CLEANING) + 1]
  if its_turn then
    redis.call("ZREMRANGEBYSCORE", its_turn, "-inf", as_text(now))
  end
end
if held_count > 0 or not done then
  local state = done and "done" or "open"
  redis.call("SET", record_key, state .. "|" .. expires_at .. "|" .. all_said .. "|" .. json, "PXAT", expires_at)
  if shielded then
    redis.call("SET", shield_key, decision, "PXAT", expires_at)
  end
  if tracked and done and string.sub(redis.call("GET", caller_key) or "p", 1, 1) == "p" then
    redis.call("SET", caller_key, "p" .. decision, "PXAT", expires_at)
  end
elseif said_before ~= "" then
  redis.call("DEL", record_key)
  if shielded and redis.call("GET", shield_key) == decision then
    redis.call("DEL", shield_key)
  end
end
if audited and done then
  redis.call("XADD", audit_key, "*", "decision", decision, "kind", "ping", "said", all_said, "record", json)
  if now % PINGS_PER_TRIM == 0 then
    redis.call("XTRIM", audit_key, "MAXLEN", "~", audit_records_max)
  end
end
return {held_count > 0 and "held" or "none", expires_at_ms, done and 1 or 0, verdicts}
