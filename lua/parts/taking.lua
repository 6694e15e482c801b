-- taking: a sale takes its buyer. Needs tail, caps, slot, candidate.
-- What a candidate that can be taken leaves is a second stream, TAKER_WORDS words each: position (in the record), buyer,
-- contract, periods (starts of all, csv), bought_ms (life of its marks), bid (JSON), price (micros, a text), terms (when the
-- sale is made: "connected:0" or "converted:<ms>"; empty: at its post). All of them are of the catalog, the hour and the
-- price.
-- Tail KEYS, before those of the candidates: slots of each.
local TAKER_WORDS = 8
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

-- A candidate that said yes (as the search found it) as one that is taken. marks_before: the last key before all marks.
local function taker(found, lease, marks_packed, marks_before)
  local place, guard_at, counts = found.place, found.guard_at, {cmsgpack.unpack(marks_packed)}
  local word = (place - 1) * TAKER_WORDS
  for before = 1, place - 1 do
    marks_before = marks_before + (counts[before] or 0)
  end
  local first_mark, last_mark = marks_before + 1, marks_before + (counts[place] or 0)
  local chosen = {
    position = taker_words[word + 1], buyer = taker_words[word + 2], contract = taker_words[word + 3],
    periods = taker_words[word + 4], bought_ms = taker_words[word + 5], bid = taker_words[word + 6],
    price = taker_words[word + 7], state = "sold", leases = found.leases, slots = keys[taker_keys_at + place],
    marks = hashes_of(first_mark, last_mark), first_mark = first_mark, last_mark = last_mark,
  }
  if guard_at then
    chosen.pending, chosen.pendings = keys[guard_at + 1], keys[guard_at + 2]
    chosen.reserved, chosen.balance = keys[guard_at + 3], keys[guard_at + 4]
    chosen.guarded, chosen.charged, chosen.terms = true, found.charged and "1" or "", taker_words[word + 8]
    chosen.member = ""
    if chosen.terms ~= "" then
      chosen.state, chosen.periods, chosen.member = "pending", "", lease .. ":" .. chosen.price
    end
  end
  return chosen
end

-- The first write is one that a full memory refuses, so that nothing is ever half taken. What is pending (until_text) is
-- counted from its sets; what is made counts in its periods and leaves the balance.
local function take(chosen, caps_key, lease, now_text, slot_until_text, until_text)
  if chosen.state == "pending" then
    redis.call("ZADD", chosen.pending, until_text, chosen.member)
    redis.call("SADD", chosen.pendings, chosen.contract)
    if chosen.charged ~= "" then
      redis.call("ZREMRANGEBYSCORE", chosen.reserved, "-inf", now_text)
      redis.call("ZADD", chosen.reserved, until_text, chosen.member)
    end
  else
    count_sale(caps_key, chosen.contract, chosen.periods, 1, chosen.price)
    if chosen.guarded and chosen.charged ~= "" then
      redis.call("DECRBY", chosen.balance, chosen.price)
    end
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
