-- taking: a sale takes its buyer, and gives it back. Needs tail, periods, slot, candidate.
-- What a candidate that can be taken leaves is a second stream, TAKER_WORDS words each: position (in the record), periods
-- (fields of all, csv), bought_ms (life of its marks), bid (JSON). All of them are of the catalog, the hour and the price.
-- Tail KEYS, before those of the candidates: slots, caps of each.
local TAKER_WORDS, TAKER_KEYS = 4, 2
local taker_words, taker_keys_at

local function bind_takers(packed)
  taker_words, taker_keys_at = {cmsgpack.unpack(packed)}, key_at
  key_at = key_at + #taker_words / TAKER_WORDS * TAKER_KEYS
end

-- The hashes of marks, csv: their keys end in them.
local function hashes_of(first_mark, last_mark)
  local found = {}
  for at = first_mark, last_mark do
    found[#found + 1] = string.match(keys[at], "[^:]*$")
  end
  return table.concat(found, ",")
end

-- The candidate at a place as one that is taken, while it is the one stepped to.
local function taker(at)
  local word, key = (at - 1) * TAKER_WORDS, taker_keys_at + (at - 1) * TAKER_KEYS
  return {
    position = taker_words[word + 1], periods = taker_words[word + 2], bought_ms = taker_words[word + 3],
    bid = taker_words[word + 4], marks = hashes_of(its_first_mark, its_last_mark), leases = its_leases, slots = keys[key + 1],
    caps = keys[key + 2], buyer = its_buyer, first_mark = its_first_mark, last_mark = its_last_mark,
  }
end

local function words_of(csv)
  local found = {}
  for word in string.gmatch(csv, "[^,]+") do
    found[#found + 1] = word
  end
  return found
end

-- The first write is one that a full memory refuses, so that nothing is ever half taken.
local function take(chosen, lease, now_text, slot_until_text)
  for _, field in ipairs(words_of(chosen.periods)) do
    count_in(chosen.caps, field)
  end
  if chosen.leases then
    keep_slot(chosen.leases, chosen.slots, lease, slot_until_text)
    redis.call("ZREMRANGEBYSCORE", chosen.leases, "-inf", now_text)
    redis.call("ZREMRANGEBYSCORE", chosen.slots, "-inf", now_text)
  end
  for at = chosen.first_mark, chosen.last_mark do
    redis.call("SET", keys[at], lease, "PX", chosen.bought_ms)
  end
end

-- Only what this sale itself left: a period that is over is gone, a mark may be a later sale's by now.
local function give_back(leases_key, slots_key, caps_key, cap_fields, bought_keys, lease)
  free_slot(leases_key, slots_key, lease)
  for _, field in ipairs(cap_fields) do
    if tonumber(redis.call("HGET", caps_key, field) or 0) > 0 then
      redis.call("HINCRBY", caps_key, field, -1)
    end
  end
  for _, key in ipairs(bought_keys) do
    if redis.call("GET", key) == lease then
      redis.call("DEL", key)
    end
  end
end
