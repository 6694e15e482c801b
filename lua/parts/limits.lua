-- limits: rate limits by calendar window. Needs tail, periods. A limit's words: field (its window), most (requests),
-- expires_at_ms (of its HASH of window -> requests, which other limits may share). Tail KEYS: one per limit.
local LIMIT_WORDS = 3
local limits, limit_keys_at = {}, 0

local function bind_limits(packed)
  if packed == "" then
    return
  end
  limits, limit_keys_at = {cmsgpack.unpack(packed)}, key_at
  key_at = key_at + #limits / LIMIT_WORDS
end

-- The place of the first limit that is reached, counted from 0; nil where none is.
local function limit_reached()
  local place = 0
  for at = 1, #limits, LIMIT_WORDS do
    local sent = redis.call("HGET", keys[limit_keys_at + place + 1], limits[at])
    if tonumber(sent or 0) >= limits[at + 1] then
      return place
    end
    place = place + 1
  end
  return nil
end

local function count_request()
  local place = 0
  for at = 1, #limits, LIMIT_WORDS do
    place = place + 1
    local key = keys[limit_keys_at + place]
    if count_in(key, limits[at]) then
      redis.call("PEXPIREAT", key, limits[at + 2])
    end
  end
end
