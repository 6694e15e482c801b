-- clock: the only clock there is. Milliseconds since the epoch, as Redis knows them.
local function now_ms()
  local time = redis.call("TIME")
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
