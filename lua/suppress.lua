-- suppress: puts people on a suppression list at run time, or takes them off it, and tells every worker.
-- parts: clock
-- KEYS: suppressed (HASH), suppressions (STREAM, and the channel of its name)
-- ARGV: not_after_ms, list, is_adding (1 or 0), reason, people_max, changes_max, people (keyed hashes of 16 bytes each)
-- Returns: late, now · full, how many there are · taken, how many are new on the list, or were on it
-- Writes: taken: suppressed, suppressions; else nothing
local suppressed_key, suppressions_key = KEYS[1], KEYS[2]
local not_after_ms, list, is_adding, reason = tonumber(ARGV[1]), ARGV[2], ARGV[3] == "1", ARGV[4]
local people_max, changes_max, people = tonumber(ARGV[5]), ARGV[6], ARGV[7]
local HASH_BYTES = 16

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end
local fields, hashes = {}, {}
for at = 1, #people, HASH_BYTES do
  hashes[#hashes + 1] = string.sub(people, at, at + HASH_BYTES - 1)
  fields[#fields + 1] = hashes[#hashes] .. list
end
local words, changed = {}, {}
for place, known in ipairs(redis.call("HMGET", suppressed_key, unpack(fields))) do
  if is_adding == not known then
    changed[#changed + 1], words[#words + 1] = hashes[place], fields[place]
    words[#words + 1] = is_adding and now .. "|" .. reason or nil
  end
end
local count = redis.call("HLEN", suppressed_key)
if is_adding and #changed > 0 and count + #changed > people_max then
  return {"full", count}
end
if #changed == 0 then
  return {"taken", 0}
end

-- All writes: the first is one that a full memory refuses.
redis.call("XADD", suppressions_key, "MAXLEN", changes_max, "*", "list", list, "is_adding", is_adding and "1" or "0",
  "people", table.concat(changed))
redis.call(is_adding and "HSET" or "HDEL", suppressed_key, unpack(words))
redis.call("PUBLISH", suppressions_key, "")
return {"taken", #changed}
