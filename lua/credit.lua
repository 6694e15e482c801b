-- credit: an operator adds to a buyer's balance or corrects it. A key counts once, for ever.
-- parts: clock, pending
-- KEYS: balance (STRING), reserved (ZSET), credits (HASH), sales (STREAM)
-- ARGV: not_after_ms, buyer, amount_micros (signed), key, kind, reason, by, balance_max_micros, credits_max
-- Returns: late, now · conflict (the key was another buyer's or amount) · overdrawn (less than nothing, or than what is
--   reserved, would be left) · beyond (balance_max_micros) · full (credits_max) · repeat | credited, balance
-- Writes: credited: sales, balance, credits; else nothing
local balance_key, reserved_key, credits_key, sales_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local not_after_ms, buyer, amount_micros, key, kind = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local reason, by, balance_max_micros, credits_max = ARGV[6], ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end
local counted, counts_as = redis.call("HGET", credits_key, key), buyer .. ":" .. amount_micros
local balance = redis.call("GET", balance_key) or "0"
if counted then
  return {counted == counts_as and "repeat" or "conflict", balance}
end
local after = tonumber(balance) + tonumber(amount_micros)
if tonumber(amount_micros) < 0 and after < reserved_micros(reserved_key, now) then
  return {"overdrawn", balance}
end
if after > balance_max_micros then
  return {"beyond", balance}
end
if redis.call("HLEN", credits_key) >= credits_max then
  return {"full", balance}
end

-- All writes: the first is one that a full memory refuses.
redis.call("XADD", sales_key, "*", "event", "credited", "buyer", buyer, "amount_micros", amount_micros, "key", key,
  "kind", kind, "reason", reason, "by", by, "at_ms", now)
redis.call("INCRBY", balance_key, amount_micros)
redis.call("HSET", credits_key, key, counts_as)
return {"credited", redis.call("GET", balance_key)}
