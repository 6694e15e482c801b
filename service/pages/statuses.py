"""The statuses of the contract with publishers: HTTP number, word, and when it is said. Answers are sent,
and pages and the document made, by this table."""

from typing import Final

from msgspec import Struct

from service.wire import answers


class Status(Struct, frozen=True):
    """`paths`: where it can be the answer. `answer`: the type of the answer's body."""

    http: int
    word: str
    when: str
    answer: type[answers.Answer]
    paths: tuple[str, ...] = ("ping", "post", "full")


_SELLS = ("post", "full")

STATUSES: Final = (
    Status(200, "success", "The buyers and their bids.", answers.PingAnswer, ("ping",)),
    Status(200, "success", "Sold: the tracking number to send the call to.", answers.PostAnswer, _SELLS),
    Status(200, "success", "The lead is sold.", answers.DataPostAnswer, _SELLS),
    Status(200, "no_matching_buyer", "Nobody wants the lead, or nobody has room for it.", answers.NoMatch),
    Status(
        200,
        "ping_expired",
        "The ping_id was never issued, is over, or belongs to another endpoint or source.",
        answers.PingExpired,
        ("post",),
    ),
    Status(200, "already_sold", "Another id of the same ping has sold the lead.", answers.AlreadySold, ("post",)),
    Status(
        200,
        "buyer_unavailable",
        "The one buyer asked for cannot take the lead now; `reason` says why.",
        answers.BuyerUnavailable,
        ("post",),
    ),
    Status(
        200,
        "no_tracking_number",
        "All tracking numbers are lent. Nothing was taken; try again shortly.",
        answers.NoTrackingNumber,
        _SELLS,
    ),
    Status(
        200, "buyer_rejected", "The buyer's own system said no, and nobody else took it.", answers.BuyerRejected, _SELLS
    ),
    Status(200, "suppressed", "The person is on a suppression list, or opted out.", answers.Suppressed),
    Status(400, "malformed_body", "Not JSON, not an object, not UTF-8, or a name twice.", answers.Refused),
    Status(401, "unauthorized", "The token is missing or wrong, or not one of this traffic source.", answers.Refused),
    Status(
        403, "forbidden_address", "The request came from an address that is not on the source's list.", answers.Refused
    ),
    Status(403, "forbidden_endpoint", "The traffic source may not use this endpoint.", answers.Refused),
    Status(404, "unknown_endpoint", "There is no such endpoint.", answers.Refused),
    Status(405, "method_not_allowed", "Only GET and POST are answered.", answers.Refused),
    Status(413, "body_too_large", "The body is larger than 64 KiB.", answers.Refused),
    Status(415, "unsupported_media_type", "The body is neither JSON nor a form.", answers.Refused),
    Status(422, "invalid", "Fields are missing or wrong; `errors` lists all of them.", answers.Invalid),
    Status(429, "rate_limited", "Too many requests; the header Retry-After says when to come again.", answers.TooMany),
    Status(500, "internal", "A bug of ours. Give us the `trace_id`.", answers.Internal),
    Status(503, "unavailable", "Nothing was taken; the header Retry-After says when to come again.", answers.Refused),
)

_BY_WORD: Final = {status.word: status.http for status in STATUSES} | {
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
}


def http_status(word: str) -> int:
    """The HTTP number of an answer's word; 200 is what everything gets that nobody asked wrongly."""
    return _BY_WORD.get(word, 200)
