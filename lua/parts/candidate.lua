-- candidate: bids in order, and why one cannot take the lead now. Needs tail, room. Answers are numbers of
-- declines, 0 is yes; as texts, for they are joined.
-- All candidates are one stream of msgpack words, without tables in it: five small ones alone took 2.5 us.
-- A candidate's words: buyer; room (most live leases; -1 has no limit, -2 takes no leases); remembers (1: it has dedup
-- marks); caps_count; then the fields of all its caps, their limits, their declines. All of them are of the catalog and
-- the hour. How many marks a lead has is of the lead: marks_counts has one number for each candidate that remembers.
-- Tail KEYS: all marks; what a script puts between; per candidate leases (unless room is -2), caps (where it has caps).
local YES, DUPLICATE, CONCURRENCY, OUTRANKED, NOT_ASKED = "0", "207", "214", "301", ""
local NO_LEASES = -2
local words, word_at
local marks_counts, marks_count_at, mark_at, any_bought = {}, 0, 0, false
-- Of the candidate that was stepped to. Not a table: its fields cost more than locals.
local its_buyer, its_room, its_leases, its_caps, its_caps_at, its_caps_count, its_first_mark, its_last_mark

local function bind_marks(packed)
  if packed == "" then
    return
  end
  marks_counts, marks_count_at, mark_at = {cmsgpack.unpack(packed)}, 0, key_at
  for at = 1, #marks_counts do
    key_at = key_at + marks_counts[at]
  end
  -- Nearly always nobody has bought this person: then one question is enough for all.
  any_bought = key_at > mark_at and redis.call("EXISTS", unpack(keys, mark_at + 1, key_at)) > 0
end

local function bind_candidates(packed)
  words, word_at = {cmsgpack.unpack(packed)}, 1
end

local function next_candidate()
  local at, caps_count = word_at, words[word_at + 3]
  its_buyer, its_room = words[at], words[at + 1]
  its_leases = its_room > NO_LEASES and next_key()
  its_first_mark, its_last_mark = mark_at + 1, mark_at
  if words[at + 2] == 1 then
    marks_count_at = marks_count_at + 1
    its_last_mark = mark_at + marks_counts[marks_count_at]
    mark_at = its_last_mark
  end
  its_caps = caps_count > 0 and next_key()
  its_caps_at, its_caps_count = at + 4, caps_count
  word_at = at + 4 + caps_count * 3
end

local function cap_reached()
  local limits_at, declines_at = its_caps_at + its_caps_count, its_caps_at + its_caps_count * 2
  local sold = redis.call("HMGET", its_caps, unpack(words, its_caps_at, limits_at - 1))
  for at = 0, its_caps_count - 1 do
    if tonumber(sold[at + 1] or 0) >= words[limits_at + at] then
      return words[declines_at + at]
    end
  end
  return nil
end

local function bought_before()
  return its_last_mark >= its_first_mark and redis.call("EXISTS", unpack(keys, its_first_mark, its_last_mark)) > 0
end

local function why_not(lease, now)
  if any_bought and bought_before() then
    return DUPLICATE
  end
  local reached = its_caps and cap_reached()
  if reached then
    return reached
  end
  if not has_room(its_leases, its_room, lease, now) then
    return CONCURRENCY
  end
  return YES
end
