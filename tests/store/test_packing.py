"""What is packed once for many leads is right for the moment it is asked for, whichever way the clock went."""

from service.model.catalog import Cap
from service.store.asks import Limit
from service.store.calendar import Calendar
from service.store.keys import Keys
from service.store.packing import Pack, Packer
from tests.store.world import bid

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
