"""A person is forgotten everywhere, while everything goes on: no byte in Redis or the ledger, and the money stays."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from service import ledger
from service.archive import Archive
from service.forgetting import ForgetAsk, forget, story
from service.ledger import Ledger
from service.model.catalog import Catalog
from service.model.lead import Lead
from service.model.person import Person
from service.store import Store
from service.wire.privacy_answers import ForgetAnswer
from tests.archive.world import AUDIT, PATIENT, QUICK, archive_on, rows, scalar
from tests.conftest import RedisForTest
from tests.match.worlds import catalog_of, contract
from tests.store.world import CALLER, POOL, World, bid, open_store
from tests.waiting import within_a_second

ANNABEL: Lead = {"caller_id": CALLER, "email": "annabel@example.com", "first_name": "Annabel"}
BOB: Lead = {"caller_id": "+12125550000", "email": "bob@example.com", "first_name": "Bob"}
WHO = Person((CALLER,))
BY_MAIL = Person(emails=("annabel@example.com",))
TRACES = (b"2125551234", b"nnabel", *(one.encode() for one in Person((CALLER,), BY_MAIL.emails).sha256s))
TRADES_MAX = 150
TABLES = ("sales", "entries", "decisions", "volume", "interest", "declines", "catalogs", "refused", "cursors")


def plain_dump(client: Any, key: bytes) -> bytes:
    """A key's bytes as Redis keeps them, what is marked as deleted too."""
    read = {b"string": ("GET",), b"hash": ("HGETALL",), b"zset": ("ZRANGE", 0, -1), b"set": ("SMEMBERS",)}
    kind = client.execute_command("TYPE", key, NEVER_DECODE=True)
    if kind == b"stream":
        return bytes(client.execute_command("DUMP", key, NEVER_DECODE=True))
    name, *rest = read[kind]
    return repr(client.execute_command(name, key, *rest, NEVER_DECODE=True)).encode()


class Exchange(World):
    """A store and a ledger, with an archive at work between them."""

    to: Ledger
    catalog: Catalog

    async def sell(self, decision_id: str, lead: Lead, **more: Any) -> None:
        await self.hold(decision_id, [bid(1), bid(2)], lead=lead)
        sold = await self.post(decision_id, [bid(1), bid(2)], lead=lead, **more)
        assert sold.status == "sold"

    async def archived(self, decisions: int, sales: int = 0) -> None:
        """Waits until the ledger has so many."""
        counts = "SELECT (SELECT count(*) FROM decisions), (SELECT count(*) FROM sales)"
        for _ in range(1000):
            ((decided, sold),) = rows(self.to, counts)
            if decided >= decisions and sold >= sales:
                return
            await asyncio.sleep(0.005)
        raise AssertionError("the archive has not taken them within five seconds")

    async def forget(self, person: Person = WHO, **more: Any) -> ForgetAnswer:
        return await forget(self.store, self.to, self.catalog, ForgetAsk(person, **more), lambda _: None)

    def dump(self) -> bytes:
        """All of Redis and all of the ledger."""
        client: Any = self.redis.client
        found = []
        for key in client.execute_command("KEYS", "*", NEVER_DECODE=True):
            found += [key, plain_dump(client, key)]
        with ledger.reading(self.to) as connection:
            for table in TABLES:
                found += [repr(tuple(row)).encode() for row in connection.execute(text(f"SELECT * FROM {table}"))]
        return b"\n".join(found)

    def traces(self) -> list[bytes]:
        dump = self.dump()
        return [trace for trace in TRACES if trace in dump]


@pytest.fixture
async def exchange(redis: RedisForTest, to: Ledger) -> AsyncIterator[Exchange]:
    redis.may_leave("*")
    made = Exchange(redis, await open_store(redis.url, PATIENT), POOL)
    redis.client.config_set("rdbcompression", "no")  # so that what is searched for can be found in a dump
    made.to, made.catalog = to, catalog_of([contract(1, dedup_days=30, dedup_on=(("caller_id",),))])
    await made.store.stock((POOL,))
    archive, store = await archive_on(redis.url, to)
    running = asyncio.create_task(archive.run())
    yield made
    archive.end()
    await running
    await store.close()
    await made.store.close()
    redis.client.config_set("rdbcompression", "yes")


async def test_no_byte_is_left_and_the_money_stays(exchange: Exchange) -> None:
    await exchange.sell("d1", ANNABEL)
    await exchange.sell("d2", BOB)
    await exchange.hold("d3", [bid(1)], lead=ANNABEL)
    await exchange.archived(5, sales=2)
    assert len(exchange.traces()) == 2, "the searched dump has what is searched for"
    money = rows(exchange.to, "SELECT * FROM entries ORDER BY id"), rows(exchange.to, "SELECT * FROM sales ORDER BY 1")
    told = await exchange.forget()
    assert exchange.traces() == []
    assert told.known
    assert (told.erased["decisions of the ledger"], told.erased["entries of the audit"]) == (3, 3)
    assert [(one.buyer_id, [sale.sale_id for sale in one.sales]) for one in told.buyers] == [(1, ["sd1"])]
    assert rows(exchange.to, "SELECT * FROM entries ORDER BY id") == money[0]
    assert rows(exchange.to, "SELECT * FROM sales ORDER BY 1") == money[1]
    assert b"bob@example.com" in exchange.dump()
    assert rows(exchange.to, "SELECT pings, posts, posts_sold FROM volume") == [(3, 2, 2)], "counted all the same"
    record = scalar(exchange.to, "SELECT record FROM decisions WHERE decision_id = 'd1' AND kind = 'ping'")
    assert '"erased_at_ms":' in record
    assert '"bids":[[1,' in record


async def test_a_second_time_there_is_nobody_left(exchange: Exchange) -> None:
    await exchange.sell("d1", ANNABEL)
    await exchange.archived(2)
    await exchange.forget()
    before = exchange.dump()
    told = await exchange.forget()
    assert (told.known, told.erased, told.buyers) == (False, {}, [])
    assert exchange.dump() == before


async def test_what_redis_has_lost_sight_of_is_found_in_the_ledger_by_number_and_by_address(exchange: Exchange) -> None:
    for decision_id, person, decisions in (("d1", WHO, 2), ("d2", BY_MAIL, 4)):
        await exchange.sell(decision_id, ANNABEL)
        await exchange.archived(decisions)
        exchange.redis.client.flushall()
        await exchange.store.stock((POOL,))
        assert (await exchange.forget(person)).erased["decisions of the ledger"] == 2
        assert exchange.traces() == []
        exchange.redis.client.delete(AUDIT)


async def test_the_archive_takes_no_forgetting_for_a_loss(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    """The entry that was archived last is erased: neither is it missed, nor has the stream begun anew."""
    for first, decision_id in ((BOB, "d1"), (ANNABEL, "d2")):
        await exchange.hold(decision_id, [bid(1)], lead=first)
    await exchange.archived(2)
    with caplog.at_level(logging.WARNING):
        await exchange.forget()
        await asyncio.sleep(10 * QUICK.idle_seconds)
        await exchange.hold("d3", [bid(1)], lead=BOB)
        await exchange.archived(3)
    assert [one.message for one in caplog.records if "archive" in one.name] == []
    assert rows(exchange.to, "SELECT pings FROM volume") == [(3,)]


async def test_a_person_who_is_at_work_everywhere_is_gone_when_that_ends(exchange: Exchange) -> None:
    """Pings, posts, calls and the archive go on with them while they are forgotten; once more, and they are gone."""
    stop = asyncio.Event()

    async def trade(name: str) -> None:
        at = 0
        buyers = [bid(1, cap=None), bid(2, cap=None)]
        while not stop.is_set() and at < TRADES_MAX:
            decision_id, at = f"{name}{at}", at + 1
            await exchange.hold(decision_id, buyers, lead=ANNABEL, fingerprint=decision_id)
            sold = await exchange.post(decision_id, buyers, lead=ANNABEL)
            assert sold.status in ("sold", "ping_gone", "no_tracking_number")
            if sold.sale is not None:
                call = f"c-{decision_id}"
                assert (await exchange.route(sold.sale, buyers, call=call)).reason == ""
                assert (await exchange.route(sold.sale, buyers, call=call, attempt=1)).position == 1
                assert (await exchange.event("answered", buyers, call=call)).status == "taken"
                ended = await exchange.event("ended", buyers, call=call, outcome="answered", duration_ms=1)
                assert ended.status == "taken"
                exchange.redis.client.zadd("{demo}:pool:toll_free", {sold.sale.number: 0}, xx=True)

    traders = [asyncio.create_task(trade(name)) for name in "ab"]
    told = await exchange.forget()
    assert told.erased["records of sales"] > 0
    stop.set()
    await asyncio.gather(*traders)
    await exchange.forget()
    assert exchange.traces() == []
    assert scalar(exchange.to, "SELECT count(*) FROM refused") == 0
    assert await exchange.leases(bid(1)) == (0, 0)


async def test_without_an_archive_they_go_all_the_same_and_it_is_told(
    redis: RedisForTest, store: Store, to: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "ARCHIVE_SECONDS_MAX", 0.2)
    redis.may_leave("*")
    await store.stock((POOL,))
    made = Exchange(redis, store, POOL)
    made.to, made.catalog = to, catalog_of([contract(1, dedup_days=30, dedup_on=(("caller_id",),))])
    await made.sell("d1", ANNABEL)
    told = await made.forget()
    assert made.traces() == []
    assert any("archive has not caught up" in sentence for sentence in told.kept)
    assert [(one.buyer_id, [sale.sale_id for sale in one.sales]) for one in told.buyers] == [(1, ["sd1"])]


async def test_before_there_is_a_ledger_redis_is_looked_through_alone(
    redis: RedisForTest, store: Store, ledger_url: str
) -> None:
    redis.may_leave("*")
    await store.stock((POOL,))
    made = Exchange(redis, store, POOL)
    await made.sell("d1", ANNABEL)
    to = ledger.open_ledger(ledger_url)
    told = await forget(store, to, catalog_of([contract(1)]), ForgetAsk(WHO), lambda _: None)
    to.dispose()
    assert [one.buyer_id for one in told.buyers] == [1]
    assert redis.client.xlen(AUDIT) == 0


async def test_who_is_suppressed_as_well_stands_there_as_a_hash_alone(exchange: Exchange) -> None:
    await exchange.sell("d1", ANNABEL)
    await exchange.archived(2)
    told = await exchange.forget(Person((CALLER,), BY_MAIL.emails), suppress=True)
    assert told.suppressed
    assert exchange.traces() == []
    assert [one.reason for one in await exchange.store.suppressed(("*",), WHO)] == ["forgotten"]


async def test_what_the_archive_could_not_read_and_what_others_wrote_is_crossed_out(exchange: Exchange) -> None:
    await exchange.sell("d1", {**ANNABEL})
    unreadable = {"decision": "d9", "kind": "ping", "said": "", "record": '{"Annabel": "+12125551234'}
    exchange.redis.client.xadd(AUDIT, unreadable)
    await exchange.archived(2)
    for _ in range(400):
        if scalar(exchange.to, "SELECT count(*) FROM refused"):
            break
        await asyncio.sleep(0.005)
    with ledger.writing(exchange.to) as connection:
        written = "request_id = 'lead-212-555-1234', return_reason = 'Annabel@example.com hung up'"
        connection.execute(text(f"UPDATE sales SET {written}"))
    exchange.redis.client.xtrim(AUDIT, minid="9999999999999-0")
    await exchange.forget(Person((CALLER,), BY_MAIL.emails))
    assert exchange.traces() == []
    assert rows(exchange.to, "SELECT request_id, return_reason FROM sales") == [("lead-***", "*** hung up")]


async def test_leads_go_from_old_decisions_and_verdicts_stay(exchange: Exchange) -> None:
    await exchange.sell("d1", ANNABEL)
    await exchange.archived(2)
    ((first_ms, last_ms),) = rows(exchange.to, "SELECT min(at_ms), max(at_ms) FROM decisions")
    assert ledger.erase_old_leads(exchange.to, first_ms, 7) == 0
    assert ledger.erase_old_leads(exchange.to, last_ms + 1, 7) == 2
    assert ledger.erase_old_leads(exchange.to, last_ms + 1, 7) == 0
    assert rows(exchange.to, "SELECT caller_hash, erased_at_ms, said FROM decisions ORDER BY kind") == [
        (None, 7, "0,0"),
        (None, 7, "0,"),
    ]
    records = rows(exchange.to, "SELECT record FROM decisions")
    assert not [record for (record,) in records if "nnabel" in record]


async def test_the_archive_drops_leads_by_itself(redis: RedisForTest, store: Store, to: Ledger) -> None:
    redis.may_leave("*")
    world = World(redis, store, POOL)
    await world.hold("d1", [bid(1)], lead=ANNABEL)
    own = await open_store(redis.url, PATIENT)
    archive = Archive(own, to, replace(QUICK, leads_days=0))
    while await archive.round():
        pass
    await archive.round()
    await own.close()
    assert rows(to, "SELECT caller_hash, erased_at_ms IS NULL FROM decisions") in ([(None, False)], [(None, 0)])


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)  # PostgreSQL writes its files anew in its own time
async def test_the_file_of_sqlite_holds_no_byte_of_them(exchange: Exchange, tmp_path: Path) -> None:
    for at in range(300):
        await exchange.hold(f"d{at}", [bid(1)], lead=ANNABEL if at % 3 else BOB)
    await exchange.archived(300)
    await exchange.forget()
    written = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.sqlite*"))  # noqa: ASYNC240
    assert b"bob@example.com" in written
    assert [trace for trace in TRACES if trace in written] == []


async def test_what_was_decided_is_counted_before_it_goes(redis: RedisForTest, store: Store, to: Ledger) -> None:
    """The archive begins only when all else of the person has gone from Redis."""
    redis.may_leave("*")
    await store.stock((POOL,))
    made = Exchange(redis, store, POOL)
    made.to, made.catalog = to, catalog_of([contract(1)])
    await made.sell("d1", ANNABEL)
    forgetting = asyncio.create_task(made.forget())
    await within_a_second(lambda: not redis.client.exists("{demo}:ping:d1"))
    archive, own = await archive_on(redis.url, to)
    running = asyncio.create_task(archive.run())
    told = await forgetting
    archive.end()
    await running
    await own.close()
    assert told.erased["decisions of the ledger"] == 2
    assert rows(to, "SELECT pings, posts, posts_sold FROM volume") == [(1, 1, 1)]
    assert made.traces() == []
