-- number: tracking numbers of a ring pool. Pool: number -> free again at; lent: number -> sale;
-- retired: numbers that left the catalog while they were lent.

-- As a rule the first is it; behind retired ones it is looked for in pages.
local RETIRED_PAGE = 16

-- The free number that has rested longest, and the retired ones found before it; nil where none is free.
local function free_number(pool, retired, now)
  local passed, offset, page = {}, 0, 1
  while true do
    local found = redis.call("ZRANGEBYSCORE", pool, "-inf", now, "LIMIT", offset, page)
    for _, number in ipairs(found) do
      if redis.call("SISMEMBER", retired, number) == 0 then
        return number, passed
      end
      passed[#passed + 1] = number
    end
    if #found < page then
      return nil, passed
    end
    offset, page = offset + page, RETIRED_PAGE
  end
end

local function lend(pool, lent, number, sale, free_again_at_ms)
  redis.call("ZADD", pool, free_again_at_ms, number)
  redis.call("HSET", lent, number, sale)
end

local function forget(pool, lent, retired, numbers)
  for _, number in ipairs(numbers) do
    redis.call("ZREM", pool, number)
    redis.call("HDEL", lent, number)
    redis.call("SREM", retired, number)
  end
end

-- Only its own number: after a long silence it may have been lent again. XX: one that left the pool stays out.
local function keep_lent(pool, lent, number, sale, free_again_at_ms)
  if redis.call("HGET", lent, number) == sale then
    redis.call("ZADD", pool, "XX", free_again_at_ms, number)
  end
end

local function rest(pool, lent, number, sale, free_again_at_ms)
  if redis.call("HGET", lent, number) == sale then
    redis.call("ZADD", pool, "XX", free_again_at_ms, number)
    redis.call("HDEL", lent, number)
  end
end
