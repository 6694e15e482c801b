-- tail: reads the keys that follow the named ones, in order.
local keys, key_at = KEYS, 0

local function tail_follows(keys_named)
  key_at = keys_named
end

local function next_key()
  key_at = key_at + 1
  return keys[key_at]
end

local function next_keys(count)
  local found = {}
  for at = 1, count do
    found[at] = next_key()
  end
  return found
end
