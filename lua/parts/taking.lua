-- taking: a sale takes its buyer, and gives it back. Needs tail, caps, slot, waiting, candidate.
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
  local place, counts = found.place, {cmsgpack.unpack(marks_packed)}
  local word = (place - 1) * TAKER_WORDS
  for before = 1, place - 1 do
    marks_before = marks_before + (counts[before] or 0)
  end
  local first_mark, last_mark, guard_at = marks_before + 1, marks_before + (counts[place] or 0), found.guard_at
  local price, terms = taker_words[word + 7], taker_words[word + 8]
  return {
    position = taker_words[word + 1], buyer = taker_words[word + 2], contract = taker_words[word + 3],
    periods = terms == "" and taker_words[word + 4] or "", bought_ms = taker_words[word + 5], bid = taker_words[word + 6],
    price = price, terms = terms, state = terms == "" and "sold" or "pending", leases = found.leases,
    slots = keys[taker_keys_at + place], marks = hashes_of(first_mark, last_mark), first_mark = first_mark,
    last_mark = last_mark, is_guarded = guard_at and true, charged = found.is_charged and "1" or "",
    member = terms == "" and "" or lease .. ":" .. price, pending = guard_at and keys[guard_at + 1],
    pendings = guard_at and keys[guard_at + 2], reserved = guard_at and keys[guard_at + 3],
    balance = guard_at and keys[guard_at + 4],
  }
end

-- Pending ones are counted from their sets; what is made counts in its periods and leaves the balance.
local function take_money(chosen, caps_key, now_text, until_text)
  if chosen.state == "pending" then
    redis.call("ZADD", chosen.pending, until_text, chosen.member)
    redis.call("SADD", chosen.pendings, chosen.contract)
    if chosen.charged ~= "" then
      redis.call("ZREMRANGEBYSCORE", chosen.reserved, "-inf", now_text)
      redis.call("ZADD", chosen.reserved, until_text, chosen.member)
    end
  else
    count_sale(caps_key, chosen.contract, chosen.periods, 1, chosen.price)
    if chosen.charged ~= "" then
      redis.call("DECRBY", chosen.balance, chosen.price)
    end
  end
end

-- The first write is one that a full memory refuses, so that nothing is ever half taken. until_text: how long the sale is
-- pending, where it is.
local function take(chosen, caps_key, lease, now_text, slot_until_text, until_text)
  take_money(chosen, caps_key, now_text, until_text)
  if chosen.leases then
    keep_slot(chosen.leases, chosen.slots, lease, slot_until_text)
    redis.call("ZREMRANGEBYSCORE", chosen.leases, "-inf", now_text)
    redis.call("ZREMRANGEBYSCORE", chosen.slots, "-inf", now_text)
  end
  for at = chosen.first_mark, chosen.last_mark do
    redis.call("SET", keys[at], lease, "PX", chosen.bought_ms)
  end
end

-- What a sale's HASH has of its money beside all others, names and values in turn. suffix: "", or ":<position>" where a post
-- sold to several. about: as the sales stream has it.
local function money_fields(chosen, about, suffix)
  return "charged" .. suffix, chosen.charged, "pending" .. suffix, chosen.member, "terms" .. suffix, chosen.terms,
    "bid" .. suffix, chosen.bid, "about" .. suffix, about
end

-- Only what this sale itself left, as it is given: leases, slots, pending, reserved, balance, caps, bought (keys of marks);
-- contract, price. A period that is over is gone, a mark may be a later sale's by now.
local function give_back(given, sale_key, lease)
  local state, member, charged, periods =
    unpack(redis.call("HMGET", sale_key, "state", "pending", "charged", "cap_fields"))
  free_slot(given.leases, given.slots, lease)
  if state == "pending" then
    end_pending(given.pending, given.reserved, member)
  else
    count_sale(given.caps, given.contract, periods, -1, given.price)
    if charged == "1" then
      redis.call("INCRBY", given.balance, given.price)
    end
  end
  for _, key in ipairs(given.bought) do
    if redis.call("GET", key) == lease then
      redis.call("DEL", key)
    end
  end
end
