"""A Redis in which everything is as promised passes; each kind of broken promise, planted into it, is found."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from benchmarks import account, worlds
from benchmarks.invariants import CHECKS, check
from benchmarks.reservations import Reservations, fill, in_flight, load, store_of
from benchmarks.worlds import World
from service.model.catalog import Catalog
from tests.conftest import RedisForTest

WORLD = World(wanted=5, contracts=6, on_record=True)
PINGS, SALES = 8, 4
FAR_MS = 9_999_999_999_999


class Stands:
    """A few pings and sales of the small world, and a hand on its keys."""

    def __init__(self, client: Any, catalog: Catalog, decisions: list[str]) -> None:
        self.client, self.catalog, self.decisions = client, catalog, decisions

    def key(self, rest: str) -> str:
        return f"{{{worlds.ACCOUNT}}}:{rest}"

    @property
    def sold(self) -> str:
        return self.decisions[0]

    @property
    def held(self) -> str:
        return self.decisions[-1]

    def number_of(self, decision: str) -> str:
        number: bytes = self.client.hget(self.key(f"sale:{decision}"), "number")
        return number.decode()

    def found(self) -> list[str]:
        return check(self.client, self.catalog, answered=SALES)


@pytest.fixture
def stands(redis: RedisForTest, tmp_path: Path) -> Stands:
    redis.may_leave("*")
    catalog = load(worlds.write_catalog(tmp_path, WORLD))
    decisions = asyncio.run(_live(redis.url, catalog))
    return Stands(account.connect(redis.url), catalog, decisions)


async def _live(url: str, catalog: Catalog) -> list[str]:
    made = Reservations(catalog)
    async with store_of(url, catalog) as store:
        asks = [made.hold(number, store.now_ms()) for number in range(PINGS)]
        assert {(await store.hold(ask)).status for ask in asks} == {"held"}
        for ask in asks[:SALES]:
            found = await store.ping(ask.record.decision_id)
            assert found is not None
            assert (await store.sell(made.sell(ask, found))).status == "sold"
    return [ask.record.decision_id for ask in asks]


def test_what_pings_and_posts_leave_is_as_promised(stands: Stands) -> None:
    assert stands.found() == []


def test_leases_that_are_over_do_not_count(stands: Stands) -> None:
    stands.client.zadd(stands.key("leases:1"), {f"old{at}": 1 for at in range(5)})
    assert stands.found() == []


def _slot_of_no_lease(now: Stands) -> None:
    for buyer_id in range(1, 7):
        now.client.zrem(now.key(f"leases:{buyer_id}"), now.sold)


def _slot_of_another_time(now: Stands) -> None:
    for buyer_id in range(1, 7):
        now.client.zincrby(now.key(f"leases:{buyer_id}"), -1, now.sold)


def _unknown_hold(now: Stands) -> None:
    now.client.zadd(now.key("leases:1"), {"f" * 32: now.client.time()[0] * 1000 + 1_500})


def _held_though_sold(now: Stands) -> None:
    now.client.zadd(now.key("leases:2"), {now.sold: now.client.time()[0] * 1000 + 1_500})


def _held_though_not_offered(now: Stands) -> None:
    now.client.zadd(now.key("leases:6"), {now.held: now.client.time()[0] * 1000 + 1_500})


def _unknown_slot(now: Stands) -> None:
    now.client.zadd(now.key("slots:1"), {"f" * 32: now.client.time()[0] * 1000 + 1_500})


def _slot_of_another(now: Stands) -> None:
    now.client.zadd(now.key("slots:6"), {now.sold: now.client.time()[0] * 1000 + 1_500})


def _slot_gone(now: Stands) -> None:
    for buyer_id in range(1, 7):
        now.client.zrem(now.key(f"slots:{buyer_id}"), now.sold)


def _sold_twice(now: Stands) -> None:
    ((_, fields), *_) = now.client.xrange(now.key("sales"), count=1)
    now.client.xadd(now.key("sales"), fields)


def _sale_forgotten(now: Stands) -> None:
    ((entry, _), *_) = now.client.xrange(now.key("sales"), count=1)
    now.client.xdel(now.key("sales"), entry)


def _sale_cannot_be_found(now: Stands) -> None:
    now.client.delete(now.key(f"sale:{now.sold}"))


def _number_lent_again(now: Stands) -> None:
    entries = now.client.xrange(now.key("sales"))
    (entry, fields), number = entries[-1], entries[0][1][b"number"]
    now.client.xdel(now.key("sales"), entry)
    now.client.xadd(now.key("sales"), fields | {b"number": number})


def _number_gone(now: Stands) -> None:
    free = now.client.zrange(now.key(f"pool:{worlds.POOL}"), 0, 0)
    now.client.zrem(now.key(f"pool:{worlds.POOL}"), *free)


def _number_of_nobody(now: Stands) -> None:
    now.client.hset(now.key(f"lent:{worlds.POOL}"), now.number_of(now.sold), "f" * 32)


def _cap_not_counted(now: Stands) -> None:
    now.client.delete(now.key("caps"))


def _hold_for_ever(now: Stands) -> None:
    now.client.zadd(now.key("leases:1"), {now.held: FAR_MS})


def _slot_for_ever(now: Stands) -> None:
    for buyer_id in range(1, 7):
        now.client.zadd(now.key(f"slots:{buyer_id}"), {now.sold: FAR_MS}, xx=True)


def _number_never_free(now: Stands) -> None:
    now.client.zadd(now.key(f"pool:{worlds.POOL}"), {now.number_of(now.sold): FAR_MS})


def _key_for_ever(now: Stands) -> None:
    now.client.persist(now.key(f"ping:{now.held}"))


PLANTED: tuple[tuple[Callable[[Stands], None], str], ...] = (
    (_slot_of_no_lease, "and no lease until the same moment"),
    (_slot_of_another_time, "and no lease until the same moment"),
    (_unknown_hold, "of which there is no ping"),
    (_held_though_sold, "which is sold"),
    (_held_though_not_offered, "whose ping was not offered it"),
    (_unknown_slot, "of which there is no sale"),
    (_slot_of_another, "which is not sold to it"),
    (_slot_gone, "waits for its call without a slot"),
    (_sold_twice, "is in the stream of sales 2 times"),
    (_sold_twice, "4 sales were answered and 5 are in the stream"),
    (_sale_forgotten, "is in the stream of sales 0 times"),
    (_sale_cannot_be_found, "which no post can find again"),
    (_number_lent_again, "or before it had rested"),
    (_number_gone, "is gone from pool"),
    (_number_of_nobody, "which has not got it"),
    (_cap_not_counted, "and counts 0"),
    (_hold_for_ever, "a hold of buyer 1"),
    (_slot_for_ever, "a slot of buyer"),
    (_number_never_free, "is not free when every lease is over"),
    (_key_for_ever, "has no end"),
)


@pytest.mark.parametrize(
    ("plant", "sentence"), PLANTED, ids=[f"{plant.__name__}-{at}" for at, (plant, _) in enumerate(PLANTED)]
)
def test_a_broken_promise_is_found(stands: Stands, plant: Callable[[Stands], None], sentence: str) -> None:
    plant(stands)
    assert any(sentence in found for found in stands.found()), stands.found()


def test_a_buyer_above_its_cap_is_found(redis: RedisForTest, tmp_path: Path) -> None:
    redis.may_leave("*")
    world = World(wanted=2, contracts=2, full_percent=50)
    catalog = load(worlds.write_catalog(tmp_path, world))
    (buyer_id,) = world.full_buyers
    asyncio.run(fill(redis.url, catalog, [buyer_id]))
    client = account.connect(redis.url)
    assert check(client, catalog, hold_seconds_max=86_400) == []
    client.zadd(f"{{bench}}:leases:{buyer_id}", {"f" * 32: client.time()[0] * 1000 + 1_500})
    said = check(client, catalog, hold_seconds_max=86_400)
    assert f"buyer {buyer_id} has 21 leases, more than its cap of 20" in said


def test_a_cap_sold_beyond_is_found(stands: Stands) -> None:
    caps = stands.key("caps")
    for contract in stands.client.hkeys(caps):
        stands.client.hset(caps, contract, pack("<10q", *(0, worlds.PLENTY + 1) * 5))
    assert any("has sold beyond its cap of 1000000 a total" in found for found in stands.found())


def test_every_check_has_been_seen_to_find_something() -> None:
    """By name: a check that is added without a planted violation fails here."""
    assert {broken.__name__ for broken in CHECKS} == {
        "buyers_above_their_cap", "slots_that_are_not_counted", "holds_that_no_ping_took", "slots_that_no_sale_has",
        "sales_without_their_slot", "sales_not_once_in_the_stream", "sales_answered_and_not_made", "numbers_lent_twice",
        "numbers_that_are_wrong", "caps_counted_wrong", "leases_that_never_end",
    }  # fmt: skip


async def test_asks_in_flight_are_answered_in_order() -> None:
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return number * 2

    assert await in_flight(100, double, callers=7) == [number * 2 for number in range(100)]
