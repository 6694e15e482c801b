"""A person goes from Redis: no byte of them is left in any key, and what was sold goes on."""

import asyncio
from typing import Any

import pytest

from service.model.lead import Lead
from service.model.person import Person
from service.store import splicing
from service.store.erasing import Eraser
from tests.store.world import CALLER, OWN_NUMBERS, POOL, World, bid

ANNABEL: Lead = {"caller_id": CALLER, "email": "annabel@example.com", "first_name": "Annabel", "zip": "10001"}
OTHER = "+12125550000"
WHO = Person(numbers=(CALLER,))
TRACES = (b"2125551234", b"nnabel", b"10001")
DEDUP: dict[str, Any] = {"dedup_days": 30, "dedup_on": (("caller_id",), ("email", "zip"))}


def dump(world: World) -> list[bytes]:
    """Every key with all that is in it, as Redis has it."""
    client: Any = world.redis.client
    raw = {"NEVER_DECODE": True}
    read = {"string": ("GET",), "hash": ("HGETALL",), "zset": ("ZRANGE", 0, -1), "set": ("SMEMBERS",)}
    found = []
    for key in client.execute_command("KEYS", "*", **raw):
        kind = client.type(key)
        name, *rest = read.get(kind, ("XRANGE", "-", "+"))
        found.append(key + b" " + repr(client.execute_command(name, key, *rest, **raw)).encode())
    return found


def traces(world: World) -> list[bytes]:
    """Keys in which something of the person stands, by hashes of theirs too."""
    hash_of = world.store._runner.keys.hash_of
    hashes = [hash_of(CALLER), hash_of(f"caller_id={WHO.sha256s[0]}")]
    wanted = (*TRACES, *(one.encode() for one in (*WHO.sha256s, *hashes)))
    return [text for text in dump(world) if any(trace in text for trace in wanted)]


async def forget(world: World, person: Person = WHO) -> Eraser:
    """Two rounds, as who forgets makes them."""
    eraser = world.store.eraser(person, {"caller_id", "email"})
    for _ in range(2):
        ids = [one async for page in eraser.find_audit() for one in page]
        async for _step in eraser.keys():
            pass
        await eraser.drop_audit(ids)
    await eraser.note(eraser.decisions)
    return eraser


@pytest.fixture
async def stocked(world: World) -> World:
    world.redis.may_leave("*")
    await world.store.stock((POOL,))
    return world


async def test_an_open_ping_goes_with_its_shield_and_its_audit(stocked: World) -> None:
    await stocked.hold("d1", [bid(1)], lead=ANNABEL, fingerprint="f1")
    await stocked.hold("d2", [bid(1)], lead={"caller_id": OTHER, "zip": "20001"}, fingerprint="f2")
    assert traces(stocked)
    eraser = await forget(stocked)
    assert traces(stocked) == []
    assert eraser.counts == {"ping": 1, "shield": 1, "audit": 1}
    assert await stocked.store.ping("d1") is None
    assert await stocked.store.ping("d2") is not None
    assert len(await stocked.store.decision("d2")) == 1
    assert await stocked.store.erased_at_ms("d1") is not None
    assert await stocked.store.erased_at_ms("d2") is None


async def test_a_sale_stays_without_its_person_and_tells_who_bought(stocked: World) -> None:
    buyers = [bid(1, **DEDUP), bid(2, **DEDUP)]
    await stocked.hold("d1", buyers, lead=ANNABEL)
    sold = await stocked.post("d1", buyers, lead=ANNABEL)
    assert sold.sale is not None
    assert sold.sale.bought
    before = stocked.redis.client.xrange("{demo}:sales")
    eraser = await forget(stocked)
    assert traces(stocked) == []
    assert [(one.decision_id, one.buyer_id, one.contract) for one in eraser.receipts] == [("d1", 1, "1-auto")]
    assert eraser.counts["bought"] == len(sold.sale.bought) == 2
    sale = await stocked.store.sale("d1")
    assert sale is not None
    assert (sale.record.lead, sale.record.bids, sale.bought) == ({}, sold.sale.record.bids, ())
    assert sale.record.erased_at_ms > 0
    assert (sale.number, sale.position, sale.state) == (sold.sale.number, 0, "sold")
    assert stocked.redis.client.xrange("{demo}:sales") == before
    again = await stocked.post("d1", buyers, lead=ANNABEL)
    assert again.status == "repeat"


async def test_a_live_call_goes_on_to_its_end_and_everything_is_free_then(stocked: World) -> None:
    buyers = [bid(1), bid(2)]
    sold = (await stocked.post_only("d1", buyers, lead=ANNABEL, fields_key="f1")).sale
    assert sold is not None
    await stocked.route(sold, buyers)
    await forget(stocked)
    assert traces(stocked) == []
    assert (await stocked.leases(buyers[0]), (await stocked.numbers()).lent) == ((1, 0), 1)
    moved = await stocked.route(sold, buyers, attempt=1)
    assert (moved.reason, moved.position) == ("", 1)
    assert (await stocked.event("answered", buyers)).status == "taken"
    await forget(stocked)
    assert (await stocked.event("heartbeat", buyers)).status == "taken"
    assert (await stocked.event("ended", buyers, outcome="answered", duration_ms=9)).status == "taken"
    assert [await stocked.leases(one) for one in buyers] == [(0, 0), (0, 0)]
    assert (await stocked.numbers()).lent == 0
    await forget(stocked)
    assert traces(stocked) == []
    assert not stocked.redis.client.exists("{demo}:fields:f1")


async def test_a_call_that_comes_after_its_caller_was_forgotten_finds_its_sale(stocked: World) -> None:
    buyers = [bid(1)]
    own: dict[str, Any] = {"endpoint": OWN_NUMBERS, "own_number": "+18885550000", "lead": ANNABEL}
    assert (await stocked.post_only("d1", buyers, **own)).sale is not None
    eraser = await forget(stocked)
    assert eraser.kept_for_live == {"d1"}
    found = await stocked.store.find_call("e", "c", "+18885550000", CALLER, (), True)
    assert found.sale_of == "d1"
    stocked.travel(seconds=OWN_NUMBERS.number_hold_seconds)
    await forget(stocked)
    assert traces(stocked) == []


async def test_a_post_brings_the_name_and_its_ping_goes_too(stocked: World) -> None:
    """The ping does not say who it is about: what is found of its post tells."""
    await stocked.hold("d1", [bid(1)], lead={"zip": "10001", "first_name": "Annabel"})
    await stocked.post("d1", [bid(1)], lead=ANNABEL)
    await forget(stocked)
    assert traces(stocked) == []


@pytest.mark.parametrize(
    ("lead", "person"),
    [
        ({"caller_id_sha256": Person((CALLER,)).sha256s[0]}, WHO),
        ({"caller_id": OTHER, "comments": "call me at (212) 555-1234, ask for Annabel"}, WHO),
        ({"caller_id": OTHER, "phone2": 2125551234}, WHO),
        ({"email": "annabel@example.com"}, Person(emails=("annabel@example.com",))),
        ({"note": "write to ANNABEL@example.com."}, Person(emails=("annabel@example.com",))),
    ],
)
async def test_a_person_is_found_however_they_are_written(stocked: World, lead: Lead, person: Person) -> None:
    await stocked.hold("d1", [bid(1)], lead=lead | {"first_name": "Annabel"}, fingerprint="f1")
    await forget(stocked, person)
    assert not stocked.redis.client.exists("{demo}:ping:d1", "{demo}:shield:f1")
    assert stocked.redis.client.xlen("{demo}:audit") == 0


@pytest.mark.parametrize(
    "lead",
    [
        {"caller_id": "+12125551235"},
        {"reference": "912125551234"},
        {"caller_id": OTHER, "email": "not-annabel@example.com"},
        {"email": "annabel@example.com.au"},
    ],
)
async def test_who_is_only_alike_is_left_alone(stocked: World, lead: Lead) -> None:
    await stocked.hold("d1", [bid(1)], lead=lead)
    eraser = await forget(stocked, Person((CALLER,), ("annabel@example.com",)))
    assert not eraser.counts
    assert await stocked.store.ping("d1") is not None


async def test_a_repeat_by_request_id_does_not_sell_again_and_no_hash_of_the_fields_is_kept(stocked: World) -> None:
    asked: dict[str, Any] = {"lead": ANNABEL, "request_key": "r1", "request_fields": "a-hash-of-all-fields"}
    assert (await stocked.post_only("d1", [bid(1)], **asked)).status == "sold"
    await forget(stocked)
    assert b"a-hash-of-all-fields" not in b"".join(dump(stocked))
    assert (await stocked.post_only("d2", [bid(1)], **asked)).status == "conflict"
    assert stocked.redis.client.ttl("{demo}:request:r1") > 0


async def test_nobody_who_is_known_is_nothing_to_do(stocked: World) -> None:
    await stocked.hold("d1", [bid(1)], lead={"caller_id": OTHER})
    before = dump(stocked)
    eraser = await forget(stocked)
    assert not eraser.counts
    assert not eraser.receipts
    assert dump(stocked) == before


async def test_the_audit_written_anew_is_the_same_and_loses_nothing_that_comes_meanwhile(stocked: World) -> None:
    client = stocked.redis.client
    for at in range(250):
        await stocked.hold(f"d{at}", [bid(1)], lead=ANNABEL if at % 2 else {"caller_id": OTHER})
    eraser = stocked.store.eraser(WHO, ())
    ids = [one async for page in eraser.find_audit() for one in page]
    await eraser.drop_audit(ids)
    assert len(ids) == 125
    before = client.xrange("{demo}:audit")
    stop = asyncio.Event()

    async def trade() -> int:
        at = 0
        while not stop.is_set() and at < 200:
            await stocked.hold(f"e{at}", [bid(1, cap=None)], lead={"caller_id": OTHER})
            at += 1
        return at

    trading = asyncio.create_task(trade())
    assert await stocked.store.rewrite_audit()
    stop.set()
    traded = await trading
    after = client.xrange("{demo}:audit")
    assert after[: len(before)] == before
    assert len(after) == len(before) + traded
    assert client.ttl("{demo}:audit") == -1
    assert not client.keys("*copy*")
    assert b"nnabel" not in client.execute_command("DUMP", "{demo}:audit", NEVER_DECODE=True)


async def test_what_another_erases_while_the_audit_is_copied_does_not_come_back(
    stocked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stocked.hold("d1", [bid(1)], lead={"caller_id": OTHER})
    await stocked.hold("d2", [bid(1)], lead=ANNABEL)
    copied = splicing._splice

    async def forget_meanwhile(runner: Any, asked: Any) -> bytes:
        eraser = stocked.store.eraser(WHO, ())
        await eraser.drop_audit([one async for page in eraser.find_audit() for one in page])
        return await copied(runner, asked)

    monkeypatch.setattr(splicing, "_splice", forget_meanwhile)
    assert await stocked.store.rewrite_audit()
    assert [fields["decision"] for _, fields in stocked.redis.client.xrange("{demo}:audit")] == ["d1"]
