-- route: a call arrives at its sale's number, or tries the sale's next buyer. The same attempt gets the same answer.
-- parts: clock, tail, caps, pending, guard, room, candidate, slot, waiting, taking, giving, number, reach
-- KEYS: call (HASH), sale (HASH), sales (STREAM), leases, slots (ZSETs of the buyer the sale is with), caps (HASH),
--   pending (ZSET of its contract), reserved (ZSET of its buyer), balance (STRING); tail: what leads to the sale (see reach); marks of the sale (STRING each); marks; takers; candidates
-- ARGV: not_after_ms, decision, call (edge:call), attempt, attempts_max, is_pooled (1 or 0), pointers_count,
--   position_seen (of the sale, as it was read), room (of that buyer; -1 no limit, -2 it is gone), lease_ms,
--   call_ms (life of the call's record), keep_ms (life of the sale), cooldown_ms, beat_ms (what a heartbeat extends by),
--   endpoint, caller_matches (1 or 0), buyer, contract, price_micros (that the sale is with), pool, caller, fields (names of what leads
--   to the sale, or empty), about (JSON for the sales stream), bought_count (marks of the sale), marks_packed,
--   takers_packed, candidates_packed (msgpack: see the parts)
-- Returns: late, now · changed (the sale was read too early) · a reason | dial, position dialled, the sale (flat)
-- Writes: nothing when late or changed; call; a dialled one also leases, slots, sale, pool, pointers; a move also caps,
--   marks, sales, pending, pendings, reserved, balance; none left: all of these back, lent
local call_key, sale_key, sales_key, leases_key, slots_key, caps_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local pending_key, reserved_key, balance_key = KEYS[7], KEYS[8], KEYS[9]
local not_after_ms, decision, call, attempt, attempts_max = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local is_pooled, pointers_count, position_seen = ARGV[6] == "1", tonumber(ARGV[7]), ARGV[8]
local room, lease_ms, call_ms, keep_ms = tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11], ARGV[12]
local cooldown_ms, beat_ms, endpoint, caller_matches = tonumber(ARGV[13]), ARGV[14], ARGV[15], ARGV[16] == "1"
local buyer, contract, price_micros, pool, caller = ARGV[17], ARGV[18], ARGV[19], ARGV[20], ARGV[21]
local fields, about, bought_count = ARGV[22], ARGV[23], tonumber(ARGV[24])
local marks_packed, takers_packed, candidates_packed = ARGV[25], ARGV[26], ARGV[27]
local GONE, FIRST = -2, 1
tail_follows(9)
bind_reach(is_pooled, pointers_count)
local bought_keys = {}
for at = 1, bought_count do
  bought_keys[at] = next_key()
end

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end

local function field_of(key, field)
  return redis.call("HGET", key, field) or ""
end

local function answer(word, position)
  return {word, position, redis.call("HGETALL", sale_key)}
end

-- Remembers what this attempt was told, and where the call belongs.
local function told(word, position)
  redis.call("HSET", call_key, "sale", decision, "endpoint", endpoint, "a" .. attempt, word .. ":" .. position)
  if attempt >= tonumber(redis.call("HGET", call_key, "attempt") or -1) then
    redis.call("HSET", call_key, "attempt", attempt)
  end
  redis.call("PEXPIRE", call_key, call_ms)
  return answer(word, position)
end

local before = redis.call("HGET", call_key, "a" .. attempt)
if before then
  local word, position = string.match(before, "^([^:]*):(.*)$")
  return answer(word, position)
end
local latest = tonumber(redis.call("HGET", call_key, "attempt") or -1)
if latest > attempt then
  local word, position = string.match(field_of(call_key, "a" .. latest), "^([^:]*):(.*)$")
  return answer(word, position)
end
if field_of(sale_key, "position") ~= position_seen then
  return {"changed"}
end

local live_call = field_of(sale_key, "live_call")
local is_live = live_call ~= "" and tonumber(field_of(sale_key, "live_until_ms")) > now
if redis.call("HEXISTS", call_key, "ended") == 1 then
  if not is_live or live_call == call then
    free_slot(leases_key, slots_key, decision)
  end
  return told("call_ended", -1)
end
if not caller_matches then
  return told("caller_mismatch", -1)
end
local state = field_of(sale_key, "state")
if state == "void" or state == "returned" then
  return told("no_buyer_left", -1)
end
-- A call that is at work on the sale keeps the number for as long as nobody else was lent it.
local is_lent = not is_pooled or redis.call("HGET", reach.lent, field_of(sale_key, "number")) == decision
if not is_lent or state == "lapsed" or (live_call ~= call and tonumber(field_of(sale_key, "until_ms")) <= now) then
  return told("number_expired", -1)
end
if is_live and live_call ~= call then
  return told("number_busy", -1)
end

-- The buyer of the moment: dialled unless it was already, or its slot is gone and there is no room for another.
local is_next = live_call == call
local chosen, chosen_position = nil, position_seen
local stays = not is_next and room > GONE and has_room(leases_key, room, decision, now)
if not stays and attempt < attempts_max then
  local marks_before, bought = key_at, nil
  bought, key_at = bought_before(marks_packed, key_at)
  bind_takers(takers_packed)
  local search = {enough = 1, buyers_count = 0, lease = decision, now = now, taken = {}}
  look_at_candidates(candidates_packed, caps_key, bought, key_at, search)
  if search.taken[FIRST] then
    chosen = taker(search.taken[FIRST], decision, marks_packed, marks_before)
    chosen_position = chosen.position
  end
end
local number = field_of(sale_key, "number")
local until_ms = math.max(tonumber(field_of(sale_key, "until_ms")), now + lease_ms)
local stream = {"sale", decision, "call", call, "at_ms", now, "about", about}
local given = {
  leases = leases_key, slots = slots_key, caps = caps_key, pending = pending_key, reserved = reserved_key,
  balance = balance_key, bought = bought_keys, contract = contract, price = price_micros,
}

-- All writes: the first is one that a full memory refuses.
if not stays and not chosen then
  redis.call("XADD", sales_key, "*", "event", "voided", unpack(stream))
  give_back(given, sale_key, decision)
  redis.call("HSET", sale_key, "state", "void", "live_call", "", "until_ms", now, "cap_fields", "", "bought", "")
  end_reach(decision, number, now + cooldown_ms)
  return told("no_buyer_left", -1)
end
if chosen then
  if chosen.state == "pending" then
    stream[#stream + 1], stream[#stream + 2] = "pending", "1"
  end
  redis.call("XADD", sales_key, "*", "event", "moved", "position", chosen_position, "bid", chosen.bid, unpack(stream))
  give_back(given, sale_key, decision)
  take(chosen, caps_key, decision, as_text(now), as_text(now + lease_ms), as_text(until_ms))
  redis.call("HSET", sale_key, "position", chosen_position, "cap_fields", chosen.periods, "bought", chosen.marks,
    "state", chosen.state, "charged", chosen.charged or "", "pending", chosen.member or "", "bid", chosen.bid)
else
  keep_slot(leases_key, slots_key, decision, now + lease_ms)
  if state == "pending" then
    keep_pending(pending_key, reserved_key, field_of(sale_key, "pending"), until_ms, now)
  end
end
redis.call("HSET", sale_key, "live_call", call, "live_until_ms", now + lease_ms, "until_ms", until_ms)
redis.call("PEXPIRE", sale_key, keep_ms)
keep_reach(decision, number, until_ms, cooldown_ms)
-- What the call's events must name: they read the call alone.
local pends = field_of(sale_key, "state") == "pending"
redis.call("HSET", call_key, "beat_ms", beat_ms, "buyer", chosen and chosen.buyer or buyer,
  "pool", pool, "caller", caller, "fields", fields, "pends", pends and (chosen and chosen.contract or contract) or "")
return told("dial", chosen_position)
