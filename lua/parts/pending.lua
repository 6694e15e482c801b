-- pending: sales that are posted and not made yet. ZSETs of "<sale>:<price in micros>" -> lapses at, ms: one of their
-- contract, for its caps, and one of a buyer that pays from a balance, for what is reserved of it. What has lapsed does not
-- count, and what counts is counted from the set: there is no sum beside it that could differ.

local function reserved_micros(key, now)
  local sum = 0
  for _, member in ipairs(redis.call("ZRANGEBYSCORE", key, "(" .. now, "+inf")) do
    sum = sum + tonumber(string.match(member, "%d+$"))
  end
  return sum
end
