-- blank: writes over fields of a record that still is as it was read: what a person left in it goes, the rest stays.
-- parts: clock
-- KEYS: record (HASH)
-- ARGV: not_after_ms, field, seen (what that field must still say), words (msgpack: fields and values in turn)
-- Returns: late, now · changed (it says something else by now, or is gone) · blanked
-- Writes: blanked: record, whose life stays as it is; else nothing
local record_key = KEYS[1]
local not_after_ms, field, seen, words = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end
if redis.call("HGET", record_key, field) ~= seen then
  return {"changed"}
end

-- All writes: the first is one that a full memory refuses.
redis.call("HSET", record_key, cmsgpack.unpack(words))
return {"blanked"}
