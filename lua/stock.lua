-- stock: numbers leave a ring pool and come to it. A number stands in one pool at a time: a busy one (lent or cooling)
--   stays where it is, retired, until it is free there.
-- parts: clock, tail, number
-- KEYS: pools (SET), pool (ZSET), lent (HASH), retired (SET); tail: pool, lent, retired of each other pool
-- ARGV: not_after_ms, pool_id, others (msgpack: ids of the other pools), going (msgpack: numbers that the catalog does not
--   list in this pool), coming (msgpack: numbers that it does)
-- Returns: late, now · changed (there is a pool that was not named) · stocked, and the numbers that are still to come
-- Writes: nothing when late or changed; pools, pool, lent, retired; of the other pools what comes from there
local pools_key, pool_key, lent_key, retired_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local not_after_ms, pool_id, others = tonumber(ARGV[1]), ARGV[2], cmsgpack.unpack(ARGV[3])
local going, coming = cmsgpack.unpack(ARGV[4]), cmsgpack.unpack(ARGV[5])
tail_follows(4)
local here, elsewhere, is_named = {pool = pool_key, lent = lent_key, retired = retired_key}, {}, {[pool_id] = true}
for at, other in ipairs(others) do
  elsewhere[at] = {pool = next_key(), lent = next_key(), retired = next_key()}
  is_named[other] = true
end

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end
for _, known in ipairs(redis.call("SMEMBERS", pools_key)) do
  if not is_named[known] then
    return {"changed"}
  end
end

-- True where the number does not stand there any more.
local function leaves(place, number)
  local free_at_ms = redis.call("ZSCORE", place.pool, number)
  if free_at_ms and tonumber(free_at_ms) > now then
    redis.call("SADD", place.retired, number)
    return false
  end
  if free_at_ms then
    forget(place.pool, place.lent, place.retired, {number})
  end
  return true
end

-- All writes. Each number's are right by themselves; and what follows a script's first write is let through by a full
-- memory, so that no number is taken out of one pool without coming into the other.
for _, number in ipairs(going) do
  leaves(here, number)
end
local answer = {"stocked"}
for _, number in ipairs(coming) do
  if redis.call("ZSCORE", pool_key, number) then
    redis.call("SREM", retired_key, number)
  else
    local is_free = true
    for _, place in ipairs(elsewhere) do
      is_free = leaves(place, number) and is_free
    end
    if is_free then
      redis.call("SADD", pools_key, pool_id)
      redis.call("ZADD", pool_key, 0, number)
    else
      answer[#answer + 1] = number
    end
  end
end
if redis.call("EXISTS", pool_key) == 0 then
  redis.call("SREM", pools_key, pool_id)
end
return answer
