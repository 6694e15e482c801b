-- candidate: bids in order, and why one cannot take the lead now. Needs caps, guard, room. Answers are numbers of declines,
-- 0 is yes; as texts, for they are joined.
-- All candidates are one stream of msgpack words, without tables in it: five small ones alone took 2.5 us. All of them are
-- of the catalog and the hour: candidates_count; default_at (place of the default buyer, which only takes what nobody else
-- does; 0: it is not there); is_twinned (some buyer stands there twice); capped_count; contracts of those that have caps.
-- Then a candidate's words: buyer; room (most live leases; -1 has no limit, -2 takes no leases); caps_count; and four words
-- for each of its caps (see caps). Where caps_count is -1, the words of its guard follow (see guard); -2: the same, and it
-- stands among those that have caps.
-- How many dedup marks each candidate has is of the lead, and a stream of its own.
-- Tail KEYS: all marks; what a script puts between; of each candidate its leases (unless its room is -2), keys of its guard.

-- Whether a candidate has bought this person, by place; nil where nobody has, as it nearly always is: then one question
-- is enough for all. And the last key.
local function bought_before(packed, key_at)
  if packed == "" then
    return nil, key_at
  end
  local counts, last = {cmsgpack.unpack(packed)}, key_at
  for place = 1, #counts do
    last = last + counts[place]
  end
  if last == key_at or redis.call("EXISTS", unpack(KEYS, key_at + 1, last)) == 0 then
    return nil, last
  end
  local bought = {}
  for place = 1, #counts do
    local first = key_at + 1
    key_at = key_at + counts[place]
    bought[place] = key_at >= first and redis.call("EXISTS", unpack(KEYS, first, key_at)) > 0
  end
  return bought, last
end

-- Looks at them in order until enough say yes. Answers: verdicts (csv); how many say yes; the leases of those that
-- have any.
-- search: enough; buyers, buyers_count (that said yes in earlier trips; nil and 0 in the first); lease (of this lead; nil: it
-- has none); now; taken (nil: nobody is; else a list, to which those that say yes come: place, leases, the key before its
-- guard's, charged).
local function look_at_candidates(packed, caps_key, bought, key_at, search)
  local YES, DUPLICATE, CONCURRENCY, OUTRANKED, NOT_ASKED, NO_LEASES = "0", "207", "214", "301", "", -2
  local words, keys = {cmsgpack.unpack(packed)}, KEYS
  local default_at, capped_count, at, capped_at = words[2], words[4], words[4] + 5, 0
  local sold = capped_count > 0 and redis.call("HMGET", caps_key, unpack(words, 5, at - 1))
  local enough, lease, now, taken = search.enough - search.buyers_count, search.lease, search.now, search.taken
  local buyers, is_first = search.buyers or (words[3] and {}), search.buyers_count == 0
  local said, yes_count, leases = "", 0, {}
  for place = 1, words[1] do
    local verdict = NOT_ASKED
    if yes_count < enough then
      local buyer, room, caps_count, its_leases, reached, guard_at, charged = words[at], words[at + 1], words[at + 2]
      at = at + 3
      if room > NO_LEASES then
        key_at = key_at + 1
        its_leases = keys[key_at]
      end
      if caps_count > 0 then
        capped_at = capped_at + 1
        reached = cap_reached(sold[capped_at], words, at, caps_count, 0)
        at = at + caps_count * 4
      elseif caps_count < 0 then
        guard_at, charged = key_at, words[at + 1] == 1
        capped_at = capped_at - caps_count - 1
        local words_count
        reached, words_count = guard_against(words, at, caps_count < -1 and sold[capped_at], key_at, now)
        at, key_at = at + words_count, key_at + GUARD_KEYS
      end
      if (buyers and buyers[buyer]) or (place == default_at and not (is_first and yes_count == 0)) then
        verdict = OUTRANKED
      elseif bought and bought[place] then
        verdict = DUPLICATE
      elseif reached then
        verdict = reached
      elseif has_room(its_leases, room, lease, now) then
        verdict, yes_count, leases[#leases + 1] = YES, yes_count + 1, its_leases
        if taken then
          taken[yes_count] = {place = place, buyer = buyer, leases = its_leases, guard_at = guard_at, charged = charged}
        end
        if buyers then
          buyers[buyer] = true
        end
      else
        verdict = CONCURRENCY
      end
    end
    said = place == 1 and verdict or said .. "," .. verdict
  end
  return said, yes_count, leases
end
