-- pending: sales that are posted and not made yet. ZSETs of "<sale>:<price in micros>" -> lapses at, ms: one of their
-- contract, for its caps, and one of a buyer that pays from a balance, for what is reserved of it. What has lapsed does not
-- count, and what counts is counted from the set: there is no sum beside it that could differ.

local function reserved_micros(key, now)
  local sum = 0
  for _, member in ipairs(redis.call("ZRANGEBYSCORE", key, "(" .. now, "+inf")) do
    sum = sum + tonumber(string.match(member, "%d+$"))
  end
  return sum
end

local function lives_pending(key, member, now)
  local lapses_at_ms = redis.call("ZSCORE", key, member)
  return lapses_at_ms and tonumber(lapses_at_ms) > now
end

local function end_pending(pending_key, reserved_key, member)
  redis.call("ZREM", pending_key, member)
  redis.call("ZREM", reserved_key, member)
end

-- A longer life for one that lives: what has lapsed may have been sold to others since.
local function keep_pending(pending_key, reserved_key, member, until_ms, now)
  if lives_pending(pending_key, member, now) then
    redis.call("ZADD", pending_key, "XX", until_ms, member)
    redis.call("ZADD", reserved_key, "XX", until_ms, member)
  end
end
