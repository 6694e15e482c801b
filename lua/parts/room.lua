-- room: whether a buyer can have one more lease. Leases: ZSET of decision -> expires at, ms; holds and slots alike.

-- A lease that this lead already has is room enough: it turns into the next one, and live does not rise. Where even with
-- those that are over there are too few to fill the room, nobody needs to count the live ones.
local function has_room(leases, room, lease, now)
  if room < 0 then
    return true
  end
  local expires_at_ms = lease and redis.call("ZSCORE", leases, lease)
  if expires_at_ms and tonumber(expires_at_ms) > now then
    return true
  end
  return redis.call("ZCARD", leases) < room or redis.call("ZCOUNT", leases, "(" .. now, "+inf") < room
end
