-- taking: a sale takes its buyer, and gives it back. Needs tail, caps, slot, candidate.
-- What a candidate that can be taken leaves is a second stream, TAKER_WORDS words each: position (in the record), buyer,
-- contract, periods (starts of all, csv), bought_ms (life of its marks), bid (JSON). All of them are of the catalog, the
-- hour and the price.
-- Tail KEYS, before those of the candidates: slots of each.
local TAKER_WORDS = 6
local taker_words, taker_keys_at

local function bind_takers(packed)
  taker_words, taker_keys_at = {cmsgpack.unpack(packed)}, key_at
  key_at = key_at + #taker_words / TAKER_WORDS
end

-- The hashes of marks, csv: their keys end in them.
local function hashes_of(first_mark, last_mark)
  local found = {}
  for at = first_mark, last_mark do
    found[#found + 1] = string.match(keys[at], "[^:]*$")
  end
  return table.concat(found, ",")
end

-- The candidate at a place as one that is taken. marks_before: the last key before all marks.
local function taker(place, leases, marks_packed, marks_before)
  local word, counts = (place - 1) * TAKER_WORDS, {cmsgpack.unpack(marks_packed)}
  for before = 1, place - 1 do
    marks_before = marks_before + (counts[before] or 0)
  end
  local first_mark, last_mark = marks_before + 1, marks_before + (counts[place] or 0)
  return {
    position = taker_words[word + 1], buyer = taker_words[word + 2], contract = taker_words[word + 3],
    periods = taker_words[word + 4], bought_ms = taker_words[word + 5], bid = taker_words[word + 6], leases = leases,
    slots = keys[taker_keys_at + place], marks = hashes_of(first_mark, last_mark), first_mark = first_mark,
    last_mark = last_mark,
  }
end

-- The first write is one that a full memory refuses, so that nothing is ever half taken.
local function take(chosen, caps_key, lease, now_text, slot_until_text)
  count_sale(caps_key, chosen.contract, chosen.periods, 1)
  if chosen.leases then
    keep_slot(chosen.leases, chosen.slots, lease, slot_until_text)
    redis.call("ZREMRANGEBYSCORE", chosen.leases, "-inf", now_text)
    redis.call("ZREMRANGEBYSCORE", chosen.slots, "-inf", now_text)
  end
  for at = chosen.first_mark, chosen.last_mark do
    redis.call("SET", keys[at], lease, "PX", chosen.bought_ms)
  end
end

-- Only what this sale itself left, at the contract it was counted for (contract, periods): a period that is over is gone,
-- a mark may be a later sale's by now.
local function give_back(leases_key, slots_key, bought_keys, lease)
  free_slot(leases_key, slots_key, lease)
  for _, key in ipairs(bought_keys) do
    if redis.call("GET", key) == lease then
      redis.call("DEL", key)
    end
  end
end
