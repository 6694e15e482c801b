-- waiting: how a sale that is pending goes on, and ceases to be (see pending).

local function lives_pending(key, member, now)
  local lapses_at_ms = redis.call("ZSCORE", key, member)
  return lapses_at_ms and tonumber(lapses_at_ms) > now
end

-- A longer life for one that lives: the room of what has lapsed may have been sold to others since.
local function keep_pending(pending_key, reserved_key, member, until_ms, now)
  if lives_pending(pending_key, member, now) then
    redis.call("ZADD", pending_key, "XX", until_ms, member)
    redis.call("ZADD", reserved_key, "XX", until_ms, member)
  end
end

local function end_pending(pending_key, reserved_key, member)
  redis.call("ZREM", pending_key, member)
  redis.call("ZREM", reserved_key, member)
end
