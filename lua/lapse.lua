-- lapse: pending sales whose time is over go on record and out of their contract's set. Nothing waits for it: what has lapsed
--   counts nowhere from that very moment. Nobody was sold the person, so that the marks which say so go.
-- parts: clock, tail, caps, slot, waiting, giving
-- KEYS: pending (ZSET), pendings (SET), sales (STREAM); tail: each of those sales (HASH), and its marks (STRING each)
-- ARGV: not_after_ms, contract, members (msgpack: their names in pending), marks (msgpack: how many each one left)
-- Returns: late, now · lapsed
-- Writes: pending; pendings, where nothing is left; sales; a sale that is still here, and marks that are still its own
local pending_key, pendings_key, sales_key = KEYS[1], KEYS[2], KEYS[3]
local not_after_ms, contract, members, marks = tonumber(ARGV[1]), ARGV[2], cmsgpack.unpack(ARGV[3]), cmsgpack.unpack(ARGV[4])
tail_follows(3)

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end

-- All writes. Those of a member are right by themselves.
for at, member in ipairs(members) do
  local sale_key, mark_keys, lapses_at_ms = next_key(), next_keys(marks[at]), redis.call("ZSCORE", pending_key, member)
  local decision = string.match(member, "^(.*):")
  if lapses_at_ms and tonumber(lapses_at_ms) <= now then
    redis.call("XADD", sales_key, "*", "event", "lapsed", "sale", decision, "at_ms", now)
    drop_marks(mark_keys, decision)
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
