-- repair: balances, caps and keys of credits become what the ledger says, by what they differed from it at a moment that is
--   past: what was sold since then stays counted. One repair at a time, for the same difference twice would be another one.
-- parts: clock, tail
-- KEYS: repaired (STRING), caps (HASH), credits (HASH); tail: balances (STRING each)
-- ARGV: not_after_ms, seen (what repaired said at that moment; or empty), periods_until_ms (when the first of the periods
--   is over), balances_micros (msgpack: what is added to each), contracts (msgpack: of each its id, then of each kind of
--   period, in the order of caps, start, sales and micros that are added), keys_of_credits (msgpack: of each its name, what
--   it said, and what it is to say; empty: nothing)
-- Returns: late, now · changed (another repair came first) · over (a period has ended) · repaired, what it says now
-- Writes: repaired: repaired, balances, caps, credits; else nothing
local repaired_key, caps_key, credits_key = KEYS[1], KEYS[2], KEYS[3]
local not_after_ms, seen, periods_until_ms = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local balances_micros, contracts, keys_of_credits =
  cmsgpack.unpack(ARGV[4]), cmsgpack.unpack(ARGV[5]), cmsgpack.unpack(ARGV[6])
local WORDS, WORDS_BYTES = "<i8i8i8", 24
tail_follows(3)

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end
if (redis.call("GET", repaired_key) or "") ~= seen then
  return {"changed"}
end
if now >= periods_until_ms then
  return {"over"}
end

-- Words of a period that is over, and a value that is none, count nothing: they are begun anew where something is added.
local function with_added(value, added)
  local is_value, after = value and #value == #added * WORDS_BYTES, {}
  for place, more in ipairs(added) do
    local start, sold, micros = 0, 0, 0
    if is_value then
      start, sold, micros = struct.unpack(WORDS, value, (place - 1) * WORDS_BYTES + 1)
    end
    local asked, more_sold, more_micros = unpack(more)
    if start ~= asked and (more_sold ~= 0 or more_micros ~= 0) then
      start, sold, micros = asked, 0, 0
    end
    if start == asked then
      sold, micros = math.max(sold + more_sold, 0), math.max(micros + more_micros, 0)
    end
    after[place] = struct.pack(WORDS, start, sold, micros)
  end
  return table.concat(after)
end

-- All writes: the first is one that a full memory refuses.
local stamp = string.format("%.0f", math.max(now, (tonumber(seen) or 0) + 1))
redis.call("SET", repaired_key, stamp)
for _, micros in ipairs(balances_micros) do
  redis.call("INCRBY", next_key(), string.format("%.0f", micros))
end
for _, one in ipairs(contracts) do
  local contract = table.remove(one, 1)
  redis.call("HSET", caps_key, contract, with_added(redis.call("HGET", caps_key, contract), one))
end
for _, one in ipairs(keys_of_credits) do
  local name, before, after = unpack(one)
  if (redis.call("HGET", credits_key, name) or "") == before then
    if after == "" then
      redis.call("HDEL", credits_key, name)
    else
      redis.call("HSET", credits_key, name, after)
    end
  end
end
return {"repaired", stamp}
