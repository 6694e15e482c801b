-- limits: rate limits by calendar window. Needs tail, periods. A bucket is a HASH of window -> requests; packed it has
-- expires_at_ms, fields (one per window) and limits (likewise). Tail KEYS: one per bucket.
local function bind_buckets(buckets)
  for at = 1, #buckets do
    buckets[at].key = next_key()
  end
end

-- The place of the first limit that is reached, counted from 0 over all buckets; nil where none is.
local function limit_reached(buckets)
  local place = 0
  for _, bucket in ipairs(buckets) do
    local counts = redis.call("HMGET", bucket.key, unpack(bucket.fields))
    for at, limit in ipairs(bucket.limits) do
      if tonumber(counts[at] or 0) >= limit then
        return place
      end
      place = place + 1
    end
  end
  return nil
end

local function count_request(buckets)
  for _, bucket in ipairs(buckets) do
    for _, field in ipairs(bucket.fields) do
      if count_in(bucket.key, field) then
        redis.call("PEXPIREAT", bucket.key, bucket.expires_at_ms)
      end
    end
  end
end
