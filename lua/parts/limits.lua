-- limits: rate limits by calendar window. A bucket is a HASH: all its requests so far, and for each of its windows what
-- they were when it began. So one read looks at all windows of a bucket, and one write counts in them all.
-- A bucket's words: windows_count, expires_at_ms; then the fields of its windows, and the most requests of each.
-- Tail KEYS: one per bucket.
-- Parts that a ping needs share nothing but what they are given and return: each variable that functions share costs a
-- script 0.06 us, whether or not it is used.

-- The place of the first limit that is reached, counted from 0, nil where none is; what the buckets have, to count with;
-- the last key.
local function look_at_limits(packed, key_at)
  if packed == "" then
    return nil, nil, key_at
  end
  local words = {cmsgpack.unpack(packed)}
  local at, place, found = 1, 0, {words = words, keys_before = key_at}
  while words[at] do
    local first, count = at + 2, words[at]
    key_at = key_at + 1
    local windows = redis.call("HMGET", KEYS[key_at], "all", unpack(words, first, first + count - 1))
    local all = windows[1] or 0
    for window = 1, count do
      if all - (windows[window + 1] or all) >= words[first + count + window - 1] then
        return place
      end
      place = place + 1
    end
    found[#found + 1], at = windows, first + count * 2
  end
  return nil, found, key_at
end

-- A window begins: the one before it goes, so that a bucket has one field per kind.
local function begin_window(key, field, all, expires_at_ms)
  local letter = string.sub(field, 1, 1)
  for _, other in ipairs(redis.call("HKEYS", key)) do
    if other ~= "all" and string.sub(other, 1, 1) == letter then
      redis.call("HDEL", key, other)
    end
  end
  redis.call("HSET", key, field, all)
  redis.call("PEXPIREAT", key, expires_at_ms)
end

local function count_request(found)
  local at = 1
  for bucket = 1, found and #found or 0 do
    local key, windows = KEYS[found.keys_before + bucket], found[bucket]
    local count, expires_at_ms = found.words[at], found.words[at + 1]
    redis.call("HINCRBY", key, "all", "1")
    for window = 1, count do
      if not windows[window + 1] then
        begin_window(key, found.words[at + 1 + window], windows[1] or "0", expires_at_ms)
      end
    end
    at = at + 2 + count * 2
  end
end
