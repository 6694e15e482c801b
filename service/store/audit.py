"""The record of decisions, read backwards."""

from typing import Any

import msgspec

from service.store.records import places_of, record_of, said_of
from service.store.runner import Runner

PAGE_RECORDS = 500
"""Read in one go: about a megabyte, and some milliseconds of Redis."""
CLOCKS_MS = 60_000
"""By how much a worker's idea of Redis' time may ever have been ahead of it."""


async def decision(runner: Runner, decision_id: str) -> list[dict[str, Any]]:
    """What is on record of a decision, oldest first: its ping, if it is kept, and every post that was decided on it.

    The audit is not indexed, for nobody should pay for that on a ping: it is searched from its end, at most
    `audit_records_max` records of it, and from the first record found only back to when the decision was asked for.
    """
    found: list[dict[str, Any]] = []
    before, after = "+", "-"
    wanted = decision_id.encode()
    for _ in range(runner.settings.audit_records_max // PAGE_RECORDS + 1):
        (page,) = await runner.read([("XREVRANGE", runner.keys.audit, before, after, "COUNT", PAGE_RECORDS)])
        for entry_id, flat in page:
            fields = dict(zip(flat[::2], flat[1::2], strict=True))
            if fields.get(b"decision") == wanted:
                found.append(_readable(entry_id, fields))
                if fields[b"kind"] == b"ping":
                    return found[::-1]
                after = str(max(found[-1]["record"]["at_ms"] - CLOCKS_MS, 0))
        if len(page) < PAGE_RECORDS:
            break
        before = f"({page[-1][0].decode()}"
    return found[::-1]


def _readable(entry_id: bytes, fields: dict[bytes, bytes]) -> dict[str, Any]:
    text = {name.decode(): value.decode() for name, value in fields.items()}
    readable: dict[str, Any] = {
        "at_ms": int(entry_id.split(b"-")[0]),
        "kind": text["kind"],
        "said": said_of(text["said"]),
    }
    record = msgspec.structs.asdict(record_of(fields[b"record"]))
    readable["record"] = {name: msgspec.to_builtins(value) for name, value in record.items()}
    if text["kind"] == "post":
        readable["order"] = places_of(fields[b"order"])
        readable |= {name: text[name] for name in ("status", "question", "number")}
        readable["position"] = int(text["position"])
        if "parts" in text:
            readable["parts"] = places_of(fields[b"parts"])
    return readable
