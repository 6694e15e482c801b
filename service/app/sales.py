"""Sales after their post, for buyers and operators: conversions and returns."""

from aiohttp import web

from service.app.bodies import body_of
from service.app.guards import PARTY
from service.app.replies import Reply, refuse, reply
from service.app.serving import SERVING
from service.exchange import aftermath
from service.wire import Refusal, params, parse_sale_id
from service.wire.sales import decode_reason

_UNKNOWN = Refusal("not_found", ["There is no sale of this id."])


async def conversion(request: web.Request) -> Reply:
    """`POST /api/v1/sales/{sale_id}/conversion`: the lead of a sale did what its buyer hoped for."""
    serving = request.app[SERVING]
    snapshot = serving.snapshot
    named = parse_sale_id(request.match_info["sale_id"])
    if named is None:
        return refuse(_UNKNOWN)
    told = await aftermath.convert(serving.store.for_one_answer(), snapshot, named, request[PARTY])
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
    told = await aftermath.give_back(serving.store.for_one_answer(), snapshot, named, request[PARTY], reason)
    return refuse(told) if isinstance(told, Refusal) else reply(told)
