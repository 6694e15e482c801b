"""What is packed once for many leads is right for the moment it is asked for, whichever way the clock went."""

from msgspec.structs import replace

from service.model.catalog import Cap
from service.store.asks import Limit, SellAsk
from service.store.calendar import Calendar
from service.store.channel import Channel
from service.store.keys import Keys
from service.store.packing import Pack, Packer
from service.store.posts import _asked
from service.store.runner import Asked, Runner
from service.store.settings import StoreSettings
from tests.store.world import OWN_NUMBERS, POOL, bid, sell_ask

NOW_MS = 1_795_003_200_000
HOUR_MS = 3_600_000
LIMITS = (Limit("endpoint", "", "minute", 5), Limit("traffic_source", "abc", "hour", 50))
CAPPED = bid(1, caps=(Cap("hour", 10),))


def packed(keys: Keys, calendar: Calendar, now_ms: int) -> Pack:
    pack = Pack([], [])
    packer = Packer(keys, calendar, now_ms, {})
    packer.limits(pack, "my_endpoint", "UTC", LIMITS)
    packer.candidates(pack, [CAPPED], [5])
    return pack


def test_a_clock_that_is_set_forward_or_back_finds_the_periods_of_its_own_hour() -> None:
    keys, calendar = Keys("demo", b"secret"), Calendar()
    for now_ms in (NOW_MS, NOW_MS + 1, NOW_MS + 2 * HOUR_MS, NOW_MS, NOW_MS - 3 * HOUR_MS, NOW_MS + HOUR_MS - 1):
        fresh = packed(Keys("demo", b"secret"), Calendar(), now_ms)
        assert packed(keys, calendar, now_ms) == fresh, now_ms


def asked(runner: Runner, ask: SellAsk, now_ms: int) -> tuple[bytes, bytes, int]:
    made: Asked = _asked(runner, "UTC", {POOL.id: POOL}, ask, b"{}", now_ms)
    return b"".join(made.keys.pieces), b"".join(made.args.pieces), made.valid_until_ms


def runner() -> Runner:
    """One that asks nobody."""
    return Runner(Channel("unix:///nowhere", 1, 1), Keys("demo", b"secret"), StoreSettings())


def test_a_post_is_given_what_is_its_own_whatever_was_kept_of_posts_like_it() -> None:
    first, second = replace(CAPPED, is_default=True), bid(2, 7, dedup_days=30, dedup_on=(("caller_id",),))
    plain = sell_ask("d1", [first, bid(3)])
    asks = [
        plain,
        sell_ask("d2", list(plain.bids), question="q"),
        replace(plain, bids=[replace(first, bid_micros=1), plain.bids[1]]),
        replace(plain, bids=[replace(first, payout_micros=1), plain.bids[1]]),
        replace(plain, bids=[CAPPED, plain.bids[1]]),
        replace(plain, bids=[replace(first, buyer=replace(first.buyer, concurrency_cap=1)), plain.bids[1]]),
        replace(plain, bids=[first, bid(3, caps=(Cap("day", 1),))]),
        replace(plain, order=(1, 0)),
        replace(plain, reserve=(2,)),
        replace(plain, held_buyers=(3,)),
        replace(plain, needs_ping=True),
        replace(plain, is_last=False),
        replace(plain, look_further=2),
        replace(plain, said_before=(207, None)),
        replace(plain, request_key="r", request_fields="f", fields_key="k"),
        replace(plain, limits=LIMITS),
        replace(plain, endpoint=replace(plain.endpoint, number_hold_seconds=1)),
        sell_ask("d3", [first, second]),
        sell_ask("d4", [first, second], lead={"caller_id": "+13105550000"}),
        sell_ask("d5", [first], OWN_NUMBERS, own_number="+18005550199"),
        sell_ask("d6", [first], OWN_NUMBERS, own_number="+18005550199", caller_id=""),
    ]
    shared = runner()
    for now_ms in (NOW_MS, NOW_MS + 1, NOW_MS + 2 * HOUR_MS, NOW_MS, NOW_MS - 3 * HOUR_MS, NOW_MS + HOUR_MS - 1):
        for ask in asks:
            assert asked(shared, ask, now_ms) == asked(runner(), ask, now_ms), (now_ms, ask)
    assert len({asked(shared, ask, NOW_MS)[:2] for ask in asks}) == len(asks)
