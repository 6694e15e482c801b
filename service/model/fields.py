"""The names a lead may bring: an offer's own fields, those that are read of every lead, and those that are none."""

from service.model.catalog import Field, Offer

PARAMETERS = frozenset(
    {
        "traffic_source_id", "ping_id", "buyer_id", "buyer_ids", "trackdrive_number", "auth_token", "request_id",
        "min_bid", "tmax_ms", "opt_out", "test",
    }
)  # fmt: skip
"""Parameters of a lead request on any path: never a contact field, and not read where they have no meaning."""

CALLER_ID = Field("caller_id", "phone", personal=True)
PLACES = (Field("zip", "zip"), Field("state", "state"))
"""Where a lead lives: filters may look at it on every offer, so that it is normalised on every offer."""

ALWAYS_READ = (CALLER_ID, *PLACES)


def lead_fields(offer: Offer) -> tuple[Field, ...]:
    """The fields that are read of an offer's leads: its own, and `caller_id`, `zip` and `state` where it names none."""
    named = frozenset(field.name for field in offer.fields)
    caller_id = () if CALLER_ID.name in named else (CALLER_ID,)
    return (*caller_id, *offer.fields, *(place for place in PLACES if place.name not in named))


def contact_fields(offer: Offer) -> tuple[str, ...]:
    """Fields of an offer by which a person is known: telephone numbers and e-mail addresses, personal or not."""
    return tuple(field.name for field in lead_fields(offer) if field.type in ("phone", "email"))
