"""Sales after their post, for buyers and operators: conversions and returns."""

from aiohttp import web

from service.app.bodies import body_of
from service.app.guards import PARTY
from service.app.replies import Reply, refuse, reply
from service.app.serving import SERVING, Serving
from service.exchange import aftermath
from service.exchange.aftermath import FromLedger
from service.ledger.histories import Row
from service.ledger.opening import LEDGER_FILE
from service.model.lead import RecordedBid
from service.served.snapshot import Snapshot
from service.store.aftermath import About, KnownSale
from service.wire import Refusal, SaleId, params, parse_sale_id, sale_id
from service.wire.sales import decode_reason

_UNKNOWN = Refusal("not_found", ["There is no sale of this id."])


async def conversion(request: web.Request) -> Reply:
    """`POST /api/v1/sales/{sale_id}/conversion`: the lead of a sale did what its buyer hoped for."""
    serving = request.app[SERVING]
    snapshot = serving.snapshot
    named = parse_sale_id(request.match_info["sale_id"])
    if named is None:
        return refuse(_UNKNOWN)
    # The ledger has its own time: Redis' begins when the sale is known.
    told = await aftermath.convert(serving.store, snapshot, named, request[PARTY], _ledger(serving, snapshot))
    return refuse(told) if isinstance(told, Refusal) else reply(told)


async def give_back(request: web.Request) -> Reply:
    """`POST /api/v1/sales/{sale_id}/return`: a sale that was made is given back."""
    serving = request.app[SERVING]
    snapshot = serving.snapshot
    named = parse_sale_id(request.match_info["sale_id"])
    if named is None:
        return refuse(_UNKNOWN)
    sent = params(await body_of(request), request.headers.get("Content-Type", ""), request.rel_url.raw_query_string)
    reason = sent if isinstance(sent, Refusal) else decode_reason(sent)
    if isinstance(reason, Refusal):
        return refuse(reason)
    ledger = _ledger(serving, snapshot)
    told = await aftermath.give_back(serving.store, snapshot, named, request[PARTY], reason, ledger)
    return refuse(told) if isinstance(told, Refusal) else reply(told)


def _ledger(serving: Serving, snapshot: Snapshot) -> FromLedger | None:
    """Asks the ledger for sales that Redis has no more; None where there is none."""
    settings = serving.settings
    if settings.ledger_url is None and not (settings.var / LEDGER_FILE).exists():
        return None

    async def found(named: SaleId) -> KnownSale | None:
        history = await serving.desk.ask(lambda reader: reader.history(named.decision_id))
        wanted = sale_id(named.decision_id, named.part)
        return next((_known(snapshot, named, row) for row in history.sales if row["sale_id"] == wanted), None)

    return found


def _known(snapshot: Snapshot, named: SaleId, row: Row) -> KnownSale:
    return KnownSale(
        decision_id=named.decision_id,
        part=named.part,
        position=int(row["positions"].rpartition(",")[2]),
        bid=RecordedBid(
            row["buyer_id"], row["contract"], row["bid_micros"], row["payout_micros"], bool(row["is_default"])
        ),
        number=row["number"],
        about=About(row["endpoint"], row["source_id"], row["request_id"], row["catalog"], row["offer"]),
        made_at_ms=row["made_at_ms"] or 0,
        buyer=snapshot.catalog.buyers.get(row["buyer_id"]),
        archived=row["state"],
    )
