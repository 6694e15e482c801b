-- winners: the buyers that one post sells to, mostly one, and what is kept of several. Needs tail, taking.

-- The takers of the first candidates that said yes, at most winners_max. Only of the first the leases are known: several
-- are sold to where data is delivered, which takes none.
local function takers_of(verdicts, winners_max, first_at, leases, marks_packed, marks_before)
  local YES, found, place = "0", {first_at and taker(first_at, leases, marks_packed, marks_before)}, 0
  if winners_max == 1 or not first_at then
    return found
  end
  for verdict in string.gmatch(verdicts .. ",", "([^,]*),") do
    place = place + 1
    if verdict == YES and place > first_at and #found < winners_max then
      found[#found + 1] = taker(place, nil, marks_packed, marks_before)
    end
  end
  return found
end

-- Positions of several, csv; empty where there is one.
local function parts_of(winners)
  if #winners < 2 then
    return ""
  end
  local found = {}
  for at = 1, #winners do
    found[at] = as_text(winners[at].position)
  end
  return table.concat(found, ",")
end

local function keep_parts(sale_key, winners, parts)
  redis.call("HSET", sale_key, "parts", parts)
  for at = 1, #winners do
    local part = ":" .. as_text(winners[at].position)
    redis.call("HSET", sale_key, "state" .. part, "sold", "cap_fields" .. part, winners[at].periods,
      "bought" .. part, winners[at].marks)
  end
end

-- Marks the person as one whom the offer sold to one buyer alone: the last of all marks. Answers their names, csv.
local function keep_exclusive(sale_key, lease, marks_packed, last_mark, exclusive_ms)
  local counts, names = {cmsgpack.unpack(marks_packed)}, {}
  for at = last_mark - counts[#counts] + 1, last_mark do
    redis.call("SET", keys[at], lease, "PX", exclusive_ms)
    names[#names + 1] = string.match(keys[at], ":exclusive:(.*)$")
  end
  local exclusive = table.concat(names, ",")
  redis.call("HSET", sale_key, "exclusive", exclusive)
  return exclusive
end
