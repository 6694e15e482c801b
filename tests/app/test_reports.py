"""Reports over HTTP: who may ask for what, in which format, and that no ping waits for one."""

import asyncio
import csv
import io
import threading
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web

from service.app.serving import SERVING, Serving
from service.archive import Archive
from service.ledger import migrate, open_ledger, url_of
from service.reports import desk
from service.reports import report as reports
from tests.app.calling import ring, sold, tell
from tests.app.catalogs import buyer, catalog, contract, endpoint, source
from tests.app.conftest import Serve
from tests.app.served import ADMIN_TOKEN, CALLER, EDGE_TOKEN, Answer, Served, bearer

FIGURES, STATEMENT, LEADS = "/reports/figures", "/reports/statements/1/2026-11", "/reports/leads"
BUYER_TOKEN, OTHER_BUYER_TOKEN, SOURCE_TOKEN = "token-of-buyer-1", "token-of-buyer-2", "token-of-source-abc"


def token(text: str) -> list[dict[str, str]]:
    return [{"name": "main", "sha256": sha256(text.encode()).hexdigest()}]


CATALOG = catalog(
    endpoint(),
    source("abc", auth_tokens=token(SOURCE_TOKEN), payout={"share_percent": 80}),
    buyer(1, contract(25.00), auth_tokens=token(BUYER_TOKEN)),
    buyer(2, contract(20.00), auth_tokens=token(OTHER_BUYER_TOKEN)),
)


async def archived(served: Served) -> None:
    """All that happened until now is in the ledger."""
    settings = serving(served).settings
    ledger = open_ledger(url_of(settings.ledger_url, settings.var))
    migrate(ledger)
    archive = Archive(served.store, ledger)
    while await archive.round():
        pass
    ledger.dispose()


def serving(served: Served) -> Serving:
    app: web.Application = served.client.server.app  # type: ignore[attr-defined]
    return app[SERVING]


async def ask(served: Served, path: str, with_token: str = ADMIN_TOKEN, **params: str) -> Answer:
    return await served.request(
        "GET", path, params={k.rstrip("_"): v for k, v in params.items()}, headers=bearer(with_token)
    )


async def text_of(served: Served, path: str, headers: dict[str, str], **params: str) -> tuple[str, str]:
    """Content type and body."""
    told = bearer(ADMIN_TOKEN) | headers
    async with served.client.get(path, params=params, headers=told) as response:
        assert response.status == 200
        return response.content_type, await response.text()


async def a_day(served: Served) -> None:
    """Two calls of source abc, one of them answered, and a lead of another source that nobody called about."""
    for number in ("+12125551234", "+12125551235"):
        post = await sold(served, caller_id=number, traffic_source_id="abc")
        if number == CALLER:
            await ring(served, post["trackdrive_number"])
            await tell(served, "ended", outcome="answered", duration_ms=61_000)
    _, quoted = await served.ping(caller_id="+12125551236", traffic_source_id="=cmd")
    await served.post(ping_id=quoted["buyers"][1]["ping_id"])
    await archived(served)


async def test_what_happened_is_reported(serve: Serve) -> None:
    served = await serve(CATALOG)
    await a_day(served)
    answer = await ask(served, FIGURES, by="day,buyer", days="1")
    assert (answer.http, answer.json["success"], answer.json["status"]) == (200, True, "success")
    assert [(row["buyer"], row["sales"], row["revenue"], row["payout"]) for row in answer.json["rows"]] == [
        (1, 2, 50.0, 40.0),
        (2, 1, 20.0, 20.0),
    ]
    total = (await ask(served, FIGURES)).json["total"]
    assert (total["pings"], total["posts"], total["posts_sold"], total["no_call"]) == (1, 3, 3, 2)
    assert (total["margin"], total["acceptance_rate"]) == (10.0, 1.0)


async def test_money_is_written_out_exactly(serve: Serve) -> None:
    served = await serve(CATALOG)
    await a_day(served)
    _, body = await text_of(served, FIGURES, {})
    assert '"revenue":70.00' in body
    assert '"margin":10.00' in body


@pytest.mark.parametrize("path", [FIGURES, STATEMENT, LEADS])
async def test_without_a_right_token_nothing_is_told(serve: Serve, path: str) -> None:
    served = await serve(CATALOG)
    for headers in ({}, bearer("wrong"), bearer(""), bearer(EDGE_TOKEN), {"Authorization": ADMIN_TOKEN}):
        answer = await served.request("GET", path, headers=headers)
        assert (answer.http, answer.json["status"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert (await served.request("GET", f"{path}?auth_token={ADMIN_TOKEN}")).http == 401
    assert (await served.request("POST", path, headers=bearer(ADMIN_TOKEN))).http == 405


async def test_a_buyer_reads_its_own_contracts(serve: Serve) -> None:
    served = await serve(CATALOG)
    await a_day(served)
    answer = await ask(served, FIGURES, BUYER_TOKEN, by="contract")
    assert [(row["contract"], row["sales"], row["revenue"]) for row in answer.json["rows"]] == [("1-calls", 2, 50.0)]
    assert not {"payout", "margin", "pings"} & answer.json["total"].keys()
    month = answer.json["to"][:7]
    own = await ask(served, f"/reports/statements/1/{month}", BUYER_TOKEN)
    assert (own.http, own.json["closing"], own.json["lines"][0]["about"]) == (200, -50.0, "1-calls")


async def test_a_source_reads_its_own_traffic_and_no_bid(serve: Serve) -> None:
    served = await serve(CATALOG)
    await a_day(served)
    answer = await ask(served, FIGURES, SOURCE_TOKEN, by="source")
    (row,) = answer.json["rows"]
    assert (row["source"], row["posts"], row["sales"], row["payout"], row["cost_per_lead"]) == ("abc", 2, 2, 40.0, 20.0)
    _, body = await text_of(served, FIGURES, bearer(SOURCE_TOKEN))
    assert not [word for word in ("bid", "revenue", "margin", "buyer", "25", "50.0") if word in body.split('"rows"')[1]]


@pytest.mark.parametrize(
    ("with_token", "path", "params"),
    [
        (BUYER_TOKEN, FIGURES, {"buyer": "2"}),
        (BUYER_TOKEN, FIGURES, {"contract": "2-calls"}),
        (BUYER_TOKEN, FIGURES, {"contract": "nobodys"}),
        (BUYER_TOKEN, FIGURES, {"by": "source"}),
        (BUYER_TOKEN, "/reports/statements/2/2026-11", {}),
        (SOURCE_TOKEN, FIGURES, {"source": "=cmd"}),
        (SOURCE_TOKEN, FIGURES, {"by": "reason"}),
        (SOURCE_TOKEN, FIGURES, {"buyer": "1"}),
        (SOURCE_TOKEN, STATEMENT, {}),
    ],
)
async def test_what_is_anothers_is_forbidden(serve: Serve, with_token: str, path: str, params: dict[str, str]) -> None:
    served = await serve(CATALOG)
    answer = await ask(served, path, with_token, **params)
    assert (answer.http, answer.json["status"]) == (403, "forbidden")


async def test_all_wrong_parameters_are_told(serve: Serve) -> None:
    served = await serve(CATALOG)
    answer = await ask(served, FIGURES, period="x", by="y", buyer="z", format="xml", colour="red")
    assert (answer.http, answer.json["status"]) == (422, "invalid")
    assert sorted(answer.json["errors"]) == ["buyer", "by", "colour", "format", "period"]
    twice = await served.request("GET", f"{FIGURES}?by=day&by=hour", headers=bearer(ADMIN_TOKEN))
    assert (twice.http, list(twice.json["errors"])) == (422, ["by"])
    wrong = await ask(served, "/reports/statements/one/2026-13", format="xml", by="day")
    assert sorted(wrong.json["errors"]) == ["buyer_id", "by", "format", "month"]


async def test_a_statement_of_nobody_is_not_found(serve: Serve) -> None:
    served = await serve(CATALOG)
    await archived(served)
    assert (await ask(served, "/reports/statements/77/2026-11")).http == 404
    assert (await ask(served, STATEMENT)).json["closing"] == 0


async def test_a_spreadsheet_gets_csv(serve: Serve) -> None:
    served = await serve(CATALOG)
    await a_day(served)
    for headers, params in (
        ({}, {"format": "csv"}),
        ({"Accept": "text/csv"}, {}),
        ({"Accept": "text/html, TEXT/CSV;q=0.9, application/json"}, {}),
    ):
        kind, body = await text_of(served, FIGURES, headers, by="source", **params)
        assert kind == "text/csv"
        rows = list(csv.DictReader(io.StringIO(body, newline="")))
        assert [(row["source"], row["revenue"]) for row in rows] == [("'=cmd", "20.00"), ("abc", "50.00")]
    assert (await text_of(served, FIGURES, {"Accept": "application/json, text/csv"}))[0] == "application/json"
    assert (await text_of(served, FIGURES, {"Accept": "text/csv"}, format="json"))[0] == "application/json"
    kind, body = await text_of(served, STATEMENT, {}, format="csv")
    assert (kind, body.splitlines()[0]) == ("text/csv", "what,about,count,amount")


async def test_with_a_port_for_operators_their_token_is_good_there_alone(serve: Serve) -> None:
    served = await serve(CATALOG, ops_port=1)
    await archived(served)
    assert (await ask(served, FIGURES)).http == 401
    assert (await ask(served, FIGURES, BUYER_TOKEN)).http == 200


# -- weather


async def test_without_a_ledger_reports_are_unavailable_and_leads_are_not(serve: Serve) -> None:
    served = await serve(CATALOG)
    for path in (FIGURES, STATEMENT):
        answer = await ask(served, path)
        assert (answer.http, answer.json["status"], answer.headers["Retry-After"]) == (503, "unavailable", "1")
    assert (await served.ping(caller_id=CALLER))[1]["success"]
    await archived(served)
    assert (await ask(served, FIGURES)).http == 200


async def test_a_postgresql_that_is_away_is_a_503_that_tells_no_url(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(CATALOG, ledger_url="postgresql://ann:hunter2@/none?host=/nonexistent")
    answer = await ask(served, FIGURES)
    assert (answer.http, answer.json["status"]) == (503, "unavailable")
    assert "hunter2" not in caplog.text + str(answer.json)


async def test_no_ping_waits_for_a_report_and_few_are_made_at_once(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve(CATALOG)
    await archived(served)
    go_on, lock, inside, most = threading.Event(), threading.Lock(), 0, 0
    made = reports.report_on

    def slow(*asked: Any) -> Any:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        go_on.wait(30)
        with lock:
            inside -= 1
        return made(*asked)

    monkeypatch.setattr("service.app.reports.report_on", slow)
    room = desk.AT_ONCE_MAX + desk.WAITING_MAX
    asked = [asyncio.create_task(ask(served, FIGURES)) for _ in range(room + 1)]
    refused, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    assert [one.result().http for one in refused] == [503]
    assert (await served.ping(caller_id=CALLER))[1]["success"]
    go_on.set()
    assert [answer.http for answer in await asyncio.gather(*waiting)] == [200] * room
    assert most == desk.AT_ONCE_MAX


async def test_a_buyer_reads_the_leads_that_it_bought(serve: Serve) -> None:
    served = await serve(CATALOG)
    await a_day(served)
    mine = (await ask(served, LEADS, BUYER_TOKEN)).json["leads"]
    assert [(one["lead"]["caller_id"], one["contract"], one["bid"]) for one in mine] == [
        (CALLER, "1-calls", 25.0),
        ("+12125551235", "1-calls", 25.0),
    ]
    rest = await ask(served, LEADS, BUYER_TOKEN, after=mine[0]["sale_id"])
    assert rest.json["leads"] == mine[1:]
    assert (await ask(served, LEADS, BUYER_TOKEN, after=mine[1]["sale_id"])).json["leads"] == []
    assert (await ask(served, LEADS, buyer="1")).json["leads"] == mine
    (theirs,) = (await ask(served, LEADS, OTHER_BUYER_TOKEN)).json["leads"]
    assert theirs["sale_id"] not in {one["sale_id"] for one in mine}
    _, text = await text_of(served, LEADS, bearer(BUYER_TOKEN), format="csv")
    heads, first, *_ = csv.reader(io.StringIO(text))
    assert dict(zip(heads, first, strict=True))["lead.caller_id"] == f"'{CALLER}"
    given_back = await served.request(
        "POST", f"/api/v1/sales/{mine[0]['sale_id']}/return", json={"reason": "wrong"}, headers=bearer(ADMIN_TOKEN)
    )
    assert given_back.http == 200
    await archived(served)
    assert (await ask(served, LEADS, BUYER_TOKEN)).json["leads"] == mine[1:]


async def test_leads_are_nobody_elses(serve: Serve) -> None:
    served = await serve(CATALOG)
    await a_day(served)
    (theirs,) = (await ask(served, LEADS, OTHER_BUYER_TOKEN)).json["leads"]
    for with_token in (SOURCE_TOKEN, BUYER_TOKEN):
        assert (await ask(served, LEADS, with_token, buyer="2")).http == 403
    assert (await ask(served, LEADS, SOURCE_TOKEN)).http == 403
    wrong = await ask(served, LEADS, BUYER_TOKEN, after=theirs["sale_id"])
    assert (wrong.http, list(wrong.json["errors"])) == (422, ["after"])
    assert (await ask(served, LEADS)).json["errors"].keys() == {"buyer"}
