-- winners: the buyers that one post sells to, mostly one, and what is kept of several. Needs tail, taking.

-- The takers of the first candidates that said yes, at most winners_max.
local function takers_of(taken, winners_max, lease, marks_packed, marks_before)
  local found = {}
  for at = 1, math.min(#taken, winners_max) do
    found[at] = taker(taken[at], lease, marks_packed, marks_before)
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
      "bought" .. part, winners[at].marks, "charged" .. part, winners[at].charged or "")
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
