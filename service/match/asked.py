"""What the filters may look at: the lead's fields and those that are derived from them."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from service.match.people import NO_LISTS
from service.match.places import state_of_area_code, state_of_zip
from service.model.catalog import Payout, Value
from service.model.lead import Lead
from service.model.values import Complaint, parse_state, parse_zip

StateFrom = Literal["sent", "zip", "area_code", ""]

NORTH_AMERICAN_LENGTH = len("+18005551234")


class Facts(Struct, frozen=True):
    values: dict[str, Value]
    """Normalised values by field; a field that is not there was not sent and could not be derived."""
    state_from: StateFrom = ""


class Asked(Struct, frozen=True):
    """One lead, as the contracts of its offer are asked about it."""

    facts: Facts
    now_ms: int
    """Redis' milliseconds since the epoch."""
    decision_id: str
    """At least 16 hex digits; the draw among equals comes from it."""
    payout: Payout = Payout()
    allow_loss: bool = False
    min_bid_micros: int = 0
    """The higher of the source's and the request's."""
    on_lists: frozenset[str] = NO_LISTS
    """Suppression lists that the person was put on at run time."""


def facts(lead: Lead, source_id: str) -> Facts:
    """The lead with `area_code` (from a North American `caller_id`), `state` (as sent, else from the zip, else from
    the area code) and `traffic_source_id` ("" counts as not there).

    An offer may keep what it does not name as it was sent. Of that, an `area_code` is never believed, and a `zip` or
    `state` that is none is not there.
    """
    values = dict(lead)
    values.pop("area_code", None)
    if "zip" in values:
        _settle("zip", parse_zip, values)
    if "state" in values:
        _settle("state", parse_state, values)
    if source_id:
        values["traffic_source_id"] = source_id
    caller_id = lead.get("caller_id")
    if isinstance(caller_id, str) and caller_id[:2] == "+1" and len(caller_id) == NORTH_AMERICAN_LENGTH:
        values["area_code"] = caller_id[2:5]
    if "state" in values:
        return Facts(values, "sent")
    state, state_from = _derived_state(values)
    if state is not None:
        values["state"] = state
    return Facts(values, state_from)


def _settle(name: str, parse: Callable[[object], str | Complaint], values: dict[str, Value]) -> None:
    """Leaves a place normalised, or takes it out."""
    value = parse(values[name])
    if isinstance(value, Complaint):
        del values[name]
    else:
        values[name] = value


def _derived_state(values: dict[str, Value]) -> tuple[str | None, StateFrom]:
    zip_code, area_code = values.get("zip"), values.get("area_code")
    if isinstance(zip_code, str) and (state := state_of_zip(zip_code)):
        return state, "zip"
    if isinstance(area_code, str) and (state := state_of_area_code(area_code)):
        return state, "area_code"
    return None, ""
