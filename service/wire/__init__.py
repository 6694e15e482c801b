"""JSON, forms and queries in, answers out: pure, and knowing no HTTP status."""

from service.wire.body import Params, params
from service.wire.calls import EventReport, RouteQuestion, decode_event, decode_route
from service.wire.decoder import (
    Asked,
    Decoded,
    Decoder,
    Merged,
    build_decoder,
    build_decoders,
)
from service.wire.encode import encode
from service.wire.ids import (
    PingId,
    SaleId,
    mint_decision_id,
    parse_decision_id,
    parse_ping_id,
    parse_sale_id,
    ping_id,
    sale_id,
)
from service.wire.parameters import Path, bearer, text_or_nothing
from service.wire.refusal import Complaints, Refusal

__all__ = [
    "Asked",
    "Complaints",
    "Decoded",
    "Decoder",
    "EventReport",
    "Merged",
    "Params",
    "Path",
    "PingId",
    "Refusal",
    "RouteQuestion",
    "SaleId",
    "bearer",
    "build_decoder",
    "build_decoders",
    "decode_event",
    "decode_route",
    "encode",
    "mint_decision_id",
    "params",
    "parse_decision_id",
    "parse_ping_id",
    "parse_sale_id",
    "ping_id",
    "sale_id",
    "text_or_nothing",
]
