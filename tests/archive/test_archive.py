"""From the streams into the ledger, on a real Redis and both databases."""

import logging
from typing import Any

import pytest

from service import ledger, metrics
from service.archive import Archive, ArchiveSettings
from service.ledger import Ledger
from tests.archive.world import AUDIT, QUICK, SALES, archive_on, pinged, rows, scalar, sold, unbalanced
from tests.conftest import RedisForTest
from tests.store.world import POOL, World, bid, open_store


async def finish(archive: Archive) -> None:
    while await archive.round():
        pass


def counted(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(f"pingpost_{name}", labels) or 0.0


async def test_what_scripts_sell_move_end_and_void_stands_in_the_ledger(
    redis: RedisForTest, archive: Archive, to: Ledger
) -> None:
    redis.may_leave("*")
    store = await open_store(redis.url)
    world, bids = World(redis, store, POOL), [bid(1), bid(2)]
    await store.stock([POOL])
    for decision, asked in (("a", bids), ("b", bids), ("c", bids[:1])):
        made = await world.post_only(decision, asked)
        assert made.sale is not None
        if decision == "b":
            await world.route(made.sale, bids, call="b1")
            assert (await world.route(made.sale, bids, call="b1", attempt=1)).reason == ""
            await world.event("answered", bids, call="b1", attempt=1)
            await world.event("ended", bids, call="b1", attempt=1, outcome="answered", duration_ms=30_000)
        if decision == "c":
            await world.route(made.sale, bids[:1], call="c1")
            await world.route(made.sale, bids[:1], call="c1", attempt=1)
    await store.close()
    await finish(archive)
    assert rows(to, "SELECT sale_id, state, buyer_id, moves, call, call_duration_ms FROM sales ORDER BY 1") == [
        ("sa", "sold", 1, 0, None, None),
        ("sb", "sold", 2, 1, "edge-1:b1", 30_000),
        ("sc", "void", 1, 0, None, None),
    ]
    sums = rows(to, "SELECT account, sum(amount_micros) FROM entries GROUP BY 1 HAVING sum(amount_micros) <> 0")
    assert dict(sums) == balances_of_a_and_b()
    assert unbalanced(to) == []
    assert scalar(to, "SELECT count(*) FROM refused") == 0
    assert rows(to, "SELECT posts, posts_sold FROM volume") == [(3, 3)]


def balances_of_a_and_b() -> dict[str, int]:
    return {
        "buyer:1": -25_000_000,
        "buyer:2": -25_000_000,
        "margin": 10_000_000,
        "publisher:source_abc": 40_000_000,
    }


async def test_sales_are_trimmed_behind_the_ledger_and_decisions_are_not(
    redis: RedisForTest, archive: Archive, to: Ledger
) -> None:
    for at in range(700):
        redis.client.xadd(SALES, sold(f"d{at}"))
        redis.client.xadd(AUDIT, pinged(f"d{at}"))
    await finish(archive)
    assert scalar(to, "SELECT count(*) FROM sales") == scalar(to, "SELECT count(*) FROM decisions") == 700
    assert redis.client.xlen(SALES) <= 101, "whole nodes of a hundred go"
    assert redis.client.xlen(AUDIT) == 700
    (last,) = redis.client.xrevrange(SALES, count=1)
    assert last[0] == ledger.cursor(to, "sales"), "the last that was archived stays"


async def test_sales_that_the_ledger_does_not_have_are_never_trimmed(
    redis: RedisForTest, archive: Archive, to: Ledger
) -> None:
    for at in range(600):
        redis.client.xadd(SALES, sold(f"d{at}"))
    assert await archive.round()
    kept = {fields["sale"] for _, fields in redis.client.xrange(SALES)}
    archived = {sale[1:] for (sale,) in rows(to, "SELECT sale_id FROM sales")}
    assert len(archived) == QUICK.batch_entries
    assert kept | archived == {f"d{at}" for at in range(600)}


async def test_decisions_that_were_dropped_before_they_were_archived_are_told(
    redis: RedisForTest, archive: Archive, to: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    redis.client.xadd(AUDIT, pinged("first"))
    await finish(archive)
    before = counted("archive_gaps_total", stream="audit")
    for at in range(3):
        redis.client.xadd(AUDIT, pinged(f"d{at}"))
    redis.client.xtrim(AUDIT, maxlen=1, approximate=False)
    await finish(archive)
    assert counted("archive_gaps_total", stream="audit") == before + 1
    assert "were dropped by Redis before they were archived" in caplog.text
    assert rows(to, "SELECT decision_id FROM decisions ORDER BY 1") == [("d2",), ("first",)]


async def test_a_stream_whose_ids_begin_anew_is_read_from_its_beginning(
    redis: RedisForTest, archive: Archive, to: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    archive._forget_at = float("inf")  # all of this was long ago
    redis.client.xadd(SALES, sold("old"), id="1000-5")
    redis.client.xadd(AUDIT, pinged("old"), id="1000-5")
    await finish(archive)
    redis.client.flushall()
    redis.client.xadd(SALES, sold("old"), id="999-9")
    redis.client.xadd(SALES, sold("new"), id="999-10")
    redis.client.xadd(AUDIT, pinged("new"), id="999-10")
    await finish(archive)
    assert "the stream sales has begun anew" in caplog.text
    assert rows(to, "SELECT sale_id FROM sales ORDER BY 1") == [("snew",), ("sold",)]
    assert rows(to, "SELECT decision_id FROM decisions ORDER BY 1") == [("new",), ("old",)]
    assert scalar(to, "SELECT count(*) FROM entries") == 6
    assert ledger.cursor(to, "sales") == "999-10", "ids are compared as numbers"


async def test_an_entry_that_says_nothing_is_kept_beside_and_the_rest_goes_on(
    redis: RedisForTest, archive: Archive, to: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    redis.client.xadd(SALES, sold("a"))
    redis.client.xadd(SALES, {"event": "sold", "sale": "b", "bid": "{"})
    redis.client.xadd(SALES, {"what": "is this\0"})
    redis.client.xadd(SALES, sold("c") | {"bid": '{"buyer_id": 99999999999999999999}'})
    redis.client.xadd(SALES, {"event": "voided", "sale": "nobody"})
    redis.client.xadd(SALES, sold("d"))
    redis.client.xadd(AUDIT, {"kind": "ping"})
    await finish(archive)
    assert rows(to, "SELECT sale_id FROM sales ORDER BY 1") == [("sa",), ("sd",)]
    assert rows(to, "SELECT stream, count(*) FROM refused GROUP BY 1 ORDER BY 1") == [("audit", 1), ("sales", 4)]
    assert caplog.text.count("is kept and not applied") == 5


async def test_what_the_database_alone_refuses_is_found_and_kept_beside(
    redis: RedisForTest, archive: Archive, to: Ledger
) -> None:
    for at in range(20):
        redis.client.xadd(AUDIT, pinged(f"d{at}", position=3_000_000_000 if at == 7 else 0))
    await finish(archive)
    refused = 1 if to.dialect.name == "postgresql" else 0  # SQLite's whole numbers are all of one size
    assert scalar(to, "SELECT count(*) FROM refused") == refused
    assert scalar(to, "SELECT count(*) FROM decisions") == 20 - refused


async def test_parts_of_a_multisell_are_sales_of_their_own(redis: RedisForTest, archive: Archive, to: Ledger) -> None:
    for part in (0, 1):
        redis.client.xadd(SALES, sold("d", part) | {"part": part})
    redis.client.xadd(SALES, {"event": "returned", "sale": "d", "part": 1, "reason": "disconnected", "by": "buyer"})
    await finish(archive)
    assert rows(to, "SELECT sale_id, state, return_reason FROM sales ORDER BY 1") == [
        ("sd-0", "sold", None),
        ("sd-1", "returned", "disconnected"),
    ]


async def test_sales_that_pile_up_are_told_at_once_and_when_they_are_gone(
    redis: RedisForTest, to: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    redis.may_leave("sales")
    caplog.set_level(logging.INFO)
    limits = ArchiveSettings(batch_entries=10, sales_waiting_max=50)
    archive, store = await archive_on(redis.url, to, limits)
    for at in range(200):
        redis.client.xadd(SALES, sold(f"d{at}"))
    await archive.round()
    assert "200 sales wait in Redis for the archive, more than 50" in caplog.text
    await finish(archive)
    await store.close()
    assert caplog.text.count("wait in Redis for the archive") == 1
    assert "the sales that waited in Redis are archived" in caplog.text


async def test_how_far_it_is_behind_is_told(redis: RedisForTest, to: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    redis.may_leave("audit")
    caplog.set_level(logging.INFO)
    archive, store = await archive_on(redis.url, to, ArchiveSettings(batch_entries=10))
    seconds, _ = redis.client.time()
    for at in range(100):
        redis.client.xadd(AUDIT, pinged(f"d{at}"), id=f"{(seconds - 1_000 + at) * 1_000}-1")
    await archive.round()
    left: Any = metrics.REGISTRY.get_sample_value("pingpost_archive_behind_entries", {"stream": "audit"})
    assert 85 <= left <= 95
    assert counted("archive_behind_seconds", stream="audit") >= 990
    assert "the archive of audit is" in caplog.text
    await finish(archive)
    await store.close()
    assert counted("archive_behind_seconds", stream="audit") == 0
    assert "the archive of audit has caught up" in caplog.text


async def test_old_decisions_are_forgotten(redis: RedisForTest, archive: Archive, to: Ledger) -> None:
    seconds, _ = redis.client.time()
    day = 86_400
    for at, age in enumerate((31 * day, 29 * day, 0)):
        redis.client.xadd(AUDIT, pinged(f"d{at}"), id=f"{(seconds - age) * 1_000}-1" if age else "*")
    await finish(archive)
    archive._forget_at = 0  # the next look is a minute away
    await finish(archive)
    assert rows(to, "SELECT decision_id FROM decisions ORDER BY 1") == [("d1",), ("d2",)]
    assert scalar(to, "SELECT sum(pings) FROM volume") == 3
