-- usage: how full buyers, contracts and pools are, all at one moment.
-- parts: clock, tail, pending
-- KEYS: caps (HASH); tail: per buyer leases, slots (ZSETs); per balance it and what is reserved of it (STRING, ZSET); per
--   contract whose sales wait pending (ZSET); per pool its ZSET, retired (SET)
-- ARGV: buyers_count, balances_count, contracts (msgpack: those with caps), waiting_count, cooldowns_ms (msgpack: per pool)
-- Returns: now; per buyer holds, slots; per balance it and what is reserved; per contract what it has sold, as caps has it
--   (or nothing); per contract whose sales wait how many are pending, at which price; per pool free, lent, cooling
-- Writes: nothing
local caps_key = KEYS[1]
local buyers_count, balances_count, contracts = tonumber(ARGV[1]), tonumber(ARGV[2]), cmsgpack.unpack(ARGV[3])
local waiting_count, cooldowns_ms = tonumber(ARGV[4]), cmsgpack.unpack(ARGV[5])
tail_follows(1)

local now = now_ms()
local later = "(" .. now
local found = {now}

-- Numbers that have left the catalog and are still to be dropped: they are lent to nobody any more.
local function retired_and_free(pool_key, retired_key)
  local count = 0
  for _, number in ipairs(redis.call("SMEMBERS", retired_key)) do
    local free_at_ms = redis.call("ZSCORE", pool_key, number)
    if free_at_ms and tonumber(free_at_ms) <= now then
      count = count + 1
    end
  end
  return count
end

for _ = 1, buyers_count do
  local leases = redis.call("ZCOUNT", next_key(), later, "+inf")
  local slots = redis.call("ZCOUNT", next_key(), later, "+inf")
  found[#found + 1] = leases - slots
  found[#found + 1] = slots
end
for _ = 1, balances_count do
  found[#found + 1] = tonumber(redis.call("GET", next_key()) or 0)
  found[#found + 1] = reserved_micros(next_key(), now)
end
if #contracts > 0 then
  for _, sold in ipairs(redis.call("HMGET", caps_key, unpack(contracts))) do
    found[#found + 1] = sold
  end
end
for _ = 1, waiting_count do
  local pending_key = next_key()
  found[#found + 1] = redis.call("ZCOUNT", pending_key, later, "+inf")
  found[#found + 1] = reserved_micros(pending_key, now)
end
for _, cooldown_ms in ipairs(cooldowns_ms) do
  local pool_key, retired_key = next_key(), next_key()
  local rested_later = "(" .. (now + cooldown_ms)
  local lent = redis.call("ZCOUNT", pool_key, rested_later, "+inf")
  found[#found + 1] = redis.call("ZCOUNT", pool_key, "-inf", now) - retired_and_free(pool_key, retired_key)
  found[#found + 1] = lent
  found[#found + 1] = redis.call("ZCOUNT", pool_key, later, "+inf") - lent
end
return found
