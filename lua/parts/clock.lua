-- clock: the only clock there is. Milliseconds since the epoch, as Redis knows them.
local function now_ms()
  local time = redis.call("TIME")
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A number that Redis is given is written by printf each time, in 0.4 us; a text is not.
local function as_text(ms)
  return ms .. ""
end
