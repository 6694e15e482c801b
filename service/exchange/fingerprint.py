"""Fingerprints of questions: what makes two of them the same one. `hash_of` is the store's keyed hash, for a bare one
of so few digits as a telephone number has would hide nothing."""

from collections.abc import Callable
from typing import Literal

import msgspec

from service.model.lead import Question

_encode = msgspec.json.Encoder(order="sorted").encode

HashOf = Callable[[bytes], str]


def of_fields(hash_of: HashOf, question: Question, verb: Literal["ping", "sell"]) -> str:
    """Source, endpoint, fields and what else would change the answer; pings and sales do not shield each other."""
    parts = (
        verb,
        question.endpoint.vanity_uri,
        question.source_id,
        question.lead,
        question.own_number,
        question.min_bid_micros,
        sorted(question.buyer_ids) if question.buyer_ids else (),
        question.request_id if verb == "ping" else "",
    )
    return hash_of(_encode(parts))


def of_request(hash_of: HashOf, question: Question) -> str:
    """Source, endpoint and the publisher's own id for the lead."""
    return hash_of(_encode(("request", question.endpoint.vanity_uri, question.source_id, question.request_id)))
