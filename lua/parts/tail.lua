-- tail: reads what follows the named KEYS and ARGV, in order.
local key_at, arg_at = 0, 0

local function tail_follows(keys_named, args_named)
  key_at, arg_at = keys_named, args_named
end

local function next_key()
  key_at = key_at + 1
  return KEYS[key_at]
end

local function next_arg()
  arg_at = arg_at + 1
  return ARGV[arg_at]
end

local function next_number()
  return tonumber(next_arg())
end
