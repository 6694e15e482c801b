"""States, zip codes and area codes."""

import re
import unicodedata
from functools import cache

import zipcodes
from holidays.countries.canada import Canada
from holidays.countries.united_states import UnitedStates

from service.model.values.complaint import Complaint
from service.model.values.numbers import whole_number_text

STATE_LENGTH_MAX = 60

_ZIP = re.compile(r"\s*(\d{5})(?:[\s-]?\d{4})?\s*", re.ASCII).fullmatch
_AREA_CODE = re.compile(r"\s*([2-9]\d\d)\s*", re.ASCII).fullmatch

_NOT_STATE = Complaint("is not a state (two-letter code or name)")
_NOT_ZIP = Complaint("is not a five-digit zip code")
_NOT_AREA_CODE = Complaint("is not a three-digit area code")


def parse_state(raw: object) -> str | Complaint:
    """The two-letter code of a state, territory or province of the United States or Canada, from code or name."""
    if not isinstance(raw, str) or len(raw) > STATE_LENGTH_MAX:
        return _NOT_STATE
    codes = _codes_by_letters()
    return codes.get(raw) or codes.get(_letters(raw)) or _NOT_STATE


def parse_zip(raw: object) -> str | Complaint:
    """Five digits, from these or a zip+4; a number must have all its digits, for nobody knows which zeros it lost."""
    text = raw if isinstance(raw, str) else whole_number_text(raw)
    match = _ZIP(text) if text is not None else None
    return match[1] if match else _NOT_ZIP


def parse_area_code(raw: object) -> str | Complaint:
    """Three digits of the North American plan, as text or number."""
    text = raw if isinstance(raw, str) else whole_number_text(raw)
    match = _AREA_CODE(text) if text is not None else None
    return match[1] if match else _NOT_AREA_CODE


def _letters(text: str) -> str:
    """Only the letters, in lower case and without accents: "N.Y.", "new  york" and "Québec" find their state."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if c.isalpha()).casefold()


@cache
def _codes_by_letters() -> dict[str, str]:
    names: dict[str, str] = {}
    for country in (UnitedStates, Canada):
        for code, aliases in country.get_subdivision_aliases().items():
            for name in (code, *aliases):
                names[name] = code
                # "Virgin Islands, U.S." is as often written in the other order, or without its country.
                first, comma, rest = name.partition(", ")
                if comma:
                    names[rest + first] = names[first] = code
    # Military post offices (AA, AE, AP) stand in addresses as states do.
    for office in zipcodes.filter_by(zip_code_type="MILITARY"):  # type: ignore[no-untyped-call]
        names[office["state"]] = office["state"]
    return {**{_letters(name): code for name, code in names.items()}, **{code: code for code in names.values()}}
