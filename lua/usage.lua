-- usage: how full buyers, contracts and pools are, all at one moment.
-- parts: clock, tail
-- KEYS: none named; tail: per buyer holds, slots (ZSETs); per contract caps (HASH); per pool its ZSET
-- ARGV: buyers_count, contracts_count, pools_count; tail: per contract: count of caps, their fields; per pool: cooldown_ms
-- Returns: now; per buyer holds, slots; per contract its sold counts; per pool free, lent, cooling
-- Writes: nothing
local buyers_count, contracts_count, pools_count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
tail_follows(0, 3)

local now = now_ms()
local later = "(" .. now
local found = {now}
for _ = 1, buyers_count * 2 do
  found[#found + 1] = redis.call("ZCOUNT", next_key(), later, "+inf")
end
for _ = 1, contracts_count do
  local caps_key, fields = next_key(), {}
  for at = 1, next_number() do
    fields[at] = next_arg()
  end
  for at, sold in ipairs(redis.call("HMGET", caps_key, unpack(fields))) do
    found[#found + 1] = tonumber(sold or 0)
  end
end
for _ = 1, pools_count do
  local pool_key, cooldown_ms = next_key(), next_number()
  local rested_later = "(" .. (now + cooldown_ms)
  local lent = redis.call("ZCOUNT", pool_key, rested_later, "+inf")
  found[#found + 1] = redis.call("ZCOUNT", pool_key, "-inf", now)
  found[#found + 1] = lent
  found[#found + 1] = redis.call("ZCOUNT", pool_key, later, "+inf") - lent
end
return found
