-- slot: a slot is a lease that a sale has. It stands in both sets until the same moment, so that slots are always among
-- the leases, and a hold that turns into a slot is one lease all the time.

local function keep_slot(leases, slots, lease, until_ms)
  redis.call("ZADD", leases, until_ms, lease)
  redis.call("ZADD", slots, until_ms, lease)
end

local function free_slot(leases, slots, lease)
  redis.call("ZREM", leases, lease)
  redis.call("ZREM", slots, lease)
end
