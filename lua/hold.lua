-- hold: a ping asks for room at its candidates, in order, and leaves its record.
-- parts: clock, tail, periods, limits, candidate
-- KEYS: record (STRING of the ping), shield (STRING; the record again where the ping has none), audit (STREAM),
--   caller (STRING; the record again where no number is tracked by caller); tail: buckets, candidates
-- ARGV: not_after_ms, decision, ttl_ms, open_ms (life of the record between two trips), hold_ms (0: look, take nothing),
--   shielded, tracked, audited (1 or 0 each), audit_records_max, buyers_max, is_last (1: no further trip follows),
--   said_before (csv), fingerprinted (1: this trip asks the shield), default_at (place of the
--   default buyer among these candidates, which only takes what nobody else does; 0: it is not there), json (the record),
--   held_before (msgpack: buyers), buckets (msgpack), candidates (msgpack)
-- Returns: late, now · rate_limited, place of the limit · repeat, decision of the first ping ·
--   held | none, expires_at_ms, done (1 or 0), verdicts of this trip ("" for not looked at)
-- Writes: nothing when late or rate_limited; repeat: buckets; held, or a further trip follows: buckets, holds, record,
--   shield; none: buckets, and record and shield of earlier trips go; done: also audit; held and done: also caller
local record_key, shield_key, audit_key, caller_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local not_after_ms, decision, ttl_ms, open_ms = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local hold_ms, shielded, tracked, audited = tonumber(ARGV[5]), ARGV[6] == "1", ARGV[7] == "1", ARGV[8] == "1"
local audit_records_max, buyers_max, is_last = ARGV[9], tonumber(ARGV[10]), ARGV[11] == "1"
local said_before, fingerprinted, default_at, json = ARGV[12], ARGV[13] == "1", tonumber(ARGV[14]), ARGV[15]
local held_before, buckets, candidates = cmsgpack.unpack(ARGV[16]), cmsgpack.unpack(ARGV[17]), cmsgpack.unpack(ARGV[18])
tail_follows(4)

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end

bind_buckets(buckets)
local reached = limit_reached(buckets)
if reached then
  return {"rate_limited", reached}
end
local first = fingerprinted and redis.call("GET", shield_key)
if first and first ~= decision then
  count_request(buckets)
  return {"repeat", first}
end

local held_buyers, held_count, held, said = {}, 0, {}, {}
for _, buyer in ipairs(held_before) do
  held_buyers[buyer] = true
  held_count = held_count + 1
end
for at, one in ipairs(candidates) do
  bind_candidate(one)
  if held_count >= buyers_max then
    said[at] = ""
  elseif held_buyers[one.buyer] or (at == default_at and held_count > 0) then
    said[at] = OUTRANKED
  else
    said[at] = why_not(one, nil, now)
    if said[at] == 0 then
      held_buyers[one.buyer] = true
      held_count = held_count + 1
      held[#held + 1] = one
    end
  end
end

local done = is_last or held_count >= buyers_max
local life_ms = done and ttl_ms or math.min(open_ms, ttl_ms)
local verdicts = said_before .. table.concat(said, ",")

-- All writes: the first is one that a full memory refuses.
count_request(buckets)
for _, one in ipairs(held) do
  if hold_ms > 0 and one.holds then
    redis.call("ZADD", one.holds, now + hold_ms, decision)
    redis.call("ZREMRANGEBYSCORE", one.holds, "-inf", now)
  end
end
if held_count > 0 or not done then
  local state = done and "done" or "open"
  redis.call("SET", record_key, table.concat({state, now + life_ms, verdicts, json}, "|"), "PX", life_ms)
  if shielded then
    redis.call("SET", shield_key, decision, "PX", life_ms)
  end
  if tracked and done and string.sub(redis.call("GET", caller_key) or "p", 1, 1) == "p" then
    redis.call("SET", caller_key, "p" .. decision, "PX", life_ms)
  end
elseif said_before ~= "" then
  redis.call("DEL", record_key)
  if shielded and redis.call("GET", shield_key) == decision then
    redis.call("DEL", shield_key)
  end
end
if audited and done then
  redis.call("XADD", audit_key, "MAXLEN", "~", audit_records_max, "*", "decision", decision, "kind", "ping",
    "said", verdicts, "record", json)
end
return {held_count > 0 and "held" or "none", now + life_ms, done and 1 or 0, unpack(said)}
