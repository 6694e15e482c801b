-- stock: a ring pool gets the numbers of the catalog; one that is lent or cooling stays so, and goes when it is free.
-- parts: clock
-- KEYS: pool (ZSET), lent (HASH), retired (SET); tail: none
-- ARGV: not_after_ms, listed_count; then the numbers listed, each with the time it is free at if it is new (ms), and
--   after them the numbers that are no longer listed
-- Returns: late, now · stocked, numbers added, numbers removed
-- Writes: nothing when late; pool, lent, retired
local pool_key, lent_key, retired_key = KEYS[1], KEYS[2], KEYS[3]
local not_after_ms, listed_count = tonumber(ARGV[1]), tonumber(ARGV[2])
local listed_first, gone_first = 3, 3 + listed_count * 2

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end

-- All writes: the first is one that a full memory refuses, unless there is nothing to add.
local added, removed = 0, 0
for at = listed_first, gone_first - 1, 2 do
  added = added + redis.call("ZADD", pool_key, "NX", ARGV[at + 1], ARGV[at])
  redis.call("SREM", retired_key, ARGV[at])
end
for at = gone_first, #ARGV do
  local free_at_ms = redis.call("ZSCORE", pool_key, ARGV[at])
  if free_at_ms and tonumber(free_at_ms) > now then
    redis.call("SADD", retired_key, ARGV[at])
  elseif free_at_ms then
    removed = removed + redis.call("ZREM", pool_key, ARGV[at])
    redis.call("HDEL", lent_key, ARGV[at])
  end
end
return {"stocked", added, removed}
