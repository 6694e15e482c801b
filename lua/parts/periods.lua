-- periods: a HASH that counts by calendar period; a field is a letter and the period's start.
-- True where the period is new: then the one before it goes, so that a hash holds one field per kind.
local function count_in(key, field)
  if redis.call("HINCRBY", key, field, "1") > 1 then
    return false
  end
  local letter = string.sub(field, 1, 1)
  for _, other in ipairs(redis.call("HKEYS", key)) do
    if other ~= field and string.sub(other, 1, 1) == letter then
      redis.call("HDEL", key, other)
    end
  end
  return true
end
