-- settle: what a call's event makes of its pending sale, asked before the event itself is taken: who is killed between the two
--   finds it settled when the event comes again.
-- parts: clock, caps, waiting, making
-- KEYS: call (HASH), sale (HASH), sales (STREAM), caps (HASH), pending (ZSET of the sale's contract), reserved (ZSET of its
--   buyer), balance (STRING)
-- ARGV: not_after_ms, decision, call (edge:call), attempt (-1: not said), has_ended, is_answered (1 or 0: the event says so),
--   duration_ms (-1: not said), buyer_seen (id of the one that was dialled last, as the call was read), contract (of the sale,
--   likewise), periods (starts of now, csv)
-- Returns: late, now · changed (the call was read too early) · stale (it makes nothing of the sale) · waits · lapsed ·
--   made, bid (JSON), late (1 or 0)
-- Writes: waits: pending, reserved; lapsed: sales, pending, reserved, sale; made: these, caps, balance; else nothing
local call_key, sale_key, sales_key, caps_key, pending_key, reserved_key, balance_key =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local not_after_ms, decision, call, attempt, has_ended = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5] == "1"
local is_answered, duration_ms, buyer_seen, contract, periods =
  ARGV[6] == "1", tonumber(ARGV[7]), ARGV[8], ARGV[9], ARGV[10]

local now = now_ms()
if now > not_after_ms then
  return {"late", now}
end
local of_sale, latest, answered, ended, beat_ms, buyer, pends =
  unpack(redis.call("HMGET", call_key, "sale", "attempt", "answered", "ended", "beat_ms", "buyer", "pends"))
if buyer ~= buyer_seen or pends ~= contract then
  return {"changed"}
end
local live_call, state, terms, position, number, bid, about, member, charged, until_ms = unpack(redis.call("HMGET", sale_key,
  "live_call", "state", "terms", "position", "number", "bid", "about", "pending", "charged", "until_ms"))
local is_current = of_sale == decision and not ended and live_call == call
  and (attempt < 0 or attempt >= tonumber(latest))
if not is_current or (state ~= "pending" and state ~= "lapsed") then
  return {"stale"}
end
local made, after_ms = string.match(terms, "^(%a+):(%d+)$")
local lasted_ms = duration_ms
if lasted_ms < 0 then
  lasted_ms = answered and now - tonumber(answered) or 0
end
is_answered = is_answered or answered

-- All writes: the first is one that a full memory refuses.
if is_answered and lasted_ms >= tonumber(after_ms) then
  local keys = {sales = sales_key, caps = caps_key, pending = pending_key, reserved = reserved_key, balance = balance_key}
  local is_late = make_sale(keys, {
    decision = decision, position = position, number = number, bid = bid, about = about, contract = contract,
    periods = periods, price = string.match(member, "%d+$"), member = member, is_charged = charged == "1", made = made,
  }, now)
  redis.call("HSET", sale_key, "state", "sold", "made_at_ms", now, "cap_fields", periods)
  return {"made", bid, is_late and 1 or 0}
end
if has_ended and is_answered and state == "pending" then
  redis.call("XADD", sales_key, "*", "event", "lapsed", "sale", decision, "at_ms", now)
  end_pending(pending_key, reserved_key, member)
  redis.call("HSET", sale_key, "state", "lapsed")
  return {"lapsed"}
end
if not has_ended then
  keep_pending(pending_key, reserved_key, member, math.max(tonumber(until_ms), now + tonumber(beat_ms)), now)
end
return {"waits"}
