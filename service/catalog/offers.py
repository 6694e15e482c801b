"""Offers and their fields, and the words a filter on an offer may use."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from service.catalog.checks import (
    Check,
    choice,
    field_name,
    flag,
    identifier,
    list_of,
    price,
    text,
    whole,
)
from service.catalog.mistake import Spot, shown
from service.catalog.table import Kept, Key, Table, Unique, as_is, is_whole, read_table, tables_in
from service.model.catalog import Distribution, Field, FieldType, Offer
from service.model.fields import ALWAYS_READ, PARAMETERS
from service.model.hashes import SUFFIX
from service.model.values import Complaint, Parser, compile_parser, parse_area_code, parse_type

FIELDS_PER_OFFER_MAX = 500
TEXT_LENGTH_MAX = 10_000
WINNERS_MIN, WINNERS_MAX = 2, 100
EXCLUSIVE_DAYS_MAX = 3650
CONVERTS_AFTER_SECONDS_MAX = 30 * 86400
# A certificate's URL is easily longer than a text should be.
URL_LENGTH = 2048

# A parameter could never be sent as a field; an area code is worked out from the lead; `any` is a word of filters.
TAKEN = PARAMETERS | {"area_code", "any"}
# What is derived from these fields needs them to be what their names say, and nobody else's alias.
TYPE_BY_NAME: Mapping[str, FieldType] = {field.name: field.type for field in ALWAYS_READ}

ORDERED_TYPES = frozenset({"integer", "decimal", "date", "datetime", "zip"})
FIELD_TYPES = (
    "text", "phone", "integer", "decimal", "boolean", "date", "datetime", "state", "zip", "email", "url", "ip",
)  # fmt: skip

FIELD = {
    "name": Key(field_name, required=True),
    "type": Key(choice(*FIELD_TYPES), required=True),
    "required_on": Key(list_of(choice("ping", "post"))),
    "personal": Key(flag),
    "consent": Key(flag),
    "min": Key(as_is),
    "max": Key(as_is),
    "one_of": Key(as_is),
    "aliases": Key(list_of(field_name)),
    "max_length": Key(whole(1, TEXT_LENGTH_MAX)),
}
OFFER = {
    "id": Key(identifier, required=True),
    "name": Key(text, required=True),
    "delivery": Key(choice("call", "data"), required=True),
    "sale_on": Key(choice("post", "call_connected", "call_converted")),
    "converts_after_seconds": Key(whole(1, CONVERTS_AFTER_SECONDS_MAX)),
    "rank_by": Key(choice("bid", "tier")),
    "distribution": Key(as_is),
    "exclusive_days": Key(whole(0, EXCLUSIVE_DAYS_MAX)),
    "floor": Key(price, into="floor_micros"),
    "default_buyer": Key(as_is),
    "extra_fields": Key(choice("keep", "drop")),
    "fields": Key(as_is),
}
_WINNERS = Key(whole(WINNERS_MIN, WINNERS_MAX), required=True)
_MODE = Key(choice("exclusive", "multisell", "hybrid", "waterfall"), required=True)
DISTRIBUTION = {
    "exclusive": {"mode": _MODE},
    "waterfall": {"mode": _MODE},
    "multisell": {"mode": _MODE, "winners": _WINNERS},
    "hybrid": {"mode": _MODE, "winners": _WINNERS, "floor": Key(price, into="floor_micros", required=True)},
}


class Word(Struct, frozen=True):
    """A name a filter may use. `type` is None where the field's own definition is wrong: nothing more is said of it."""

    type: FieldType | None
    parser: Parser


class Vocabulary(Struct, frozen=True):
    """The words of an offer's filters, and its phone and e-mail fields, by which dedup goes where nothing is said."""

    words: dict[str, Word]
    dedup_on: tuple[tuple[str, ...], ...]


def read_offer(raw: Table, spot: Spot) -> tuple[Offer | None, Vocabulary]:
    """The offer, None where something required is wrong, and its vocabulary as far as it can be read."""
    kept = read_table(raw, spot, OFFER)
    kept.pop("default_buyer", None)  # checked against the buyers, which are read later
    fields = _fields(kept.pop("fields", []), spot.at("fields"))
    if "distribution" in kept:
        kept["distribution"] = _distribution(kept["distribution"], spot.at("distribution"))
    sale_on, delivery = kept.get("sale_on", "post"), kept.get("delivery")
    if sale_on == "call_converted" and "converts_after_seconds" not in raw:
        spot.at("converts_after_seconds").wrong("is missing, with sale_on call_converted")
    if sale_on != "post" and delivery == "data":
        spot.at("sale_on").wrong(f"{shown(sale_on)} needs delivery call")
    _check_distribution(kept, raw, spot)
    made = [field for field in fields.values() if field is not None]
    vocabulary = _vocabulary(fields)
    if not is_whole(kept, OFFER):
        return None, vocabulary
    return Offer(**kept, fields=tuple(made)), vocabulary


def _distribution(raw: object, spot: Spot) -> Distribution:
    mode = raw.get("mode") if isinstance(raw, dict) else None
    keys = DISTRIBUTION.get(mode) if isinstance(mode, str) else None
    if keys is None:
        # Which keys belong here is not known without the mode; every one is let pass.
        keys = {name: key._replace(required=name == "mode") for name, key in DISTRIBUTION["hybrid"].items()}
    kept = read_table(raw, spot, keys)
    return Distribution(**kept) if is_whole(kept, keys) else Distribution()


def _check_distribution(kept: Kept, raw: Table, spot: Spot) -> None:
    """What a mode asks of the rest of the offer. A waterfall goes by tier, whatever is bid."""
    mode = kept.get("distribution", Distribution()).mode
    if mode in ("multisell", "hybrid") and kept.get("delivery") == "call":
        spot.at("distribution").at("mode").wrong(f"{shown(mode)} needs delivery data: a call reaches one buyer")
    if mode == "waterfall":
        if raw.get("rank_by") == "bid":
            spot.at("rank_by").wrong('"bid" cannot be: a waterfall goes by tier')
        kept["rank_by"] = "tier"


def _fields(raw: object, spot: Spot) -> dict[str, Field | None]:
    fields: dict[str, Field | None] = {}
    taken = Unique("a field or alias")
    for index, (table, place) in enumerate(tables_in(raw, spot)):
        if index == FIELDS_PER_OFFER_MAX:
            spot.wrong(f"holds more than {FIELDS_PER_OFFER_MAX} fields")
            break
        kept = read_table(table, place, FIELD)
        name = kept.get("name")
        for word, where in _names(kept, place):
            taken.claim(word, where)
            if word in TAKEN or _is_hash_of(word, name, fields) or (word != name and word in TYPE_BY_NAME):
                where.wrong(f"{shown(word)} is a name the service uses itself")
        if name is not None:
            fields[name] = _field(kept, place) if is_whole(kept, FIELD) else None
    return fields


def _is_hash_of(word: str, name: object, fields: Mapping[str, object]) -> bool:
    return word == name and word.endswith(SUFFIX) and word.removesuffix(SUFFIX) in fields


def _names(kept: Kept, spot: Spot) -> list[tuple[str, Spot]]:
    aliases = kept.get("aliases", ())
    named = [(kept["name"], spot.at("name"))] if "name" in kept else []
    return named + [(alias, spot.at("aliases").at(index)) for index, alias in enumerate(aliases)]


def _field(kept: Kept, spot: Spot) -> Field:
    type: FieldType = kept["type"]
    needed = TYPE_BY_NAME.get(kept["name"], type)
    if needed != type:
        spot.at("type").wrong(f"{shown(type)} cannot be: the field {kept['name']} is of type {needed}")
    if "max_length" in kept and type not in ("text", "url"):
        spot.at("max_length").wrong(f"is for fields of type text and url, not {type}")
    if type == "url":
        kept.setdefault("max_length", URL_LENGTH)
    for limit in ("min", "max"):
        if limit in kept:
            kept[limit] = _limit(kept[limit], type, spot.at(limit))
    low, high = kept.get("min"), kept.get("max")
    if low is not None and high is not None and low > high:
        spot.at("min").wrong(f"{shown(low)} is above max {shown(high)}")
    if "one_of" in kept:
        kept["one_of"] = _one_of(kept, type, spot.at("one_of"))
    return Field(**kept)


def _limit(raw: object, type: FieldType, spot: Spot) -> object:
    if type not in ORDERED_TYPES or type == "zip":
        spot.wrong(f"is for fields of type integer, decimal, date and datetime, not {type}")
        return None
    value = parse_type(type, raw)
    if isinstance(value, Complaint):
        spot.wrong(f"{shown(raw)} {value.text}")
        return None
    return value


def _one_of(kept: Kept, type: FieldType, spot: Spot) -> object:
    parser = compile_parser(Field(name=kept["name"], type=type, max_length=kept.get("max_length", 200)))

    def normalised(raw: object, place: Spot) -> object:
        value = parser(raw)
        if isinstance(value, Complaint):
            place.wrong(f"{shown(raw)} {value.text}")
            return None
        return value

    check: Check = list_of(normalised)
    return check(kept["one_of"], spot) or ()


def _vocabulary(fields: dict[str, Field | None]) -> Vocabulary:
    words = dict(ALWAYS_THERE)
    for name, field in fields.items():
        # A filter may look beyond what a field may be, but never for a choice that it does not have.
        parser = compile_parser(replace(field, min=None, max=None)) if field else _anything
        words[name] = Word(field.type if field else None, parser)
    numbers = {"caller_id": None} | {f.name: None for f in fields.values() if f and f.type in ("phone", "email")}
    return Vocabulary(words, tuple((name,) for name in numbers))


def _anything(raw: object) -> str:
    return "unknown"


# Area codes are text of three digits; their parser is their own, else they behave as a zip code does.
ALWAYS_THERE: Mapping[str, Word] = {
    **{field.name: Word(field.type, compile_parser(field)) for field in ALWAYS_READ},
    "area_code": Word("zip", parse_area_code),
    "traffic_source_id": Word("text", compile_parser(Field(name="traffic_source_id", type="text"))),
}
NOT_OF_LEADS = ALWAYS_THERE.keys() - TYPE_BY_NAME.keys()
"""Words of filters that no lead brings: nobody can be known again by them."""
