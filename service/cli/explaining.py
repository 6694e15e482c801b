"""`pingpost explain`: the verdict of every contract on a lead, from the catalog's files alone."""

import argparse
import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from service import catalog, match, wire
from service.cli.tables import table
from service.errors import PingpostError
from service.model.catalog import Catalog, Endpoint, Source
from service.model.distribution import modes_of, winners_in
from service.model.money import units_of
from service.wire import Decoded, Refusal

DRAW = "0" * 32
"""Stands for the decision that draws among equals: the same every time, so that two runs can be compared."""

WHY_LENGTH_MAX = 100
"""A cell of the table; `--json` has all of it."""


class NotExplained(PingpostError):
    """The question itself is wrong: no such endpoint, a file that is no lead."""


def explain(given: argparse.Namespace) -> int:
    loaded = catalog.load(given.catalog)
    if isinstance(loaded, list):
        for mistake in loaded:
            print(mistake, file=sys.stderr)
        return 1
    endpoint = loaded.endpoints.get(given.endpoint)
    if endpoint is None:
        raise NotExplained(f"There is no endpoint {given.endpoint!r}; there are {', '.join(loaded.endpoints)}.")
    decoded = wire.build_decoder(loaded, endpoint).decode(_lead(given.lead), "ping")
    if isinstance(decoded, Refusal):
        # An `invalid` refusal, the only one a decoder gives, has sentences by name.
        for name in decoded.errors:
            print(" ".join(decoded.errors[name] if isinstance(decoded.errors, dict) else [name]), file=sys.stderr)
        return 1
    at_ms = _at_ms(given.at, loaded.account.timezone)
    source_id = decoded.traffic_source_id or given.source
    sold, rows = _verdicts(loaded, endpoint, decoded, source_id=source_id, at_ms=at_ms)
    if given.json:
        asked = {"catalog": loaded.version, "endpoint": endpoint.vanity_uri, "at_ms": at_ms, "normalised": decoded.lead}
        print(json.dumps(asked | sold | {"contracts": rows}, indent=2))
    else:
        if sold:
            print(f"sold {sold['mode']}, to at most {sold['winners']}\n")
        heads = ("buyer", "name", "contract", "verdict", "bid", "why")
        print(table(heads, [_row(row, loaded) for row in rows]))
    return 0


def _verdicts(
    loaded: Catalog, endpoint: Endpoint, decoded: Decoded, *, source_id: str, at_ms: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How a data lead is sold, and the contracts."""
    source = loaded.sources.get(source_id) or Source(id="other", name="other")
    asked = match.Asked(
        facts=match.facts(decoded.lead, source_id),
        now_ms=at_ms,
        decision_id=DRAW,
        payout=match.payout_for(source, endpoint.vanity_uri),
        allow_loss=source.allow_loss,
        min_bid_micros=max(source.min_bid_micros, decoded.min_bid_micros),
    )
    offer = loaded.offers[endpoint.offer]
    for mode in modes_of(offer):
        rows = _rows(match.explain(loaded, offer.id, asked, mode=mode))
        if _any_offered(rows):
            break
    sold = {"mode": mode, "winners": winners_in(offer, mode)} if offer.delivery == "data" else {}
    return sold, rows if _any_offered(rows) else _with_default(rows, loaded, endpoint, asked)


def _any_offered(rows: list[dict[str, Any]]) -> bool:
    return any(row["verdict"] == "offered" for row in rows)


def _rows(verdicts: list[match.Verdict]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for verdict in verdicts:
        row: dict[str, Any] = {"buyer_id": verdict.buyer.id, "contract": verdict.contract.id}
        if verdict.reason is None:
            row["verdict"] = "offered"
            if verdict.bid is not None:
                row["bid"] = units_of(verdict.bid.payout_micros)
        else:
            row |= {"verdict": "declined", "reason": verdict.reason.word, "code": int(verdict.reason)}
        if verdict.detail:
            row["detail"] = verdict.detail
        rows.append(row)
    return rows


def _with_default(
    rows: list[dict[str, Any]], loaded: Catalog, endpoint: Endpoint, asked: match.Asked
) -> list[dict[str, Any]]:
    """Verdicts that are all declined, but for the offer's default buyer: neither hours nor filters hold it back."""
    if loaded.offers[endpoint.offer].default_buyer is None:
        return rows
    index = match.build(loaded, endpoint.offer)
    bid = (index.otherwise or index).rank(asked).default_bid()
    if bid is None:
        return rows
    taken = {
        "buyer_id": bid.buyer.id,
        "contract": bid.contract.id,
        "verdict": "offered",
        "bid": units_of(bid.payout_micros),
        "detail": {"default_buyer": True},
    }
    return [taken, *(row for row in rows if row["contract"] != bid.contract.id)]


def _row(row: dict[str, Any], loaded: Catalog) -> tuple[object, ...]:
    detail = ", ".join(f"{name} {json.dumps(value)}" for name, value in row.get("detail", {}).items())
    why = ": ".join(part for part in (row.get("reason", ""), detail) if part)
    if len(why) > WHY_LENGTH_MAX:
        why = why[: WHY_LENGTH_MAX - 1] + "…"
    bid = f"{row['bid']:.2f}" if "bid" in row else ""
    return row["buyer_id"], loaded.buyers[row["buyer_id"]].name, row["contract"], row["verdict"], bid, why


def _lead(name: str) -> dict[str, object]:
    try:
        body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as fault:
        raise NotExplained(f"{name} cannot be read: {fault.strerror}.") from None
    params = wire.params(body, "application/json", "")
    if isinstance(params, Refusal):
        raise NotExplained(f"{name} is not a lead: {' '.join(params.errors)}")
    return params


def _at_ms(text: str | None, zone: str) -> int:
    if text is None:
        return time.time_ns() // 1_000_000
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise NotExplained(f"--at {text!r} is not a time; write 2026-11-23T09:30 or 2026-11-23T09:30-05:00.") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=ZoneInfo(zone))
    return int(at.timestamp() * 1000)
