-- splice: a copy of the audit takes its place, with what came since it was copied. Deleted entries leave their bytes in a
--   stream's blocks; in a copy there are none.
-- parts: clock
-- KEYS: audit (STREAM), copy (STREAM), erased (ZSET)
-- ARGV: not_after_ms, copied_to (id of the last entry that was copied, or looked at), begun_ms (when copying began),
--   entries_max (that this run may copy)
-- Returns: late, now · more (copy on) · gone (the copy's life was over) · spliced
-- Writes: spliced: audit, copy; else nothing
local audit_key, copy_key, erased_key = KEYS[1], KEYS[2], KEYS[3]
local not_after_ms, copied_to, begun_ms, entries_max = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end
local rest = redis.call("XRANGE", audit_key, "(" .. copied_to, "+", "COUNT", entries_max + 1)
if #rest > entries_max then
  return {"more"}
end
if redis.call("EXISTS", copy_key) == 0 then
  return {"gone"}
end

-- All writes: the first is one that a full memory refuses.
for _, entry in ipairs(rest) do
  redis.call("XADD", copy_key, entry[1], unpack(entry[2]))
end
-- What somebody else erased meanwhile must not come back.
for _, member in ipairs(redis.call("ZRANGEBYSCORE", erased_key, begun_ms, "+inf")) do
  if string.find(member, "-", 1, true) then
    redis.call("XDEL", copy_key, member)
  end
end
redis.call("PERSIST", copy_key)
redis.call("RENAME", copy_key, audit_key)
return {"spliced"}
