"""Suppression lists of run time: keyed hashes in Redis, copied by every worker, followed and never lost from sight."""

import asyncio
from hashlib import sha256

import pytest

from service.match import People
from service.match.people import EVERYWHERE
from service.model.person import Person
from service.store import Store, StoreSettings, suppressing
from tests.conftest import RedisForTest
from tests.store.world import CALLER, open_store
from tests.waiting import within_a_second

ANNABEL = Person(numbers=(CALLER,), emails=("annabel@example.com",))
OTHER = "+12125550000"
FIELDS = ("caller_id", "email")


async def copy_of(store: Store) -> People:
    people = People(store.hash_of)
    await store.watch_suppressions(people)
    return people


async def until_on(people: People, lists: set[str], **lead: str) -> None:
    """Waits until a lead is on just these lists: a second at most."""
    await within_a_second(lambda: people.lists_of(dict(lead), FIELDS) == lists)


@pytest.fixture(autouse=True)
def _lists_stay(redis: RedisForTest) -> None:
    redis.may_leave("suppressed", "suppressions")


async def test_two_workers_know_of_a_suppression_and_of_its_end_within_a_second(
    redis: RedisForTest, store: Store
) -> None:
    other = await open_store(redis.url)
    copies = [await copy_of(store), await copy_of(other)]
    assert (await store.suppress(EVERYWHERE, ANNABEL, reason="asked")).changed == 2
    for people in copies:
        await until_on(people, {"*"}, caller_id=CALLER)
        await until_on(people, {"*"}, email="annabel@example.com")
        assert people.lists_of({"caller_id": OTHER}, FIELDS) == set()
    assert (await other.unsuppress(EVERYWHERE, ANNABEL)).changed == 2
    for people in copies:
        await until_on(people, set(), caller_id=CALLER)
        assert not people
    await other.close()


async def test_a_number_that_comes_hashed_is_known(store: Store) -> None:
    await store.suppress("dnc", ANNABEL, reason="")
    people = await copy_of(store)
    assert people.lists_of({"caller_id_sha256": sha256(CALLER[1:].encode()).hexdigest()}, FIELDS) == {"dnc"}


async def test_what_is_kept_of_people_are_keyed_hashes_alone(redis: RedisForTest, store: Store) -> None:
    await store.suppress(EVERYWHERE, ANNABEL, reason="asked")
    dump = b"".join(redis.client.execute_command("DUMP", key, NEVER_DECODE=True) for key in redis.client.keys("*"))
    for trace in (CALLER[1:], "annabel", *ANNABEL.sha256s):
        assert trace.encode() not in dump
        assert trace.encode().hex().encode() not in dump


async def test_a_worker_that_starts_or_was_cut_off_knows_all_that_are_on_lists(
    redis: RedisForTest, store: Store
) -> None:
    people = await copy_of(store)
    numbers = tuple(f"+1212555{at:04}" for at in range(2500))
    assert (await store.suppress("dnc", Person(numbers), reason="")).changed == 2500
    late = await copy_of(store)
    assert late.counts() == {"dnc": 2500}
    await until_on(people, {"dnc"}, caller_id=numbers[-1])
    assert people.counts() == {"dnc": 2500}
    redis.client.client_kill_filter(_type="pubsub")
    await store.unsuppress("dnc", Person(numbers[:1]))
    await until_on(people, set(), caller_id=numbers[0])


async def test_changes_that_are_no_longer_kept_make_a_copy_read_anew(
    redis: RedisForTest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppressing, "CHANGES_MAX", 2)
    people = People(store.hash_of)
    runner = store._runner
    place = await suppressing.follow(runner, people, None)
    for at in range(5):
        await store.suppress("dnc", Person((f"+1212555000{at}",)), reason="")
    place = await suppressing.follow(runner, people, place)
    assert people.counts() == {"dnc": 5}
    for at in range(5):
        await store.unsuppress("dnc", Person((f"+1212555000{at}",)))
    await suppressing.follow(runner, people, place)
    assert people.counts() == {}
    await store.suppress("dnc", ANNABEL, reason="")
    place = await suppressing.follow(runner, people, place)
    redis.client.delete("{demo}:suppressed", "{demo}:suppressions")  # a Redis that has lost everything
    await suppressing.follow(runner, people, place)
    assert people.counts() == {}


async def test_the_same_again_changes_nothing_and_is_no_news(redis: RedisForTest, store: Store) -> None:
    await store.suppress("dnc", ANNABEL, reason="first")
    assert (await store.suppress("dnc", ANNABEL, reason="second")).changed == 0
    assert (await store.unsuppress("other", ANNABEL)).changed == 0
    assert redis.client.xlen("{demo}:suppressions") == 1
    found = await store.suppressed(("*", "dnc"), Person((CALLER,)))
    assert [(one.name, one.reason) for one in found] == [("dnc", "first")]
    assert abs(found[0].at_ms - store.now_ms()) < 5_000


async def test_there_is_room_for_so_many_and_a_refusal_takes_none_of_them(
    redis: RedisForTest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppressing, "PEOPLE_MAX", 2)
    assert (await store.suppress("dnc", ANNABEL, reason="")).status == "taken"
    assert (await store.suppress("other", Person((OTHER,)), reason="")).status == "full"
    assert (await store.suppress("dnc", ANNABEL, reason="")).status == "taken", "nobody new: there is room for that"
    assert redis.client.hlen("{demo}:suppressed") == 2
    await store.unsuppress("dnc", Person((CALLER,)))
    assert (await store.suppress("other", Person((OTHER,)), reason="")).status == "taken"


async def test_people_put_on_and_taken_off_by_many_at_once_end_as_redis_has_them(redis: RedisForTest) -> None:
    patient = StoreSettings(give_up_ms=5_000)
    stores = [await open_store(redis.url, patient) for _ in range(4)]
    copies = [await copy_of(store) for store in stores]
    numbers = [f"+1212555{at:04}" for at in range(20)]

    async def churn(store: Store, first: int) -> None:
        for at in range(200):
            number = numbers[(first + at * 7) % len(numbers)]
            await (store.suppress("dnc", Person((number,)), reason="") if (at + first) % 3 else
                   store.unsuppress("dnc", Person((number,))))  # fmt: skip

    await asyncio.gather(*(churn(store, at) for at, store in enumerate(stores)))
    kept = {n for n in numbers if await stores[0].suppressed(("dnc",), Person((n,)))}
    for people in copies:
        await within_a_second(
            lambda people=people: {n for n in numbers if people.lists_of({"caller_id": n}, FIELDS)} == kept  # type: ignore[misc]
        )
    for store in stores:
        await store.close()
