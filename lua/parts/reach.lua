-- reach: what leads to a sale: its number, and its pointers (the caller's on a publisher's own number, the fields shield).
-- Needs tail, number. A pointer says "s" and the decision. Tail KEYS: pool (ZSET), lent (HASH) where the sale has a pool;
-- its pointers (STRING each).
local reach = {pointers = {}}

local function bind_reach(is_pooled, pointers_count)
  if is_pooled then
    reach.pool, reach.lent = next_key(), next_key()
  end
  for at = 1, pointers_count do
    reach.pointers[at] = next_key()
  end
end

-- Only this sale's own: what has run out may lead to a later sale by now.
local function own_pointers(sale)
  local found = {}
  for _, key in ipairs(reach.pointers) do
    if redis.call("GET", key) == "s" .. sale then
      found[#found + 1] = key
    end
  end
  return found
end

local function keep_reach(sale, number, until_ms, cooldown_ms)
  if reach.pool then
    keep_lent(reach.pool, reach.lent, number, sale, until_ms + cooldown_ms)
  end
  for _, key in ipairs(own_pointers(sale)) do
    redis.call("PEXPIREAT", key, until_ms)
  end
end

local function end_reach(sale, number, free_again_at_ms)
  if reach.pool then
    rest(reach.pool, reach.lent, number, sale, free_again_at_ms)
  end
  for _, key in ipairs(own_pointers(sale)) do
    redis.call("DEL", key)
  end
end
