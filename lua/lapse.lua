-- lapse: pending sales whose time is over go on record and out of their contract's set. Nothing waits for it: what has lapsed
--   counts nowhere from that very moment.
-- parts: clock, tail
-- KEYS: pending (ZSET), pendings (SET), sales (STREAM); tail: those sales (HASH each)
-- ARGV: not_after_ms, contract, members (msgpack: their names in pending)
-- Returns: late, now · lapsed
-- Writes: pending; pendings, where nothing is left; sales; a sale that is still here
local pending_key, pendings_key, sales_key = KEYS[1], KEYS[2], KEYS[3]
local not_after_ms, contract, members = tonumber(ARGV[1]), ARGV[2], cmsgpack.unpack(ARGV[3])
tail_follows(3)

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end

-- All writes. Those of a member are right by themselves.
for _, member in ipairs(members) do
  local sale_key, lapses_at_ms = next_key(), redis.call("ZSCORE", pending_key, member)
  if lapses_at_ms and tonumber(lapses_at_ms) <= now then
    redis.call("XADD", sales_key, "*", "event", "lapsed", "sale", string.match(member, "^(.*):"), "at_ms", now)
    redis.call("ZREM", pending_key, member)
    if redis.call("HGET", sale_key, "pending") == member then
      redis.call("HSET", sale_key, "state", "lapsed")
    end
  end
end
if redis.call("EXISTS", pending_key) == 0 then
  redis.call("SREM", pendings_key, contract)
end
return {"lapsed"}
