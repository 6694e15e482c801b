-- sell: a post takes the first of its bids that can have it, one or several, a number, and is on record.
-- parts: clock, tail, limits, caps, pending, guard, room, candidate, slot, taking, winners, number
-- KEYS: sale (HASH), ping (STRING), audit (STREAM), sales (STREAM), caps (HASH); tail: request shield (STRING), fields
--   shield (STRING), caller (STRING), each where the ARGV says so; pool (ZSET), lent (HASH), retired (SET) where is_pooled;
--   leases of the buyers that the ping held (ZSET each); limits; marks; takers; candidates
-- ARGV: not_after_ms, decision, question, json (the record; empty: the ping's own), about (JSON for the sales stream),
--   own_number, request_value (what the request shield must say after its decision), fields_value (the fields shield's own
--   name), order_before, said_before (of earlier trips; csv, with a comma where more follows), how (msgpack: number_ms,
--   cooldown_ms, keep_ms, audit_records_max, needs_ping, has_request, has_fields, has_caller, is_pooled, look_further,
--   held_count, is_last, winners_max, exclusive_ms), pool_id, order (positions, csv), limits_packed, marks_packed,
--   takers_packed, candidates_packed (msgpack: see the parts)
-- Returns: late, now · repeat, the sale (flat) · already_sold, the sale (flat) · elsewhere, decision · conflict ·
--   rate_limited, place of the limit · ping_gone · none, verdicts · no_tracking_number, verdicts ·
--   sold, position of the winner, number, now, periods it is counted in (starts, csv; none while it is pending), marks it
--   left (csv), verdicts, positions of all winners (csv; empty where it is the only one), names of the marks of exclusivity it
--   left (csv)
-- Writes: none: limits, and audit in the last trip; no_tracking_number: limits, audit; sold: these, caps, leases, slots,
--   marks, pool, lent, retired, sale, shields, caller, sales; of a guarded one pending, pendings, reserved or balance (see
--   guard); else nothing
-- number_ms: life of slot and number; 0 where data is delivered. keep_ms: life of the sale. is_last: no further trip
-- follows. winners_max: most buyers, each of whom is taken in this one run; above 1 only where data is delivered, which
-- takes no leases. exclusive_ms: life of the marks that one buyer alone has this person; 0: none are left.
local sale_key, ping_key, audit_key, sales_key, caps_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local not_after_ms, decision, question, json, about = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local own_number, request_value, fields_value, order_before = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local said_before, how, pool_id, order = ARGV[10], ARGV[11], ARGV[12], ARGV[13]
local limits_packed, marks_packed, takers_packed, candidates_packed = ARGV[14], ARGV[15], ARGV[16], ARGV[17]
local number_ms, cooldown_ms, keep_ms, audit_records_max, needs_ping, has_request, has_fields, has_caller, is_pooled,
  look_further, held_count, is_last, winners_max, exclusive_ms = cmsgpack.unpack(how)
local NOBODY, NOTHING, RECORD_OF_PING = "-1", {}, "^[^|]*|[^|]*|[^|]*|(.*)$"
tail_follows(5)
local request_key = has_request and next_key()
local fields_key = has_fields and next_key()
local caller_key = has_caller and next_key()
local pool_key, lent_key, retired_key
if is_pooled then
  pool_key, lent_key, retired_key = next_key(), next_key(), next_key()
end
local held_keys = {}
for at = 1, held_count do
  held_keys[at] = next_key()
end

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end

local asked = redis.call("HGET", sale_key, "question")
if asked then
  return {asked == question and "repeat" or "already_sold", redis.call("HGETALL", sale_key)}
end
local answered = request_key and redis.call("GET", request_key)
if answered then
  local by, value = string.match(answered, "^([^|]*)|(.*)$")
  if value ~= request_value then
    return {"conflict"}
  end
  return {"elsewhere", by}
end
local same = fields_key and redis.call("GET", fields_key)
if same then
  return {"elsewhere", string.sub(same, 2)}
end
local reached, buckets
reached, buckets, key_at = look_at_limits(limits_packed, key_at)
if reached then
  return {"rate_limited", reached}
end
local ping = needs_ping and redis.call("GET", ping_key)
if needs_ping and not ping then
  return {"ping_gone"}
end
local record = json ~= "" and json or string.match(ping, RECORD_OF_PING)

local marks_before, bought = key_at, nil
bought, key_at = bought_before(marks_packed, key_at)
local last_mark = key_at
bind_takers(takers_packed)
local search = {enough = math.max(look_further, winners_max), buyers_count = 0, lease = decision, now = now, taken = {}}
local verdicts = look_at_candidates(candidates_packed, caps_key, bought, key_at, search)
local winners = takers_of(search.taken, winners_max, decision, marks_packed, marks_before)
local winner, parts = winners[1], parts_of(winners)
local position = winner and as_text(winner.position) or NOBODY
local number, passed = own_number, {}
if winner and is_pooled then
  number, passed = free_number(pool_key, retired_key, now)
end
local status = not winner and "none" or not number and "no_tracking_number" or "sold"
local sold_at, sold_until = as_text(now), as_text(now + number_ms)

-- All writes: the first is one that a full memory refuses.
count_request(buckets)
if status ~= "none" or is_last then
  redis.call("XADD", audit_key, "MAXLEN", "~", audit_records_max, "*", "decision", decision, "kind", "post",
    "status", status, "question", question, "said", said_before .. verdicts, "order", order_before .. order,
    "position", position, "number", number or "", "record", record,
    unpack(parts ~= "" and {"parts", parts} or NOTHING))
end
if status ~= "sold" then
  return {status, verdicts}
end
for at = 1, #winners do
  local one, its_position = winners[at], at == 1 and position or as_text(winners[at].position)
  redis.call("XADD", sales_key, "*", "event", one.state == "sold" and "sold" or "posted", "sale", decision,
    "position", its_position, "number", number, "at_ms", sold_at, "bid", one.bid, "about", about,
    unpack(parts ~= "" and {"part", its_position} or NOTHING))
  take(one, caps_key, decision, sold_at, sold_until, sold_until)
end
for _, key in ipairs(held_keys) do
  if key ~= winner.leases then
    redis.call("ZREM", key, decision)
  end
end
if is_pooled then
  forget(pool_key, lent_key, retired_key, passed)
  lend(pool_key, lent_key, number, decision, now + number_ms + cooldown_ms)
end
redis.call("HSET", sale_key, "record", record, "question", question, "order", order, "position", position,
  "sold_position", position, "number", number, "sold_at_ms", sold_at, "until_ms", sold_until, "state", winner.state,
  "live_call", "", "live_until_ms", "0", "pool", pool_id, "said", verdicts,
  "cap_fields", winner.periods, "bought", winner.marks, "fields_key", fields_value)
if winner.guarded then
  redis.call("HSET", sale_key, "charged", winner.charged, "pending", winner.member, "terms", winner.terms, "bid", winner.bid,
    "about", about)
end
if parts ~= "" then
  keep_parts(sale_key, winners, parts)
end
local exclusive = exclusive_ms > 0 and keep_exclusive(sale_key, decision, marks_packed, last_mark, exclusive_ms) or ""
redis.call("PEXPIRE", sale_key, keep_ms)
if request_key then
  redis.call("SET", request_key, decision .. "|" .. request_value, "PX", keep_ms)
end
if fields_key then
  redis.call("SET", fields_key, "s" .. decision, "PX", number_ms)
end
if caller_key then
  redis.call("SET", caller_key, "s" .. decision, "PX", number_ms)
end
return {"sold", position, number, now, winner.periods, winner.marks, verdicts, parts, exclusive}
