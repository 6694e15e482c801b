"""A story as text and as JSON: the decision, its posts, its sales with their calls, and the money."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import asdict

from service.cli.tables import printable, table
from service.ledger.applying import EntryRow, SaleRow
from service.model.catalog import Catalog
from service.model.decline import Decline
from service.model.sales import Decided
from service.reports.figures import units
from service.reports.spans import shown
from service.reports.story import Story

WHY_LENGTH_MAX = 100
"""A cell of the table; --json has all of it."""
Contracts = list[dict[str, Any]]


def story_dict(story: Story, contracts: Contracts) -> dict[str, Any]:
    """Money in units; what is null is not known or never was."""
    return {
        "decision_id": story.decision_id,
        "records": [_record_dict(decided) for decided in story.records],
        "contracts": contracts,
        "sales": [_money_out(asdict(sale)) for sale in story.sales],
        "entries": [_money_out(asdict(entry)) for entry in story.entries],
    }


def _record_dict(decided: Decided) -> dict[str, Any]:
    record = {name: value for name, value in asdict(decided.record).items() if name not in ("bids", "min_bid_micros")}
    kept = {"at_ms": decided.at_ms, "kind": decided.kind, **record, "tried": tried(decided)}
    return kept | ({"status": decided.status, "question": decided.question} if decided.kind == "post" else {})


def _money_out(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name.removesuffix("_micros"): units(value) if name.endswith("_micros") else value for name, value in row.items()
    }


# -- text


def story_text(story: Story, contracts: Contracts, catalog: Catalog, zone: ZoneInfo) -> str:
    parts = [f"decision {story.decision_id}", *(_record_text(decided, zone) for decided in story.records[:1])]
    if contracts:
        heads = ("buyer", "name", "contract", "verdict", "payout", "why")
        parts.append(table(heads, [_verdict(row, catalog) for row in contracts]))
    parts += [_post_text(decided, zone) for decided in story.records if decided.kind == "post"]
    parts += ["\n".join(_sale_lines(sale, story, catalog, zone)) for sale in story.sales]
    if story.entries:
        columns = ("at", "account", "amount", "for", "reason")
        parts.append(table(columns, [_entry(entry, zone) for entry in story.entries]))
    return "\n\n".join(parts)


def _record_text(decided: Decided, zone: ZoneInfo) -> str:
    record = decided.record
    what = "pinged" if decided.kind == "ping" else "posted without a ping"
    lines = [f"{what} {shown(decided.at_ms, zone)} at {record.endpoint}, under catalog {record.catalog}"]
    about = {"source": record.source_id, "request_id": record.request_id, "number": record.own_number}
    lines.append(", ".join(f"{name} {value or '(none)'}" for name, value in about.items() if value or name == "source"))
    if record.suppressed:
        lines.append("suppressed or opted out: nothing of the person was kept, and nobody was asked")
    elif record.erased_at_ms:
        at = shown(record.erased_at_ms, zone)
        lines.append(f"the lead was erased {at}: only what Redis was asked is told, for the rest was on the lead")
    else:
        lines.append(f"lead {json.dumps(record.lead, ensure_ascii=False)}")
    return "\n".join(lines)


def _verdict(row: dict[str, Any], catalog: Catalog) -> tuple[object, ...]:
    buyer = catalog.buyers.get(row["buyer_id"])
    detail = ", ".join(f"{name} {json.dumps(value)}" for name, value in row.get("detail", {}).items())
    why = ": ".join(part for part in (row.get("reason", ""), detail) if part)
    if len(why) > WHY_LENGTH_MAX:
        why = why[: WHY_LENGTH_MAX - 1] + "…"
    # Of a verdict that was worked out, `bid` is what the publisher was told; of a bid on record, `payout`.
    payout = row.get("payout", row.get("bid"))
    told = "" if payout is None else f"{payout:.2f}"
    return row["buyer_id"], buyer.name if buyer else "", row["contract"], row["verdict"], told, why


def tried(decided: Decided) -> list[dict[str, Any]]:
    """The bids that were asked, in order, with what was said of each."""
    bids = decided.record.bids
    places = decided.order if decided.kind == "post" else range(len(bids))
    return [
        {
            "buyer_id": bids[place].buyer_id,
            "contract": bids[place].contract_id,
            "bid": units(bids[place].bid_micros),
            "payout": units(bids[place].payout_micros),
            "verdict": verdict_word(verdict),
        }
        for place, verdict in zip(places, decided.said, strict=False)
        if place < len(bids)
    ]


def verdict_word(verdict: int | None) -> str:
    if verdict is None:
        return "not asked"
    return Decline(verdict).word if verdict else "yes"


def _post_text(decided: Decided, zone: ZoneInfo) -> str:
    asked = ", ".join(f"{one['contract']} {one['verdict']}" for one in tried(decided))
    return f"post {shown(decided.at_ms, zone)}: {decided.status}" + (f" ({asked})" if asked else "")


def _sale_lines(sale: SaleRow, story: Story, catalog: Catalog, zone: ZoneInfo) -> Iterator[str]:
    buyer = catalog.buyers.get(sale.buyer_id)
    name = f"{buyer.name} (buyer {sale.buyer_id})" if buyer else f"buyer {sale.buyer_id}"
    price, payout = _price(units(sale.bid_micros)), _price(units(sale.payout_micros))
    yield f"sale {sale.sale_id}: {sale.state}, {name}, {sale.contract}, {price}, payout {payout}"
    if sale.made_at_ms is not None:
        yield f"  made {shown(sale.made_at_ms, zone)}, {sale.made_by}"
    if sale.number:
        is_lent = story.live is not None and story.live.pool and sale.call is None
        until = f", lent until {shown(story.live.number_until_ms, zone)}" if story.live and is_lent else ""
        yield f"  number {sale.number}{until}"
    if sale.moves:
        yield f"  moved {sale.moves} time{'s' if sale.moves > 1 else ''} to the next buyer by its call"
    if sale.call is not None:
        outcome = sale.call_outcome or ("answered" if sale.call_answered else "not answered")
        lasted = "" if sale.call_duration_ms is None else f", {sale.call_duration_ms / 1000:.0f} s"
        yield f"  call {sale.call}: {outcome}{lasted}"
    elif story.live is not None and story.live.live_call:
        yield f"  call {story.live.live_call} is on"
    elif sale.number:
        yield "  no call has ended on it"
    if sale.converted_at_ms is not None:
        yield f"  converted {shown(sale.converted_at_ms, zone)}"
    if sale.returned_at_ms is not None:
        yield f"  returned {shown(sale.returned_at_ms, zone)}: {printable(sale.return_reason or '')}"


def _price(amount: Decimal) -> str:
    return f"{amount:.2f}" if amount == amount.quantize(Decimal("0.01")) else str(amount)


def _entry(entry: EntryRow, zone: ZoneInfo) -> tuple[object, ...]:
    amount = _price(units(entry.amount_micros))
    return shown(entry.at_ms, zone), entry.account, amount, entry.kind, entry.reason
