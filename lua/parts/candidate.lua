-- candidate: one bid, and why it cannot take the lead now. Answers are numbers of declines, 0 is yes.
-- Tail ARGV: buyer; room (most live leases; -1 has no limit, -2 takes no leases and brings no keys for them);
-- count of dedup marks; count of caps; for each cap: period's field; then limit, decline for each; and, where it is
-- to be taken: fields of all periods (csv), life of the dedup marks (ms), the hashes of the marks (csv), the bid (JSON).
-- Tail KEYS: holds, slots (unless room is -2); one per dedup mark; caps (where there is a cap, or it is to be taken).
local DUPLICATE, CONCURRENCY, OUTRANKED = 207, 214, 301

local function next_candidate(to_take)
  local one = {buyer = next_arg(), room = next_number(), bought = {}, cap_fields = {}, cap_limits = {}, cap_declines = {}}
  local marks, caps = next_number(), next_number()
  if one.room > -2 then
    one.holds, one.slots = next_key(), next_key()
  end
  for at = 1, marks do
    one.bought[at] = next_key()
  end
  if caps > 0 or to_take then
    one.caps = next_key()
  end
  for at = 1, caps do
    one.cap_fields[at] = next_arg()
  end
  for at = 1, caps do
    one.cap_limits[at] = next_number()
    one.cap_declines[at] = next_number()
  end
  if to_take then
    one.periods, one.bought_ms, one.marks, one.bid = next_arg(), next_number(), next_arg(), next_arg()
  end
  return one
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
  if #one.bought > 0 and redis.call("EXISTS", unpack(one.bought)) > 0 then
    return DUPLICATE
  end
  if #one.cap_fields > 0 then
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
