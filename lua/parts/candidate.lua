-- candidate: one bid, and why it cannot take the lead now. Needs tail. Answers are numbers of declines, 0 is yes.
-- Packed it has: buyer; room (most live leases; -1 has no limit, -2 takes no leases and brings no keys for them);
-- marks_count (of dedup); cap_fields, cap_limits, cap_declines (one each per cap; absent where there is none); and, where
-- it is to be taken: position (in the record), periods (fields of all, csv), bought_ms (life of the marks), marks (their
-- hashes, csv), bid (JSON).
-- Tail KEYS: holds, slots (unless room is -2); one per dedup mark; caps (where there is a cap, or it is to be taken).
local DUPLICATE, CONCURRENCY, OUTRANKED = 207, 214, 301

local function bind_candidate(one)
  if one.room > -2 then
    one.holds, one.slots = next_key(), next_key()
  end
  one.first_mark = key_at + 1
  key_at = key_at + one.marks_count
  one.last_mark = key_at
  if one.cap_fields or one.periods then
    one.caps = next_key()
  end
end

local function live_leases(one, now)
  local later = "(" .. now
  return redis.call("ZCOUNT", one.holds, later, "+inf") + redis.call("ZCOUNT", one.slots, later, "+inf")
end

local function lease_lives(key, lease, now)
  local expires_at_ms = redis.call("ZSCORE", key, lease)
  return expires_at_ms and tonumber(expires_at_ms) > now
end

-- A lease that this lead already has is room enough: it turns into the next one, and live does not rise.
local function has_room(one, lease, now)
  if one.room < 0 then
    return true
  end
  if lease and (lease_lives(one.holds, lease, now) or lease_lives(one.slots, lease, now)) then
    return true
  end
  return live_leases(one, now) < one.room
end

local function why_not(one, lease, now)
  if one.marks_count > 0 and redis.call("EXISTS", unpack(keys, one.first_mark, one.last_mark)) > 0 then
    return DUPLICATE
  end
  if one.cap_fields then
    local sold = redis.call("HMGET", one.caps, unpack(one.cap_fields))
    for at, limit in ipairs(one.cap_limits) do
      if tonumber(sold[at] or 0) >= limit then
        return one.cap_declines[at]
      end
    end
  end
  if not has_room(one, lease, now) then
    return CONCURRENCY
  end
  return 0
end
