-- limits: rate limits by calendar window. A bucket is a STRING of numbers of eight bytes: all its requests so far; then, for
-- minute, hour and day, when that window began, and what all requests were then. So one read looks at every window of every
-- bucket, and to count in all windows of one is to write one number.
-- Words: starts of minute, hour and day; expires_at_ms; then for each bucket the most requests of minute, hour and day.
-- Tail KEYS: one per bucket.
-- Parts that a ping needs share nothing but what they are given and return: each variable that functions share costs a
-- script 0.06 us, whether or not it is used.

-- The place of the first limit that is reached (three to a bucket, from 0), nil where none is; what to count with; the last
-- key.
local function look_at_limits(packed, key_at)
  if packed == "" then
    return nil, nil, key_at
  end
  local words = {cmsgpack.unpack(packed)}
  local minute, hour, day, first = words[1], words[2], words[3], key_at + 1
  key_at = key_at + (#words - 4) / 3
  local buckets = redis.call("MGET", unpack(KEYS, first, key_at))
  for bucket = 1, #buckets do
    local all, minute_from, minute_at, hour_from, hour_at, day_from, day_at, at = 0, 0, 0, 0, 0, 0, 0, bucket * 3 + 2
    local value = buckets[bucket]
    if value then
      all, minute_from, minute_at, hour_from, hour_at, day_from, day_at = struct.unpack("<i8i8i8i8i8i8i8", value)
    end
    local begun = minute_from ~= minute or hour_from ~= hour or day_from ~= day
    if begun then
      minute_at = minute_from == minute and minute_at or all
      hour_at = hour_from == hour and hour_at or all
      day_at = day_from == day and day_at or all
      begun = struct.pack("<i8i8i8i8i8i8", minute, minute_at, hour, hour_at, day, day_at)
    end
    local reached = all - minute_at >= words[at] and 0 or all - hour_at >= words[at + 1] and 1
      or all - day_at >= words[at + 2] and 2
    if reached then
      return (bucket - 1) * 3 + reached
    end
    -- What is counted with stands where its limits stood: a table of its own would cost as much as a read.
    words[at], words[at + 1], words[at + 2] = KEYS[first + bucket - 1], struct.pack("<i8", all + 1), begun
  end
  return nil, words, key_at
end

local function count_request(words)
  for at = 5, words and #words or 0, 3 do
    local key, all, begun = words[at], words[at + 1], words[at + 2]
    if begun then
      redis.call("SET", key, all .. begun, "PXAT", words[4])
    else
      redis.call("SETRANGE", key, "0", all)
    end
  end
end
