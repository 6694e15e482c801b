"""`pingpost why` and `tail` beside an exchange: within a second of the ping, archived or not, and long after."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from service.cli import main
from service.ledger.reader import LedgerReader
from service.settings import TABLE
from tests.app.calling import ring, sold, tell
from tests.app.catalogs import buyer, call_offer, catalog, contract, endpoint, field
from tests.app.conftest import Serve
from tests.app.served import CALLER, Served
from tests.app.test_reports import archived, serving

Captured = pytest.CaptureFixture[str]
OFFER = call_offer(field("age", "integer"), field("first_name", "text", personal=True))
CATALOG = catalog(
    endpoint(),
    buyer(1, contract(25.00, where={"age": {"max": 64}})),
    buyer(2, contract(20.00)),
    buyer(3, contract(15.00), paused=True),
    offer=OFFER,
)


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in TABLE:
        monkeypatch.delenv(row.env, raising=False)
    monkeypatch.setenv("PINGPOST_SECRET", "secret of the tests, 32 bytes ok")


async def command(served: Served, *words: str) -> int:
    """The exit code of a command beside the service."""
    settings = serving(served).settings
    flags = ["--var", str(settings.var), "--redis-url", str(settings.redis_url)]
    return await asyncio.to_thread(main, [*words, *flags])


async def why(served: Served, capsys: Captured, *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert await command(served, "why", *words, "--json") == 0
    told: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return told


async def test_a_ping_is_explained_at_once_without_an_archive(serve: Serve, capsys: Captured) -> None:
    served = await serve(CATALOG)
    _, ping = await served.ping(caller_id=CALLER, age=71)
    (told,) = await why(served, capsys, ping["decision_id"])
    assert [(c["contract"], c["verdict"], c.get("reason")) for c in told["contracts"]] == [
        ("2-calls", "offered", None),
        ("1-calls", "declined", "filter"),
        ("3-calls", "declined", "paused"),
    ]
    assert told["contracts"][1]["detail"] == {"field": "age", "op": "max", "limit": 64, "value": 71}
    assert await why(served, capsys, ping["buyers"][0]["ping_id"]) == [told]
    assert await command(served, "why", ping["try_all_buyers_ping_id"]) == 0
    out, err = capsys.readouterr()
    assert "1  Buyer 1  1-calls   declined          filter" in out
    assert "There is no ledger yet" in err


async def test_the_same_is_told_before_and_after_it_is_archived(serve: Serve, capsys: Captured) -> None:
    served = await serve(CATALOG)
    _, ping = await served.ping(caller_id=CALLER)
    post = (await served.post(ping_id=ping["try_all_buyers_ping_id"], caller_id=CALLER))[1]
    await ring(served, post["trackdrive_number"])
    await tell(served, "ended", outcome="answered", duration_ms=61_000)
    before = await why(served, capsys, post["sale_id"])
    await archived(served)
    assert await why(served, capsys, post["sale_id"]) == before
    # Half of it archived: the post's end comes after the archive has run.
    await served.post(caller_id="+13105551234")
    assert await why(served, capsys, post["sale_id"]) == before
    (told,) = before
    assert [record["kind"] for record in told["records"]] == ["ping", "post"]
    (sale,) = told["sales"]
    assert (sale["state"], sale["buyer_id"], sale["bid"], sale["call_duration_ms"]) == ("sold", 2, 20.0, 61_000)
    assert [(entry["account"], entry["amount"]) for entry in told["entries"]] == [
        ("buyer:2", -20.0),
        ("publisher:", 20.0),
    ]


async def test_what_is_archived_while_it_is_read_is_told_once(
    serve: Serve, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve(CATALOG)
    post = await sold(served, age=40)
    before = await why(served, capsys, post["sale_id"])
    await archived(served)
    # The place was asked for before the archive took it all: Redis tells everything once more.
    monkeypatch.setattr(LedgerReader, "archived_to", lambda *_: {})
    assert await why(served, capsys, post["sale_id"]) == before


async def test_a_sale_that_is_half_archived_is_told_whole(serve: Serve, capsys: Captured) -> None:
    served = await serve(CATALOG)
    post = await sold(served, age=40)
    await archived(served)
    await ring(served, post["trackdrive_number"])
    await ring(served, post["trackdrive_number"], attempt=1, last="busy")
    (told,) = await why(served, capsys, post["decision_id"])
    (sale,) = told["sales"]
    assert (sale["buyer_id"], sale["moves"]) == (2, 1)
    assert [(entry["kind"], entry["account"], entry["amount"]) for entry in told["entries"]] == [
        ("sale", "buyer:1", -25.0),
        ("sale", "publisher:", 25.0),
        ("move", "buyer:1", 25.0),
        ("move", "publisher:", -25.0),
        ("move", "buyer:2", -20.0),
        ("move", "publisher:", 20.0),
    ]
    assert await command(served, "why", post["decision_id"]) == 0
    out = capsys.readouterr().out
    assert "moved 1 time to the next buyer by its call" in out
    assert "call edge-1:call-1 is on" in out


@pytest.mark.parametrize("is_archived", [False, True])
async def test_a_caller_is_found_in_any_writing(serve: Serve, capsys: Captured, is_archived: bool) -> None:
    served = await serve(CATALOG)
    asked = [(await served.ping(caller_id=CALLER, age=age))[1]["decision_id"] for age in (30, 31, 32)]
    await served.ping(caller_id="+13105551234")
    if is_archived:
        await archived(served)
        asked.append((await served.ping(caller_id=CALLER, age=33))[1]["decision_id"])
    for text in (CALLER, "(212) 555-1234", "212.555.1234", "12125551234"):
        told = await why(served, capsys, text)
        assert [story["decision_id"] for story in told] == asked[-3:]
    assert [story["decision_id"] for story in await why(served, capsys, CALLER, "--last", "1")] == asked[-1:]
    assert await command(served, "why", CALLER, "--last", "2") == 0
    assert "There are earlier decisions on this caller" in capsys.readouterr().out


async def test_a_decision_is_explained_under_the_catalog_that_made_it(serve: Serve, capsys: Captured) -> None:
    served = await serve(CATALOG)
    _, ping = await served.ping(caller_id=CALLER, age=40)
    before = await why(served, capsys, ping["decision_id"])
    (served.folder / "catalog.toml").write_text(catalog(endpoint(), buyer(9, contract(1.00)), offer=OFFER))
    assert (await served.admin("POST", "reload"))[0] == 200
    # As it is once later ones have been served: the compiled one is gone, its sources are kept.
    kept = serving(served).settings.var / "catalogs"
    version = before[0]["records"][0]["catalog"]
    (kept / f"{version}.compiled").unlink()
    assert await why(served, capsys, ping["decision_id"]) == before
    shutil.rmtree(kept / version)
    (told,) = await why(served, capsys, ping["decision_id"])
    assert [(c["contract"], c["verdict"], c["bid"]) for c in told["contracts"]] == [
        ("1-calls", "yes", 25.0),
        ("2-calls", "yes", 20.0),
    ]


async def test_without_redis_what_is_archived_is_told(serve: Serve, capsys: Captured) -> None:
    served = await serve(CATALOG)
    post = await sold(served)
    await archived(served)
    var = str(serving(served).settings.var)
    assert await asyncio.to_thread(main, ["why", post["sale_id"], "--var", var]) == 0
    out, err = capsys.readouterr()
    assert f"sale {post['sale_id']}: sold" in out
    assert "No Redis is running" in err


async def test_nothing_of_a_suppressed_person_is_told(serve: Serve, capsys: Captured) -> None:
    served = await serve(CATALOG)
    _, said = await served.post(caller_id=CALLER, opt_out=1)
    (told,) = await why(served, capsys, said["decision_id"])
    assert (told["contracts"], told["records"][0]["lead"], told["records"][0]["suppressed"]) == ([], {}, True)


@pytest.mark.parametrize("asked", ["p" + "0" * 32, "+12125559999", "ninety-nine", "=1"])
async def test_what_is_not_known_is_said(serve: Serve, capsys: Captured, asked: str) -> None:
    served = await serve(CATALOG)
    assert await command(served, "why", asked) == 1
    assert re.search("Nothing is on record|neither a ping_id", capsys.readouterr().err)


def test_a_folder_of_no_service_is_told(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PINGPOST_SECRET")
    for words in (["why", CALLER], ["tail"]):
        assert main([*words, "--var", str(tmp_path / "none")]) == 1
        assert "There is no secret in" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


# -- tail


async def followed(served: Served, *flags: str) -> asyncio.subprocess.Process:
    """`pingpost tail` that has begun to follow."""
    settings = serving(served).settings
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", "tail", *flags,
        env={**os.environ, "PINGPOST_VAR": str(settings.var), "PINGPOST_REDIS_URL": str(settings.redis_url)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    assert b"following the decisions of test" in await asyncio.wait_for(process.stderr.readline(), 30)
    return process


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 30)).decode()


async def test_tail_follows_decisions_and_masks_the_person(serve: Serve) -> None:
    served = await serve(CATALOG)
    await served.ping(caller_id="+13105551234")
    lines, objects = await followed(served), await followed(served, "--json", "--source", "abc")
    try:
        await served.ping(caller_id=CALLER, age=71, first_name="Ann", shoe_size="44")
        person = {"caller_id": CALLER, "age": 40, "first_name": "Ann", "zip": "10001", "shoe_size": "44"}
        _, ping = await served.ping(traffic_source_id="abc", **person)
        first, second = await line_of(lines), await line_of(lines)
        assert first.endswith("calls (no source): 1 offered (2-calls yes)\n")
        assert f" ping {ping['decision_id']} calls abc: 2 offered (1-calls yes, 2-calls yes)" in second
        told = json.loads(await line_of(objects))
        assert (told["decision_id"], told["kind"], told["source_id"]) == (ping["decision_id"], "ping", "abc")
        masked = {"caller_id": "***", "age": 40, "first_name": "***", "zip": "10001", "shoe_size": "***"}
        assert told["lead"] == masked
    finally:
        for process in (lines, objects):
            process.terminate()
            await process.wait()
