-- taking: a sale takes its buyer, and gives it back. Needs periods, candidate.

local function words(csv)
  local found = {}
  for word in string.gmatch(csv, "[^,]+") do
    found[#found + 1] = word
  end
  return found
end

-- The first write is one that a full memory refuses, so that nothing is ever half taken.
local function take(one, lease, now, slot_until_ms)
  for _, field in ipairs(words(one.periods)) do
    count_in(one.caps, field)
  end
  if one.slots then
    redis.call("ZADD", one.slots, slot_until_ms, lease)
    redis.call("ZREM", one.holds, lease)
    redis.call("ZREMRANGEBYSCORE", one.slots, "-inf", now)
  end
  for at = one.first_mark, one.last_mark do
    redis.call("SET", keys[at], lease, "PX", one.bought_ms)
  end
end

-- Only what this sale itself left: a period that is over is gone, a mark may be a later sale's by now.
local function give_back(slots_key, caps_key, cap_fields, bought_keys, lease)
  redis.call("ZREM", slots_key, lease)
  for _, field in ipairs(cap_fields) do
    if tonumber(redis.call("HGET", caps_key, field) or 0) > 0 then
      redis.call("HINCRBY", caps_key, field, -1)
    end
  end
  for _, key in ipairs(bought_keys) do
    if redis.call("GET", key) == lease then
      redis.call("DEL", key)
    end
  end
end
