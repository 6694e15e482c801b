"""Values that a lead's field takes, drawn by a seeded generator from what the endpoint says of the field.

A value may hold `NUMBER`: ten digits that differ from lead to lead, put in when the lead is sent.
"""

from random import Random
from typing import Any, Final

from service.bench.instructions import AskedField
from service.bench.places import Place

NUMBER: Final = "{number}"
"""Where a lead's own ten digits come, in values made here and in the lines of a file of leads alike."""

_NAMES: Final = ("Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gail", "Hugo", "Ida", "Jon")
_AGES: Final = (18, 80)
"""Of whole numbers without limits: most that are asked for are ages or counts."""


def value_of(field: AskedField, place: Place, draw: Random) -> Any:
    """A value as a publisher would write it, or None where none can be thought of."""
    if field.one_of:
        return draw.choice(field.one_of)
    match field.type:
        case "phone":
            return f"1{NUMBER}"
        case "email":
            return f"lead{NUMBER}@example.com"
        case "state":
            return place.state
        case "zip":
            return place.zip
        case "boolean":
            return draw.random() < 0.5
        case "integer" | "decimal":
            return _number(field, draw)
        case "text" if field.name not in _PLACED:
            return draw.choice(_NAMES)[: field.max_length]
        case "url":
            return f"https://example.com/certificate/{NUMBER}" if field.consent else field.sample
        case "date" if field.min is None and field.max is None:
            return f"{draw.randint(1950, 2000)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
    return field.sample


_PLACED: Final = frozenset({"city", "address", "gender"})
"""Texts whose meaning a name would miss: the endpoint's own sample is taken."""


def _number(field: AskedField, draw: Random) -> Any:
    least, most = (limit if isinstance(limit, int | float) else None for limit in (field.min, field.max))
    if least is None and most is None:
        least, most = _AGES
    least = least if least is not None else most - _AGES[1] if most is not None else 0
    most = most if most is not None else least + _AGES[1]
    if field.type == "integer":
        low, high = int(-(-least // 1)), int(most // 1)
        return draw.randint(low, high) if low <= high else field.sample
    # Halves have no rounding to argue about.
    return round(draw.uniform(least, most) * 2) / 2 if most - least > 1 else field.sample
