-- caps: what contracts have sold by calendar period. The account's HASH: contract -> three words (start, sold, price of what
-- was sold in micros) for each kind of period, in the catalog's order. Words whose start is not the period's are of one that
-- is over and count nothing.
-- The words have eight bytes each: so a cap reads its own alone, and a value is too long for Redis to keep all
-- contracts in one list, where finding one of 500 takes 2.5 us and not 0.2.

-- The decline of the first cap that is reached, nil where none is. A cap's words: place of its period (a byte, from 1), start,
-- limit, decline. pending: what counts beside what is sold.
local function cap_reached(value, words, at, caps_count, pending)
  for cap = at, at + (caps_count - 1) * 4, 4 do
    local sold = pending
    if value then
      local start, count = struct.unpack("<i8i8", value, words[cap])
      sold = start == words[cap + 1] and sold + count or sold
    end
    if sold >= words[cap + 2] then
      return words[cap + 3] .. ""
    end
  end
  return nil
end

-- The same of caps on revenue, whose limit is in micros: taken_micros (pending, and the price asked) must fit beside it.
local function revenue_cap_reached(value, words, at, caps_count, taken_micros)
  for cap = at, at + (caps_count - 1) * 4, 4 do
    local revenue_micros = taken_micros
    if value then
      local start, _, micros = struct.unpack("<i8i8i8", value, words[cap])
      revenue_micros = start == words[cap + 1] and revenue_micros + micros or revenue_micros
    end
    if revenue_micros > words[cap + 2] then
      return words[cap + 3] .. ""
    end
  end
  return nil
end

-- Counts a sale (step 1) or takes it back (-1), which only the period that it was counted in knows of. starts: csv, of all.
local function count_sale(caps_key, contract, starts, step, price_micros)
  local before, after, at = redis.call("HGET", caps_key, contract), {}, 1
  for word in string.gmatch(starts, "[^,]+") do
    local asked, start, sold, micros = tonumber(word), 0, 0, 0
    if before then
      start, sold, micros, at = struct.unpack("<i8i8i8", before, at)
    end
    if step > 0 and start ~= asked then
      start, sold, micros = asked, 0, 0
    end
    if start == asked then
      sold, micros = math.max(sold + step, 0), math.max(micros + step * price_micros, 0)
    end
    after[#after + 1] = struct.pack("<i8i8i8", start, sold, micros)
  end
  if #after > 0 then
    redis.call("HSET", caps_key, contract, table.concat(after))
  end
end
