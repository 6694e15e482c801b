"""One typed decoder per endpoint, built when the catalog is loaded: from names and values to a checked question."""

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

from msgspec import Struct

from service.model import hashes
from service.model.catalog import Catalog, Endpoint, Field, Moment, Offer, Value
from service.model.fields import PARAMETERS, PLACES, lead_fields
from service.model.lead import Lead
from service.model.values import Complaint, compile_parser, e164
from service.wire import parameters
from service.wire.body import NAME_LENGTH_MAX, Sent
from service.wire.parameters import Path
from service.wire.refusal import Complaints, Refusal
from service.wire.sentences import missing, wrong

Asked = Literal["ping", "post", "post_only", "full"]

NUMBER_LENGTH: Final = 20
"""What a number counts as among the characters of a lead."""

EXTRAS_LENGTH_MAX: Final = 8000
"""Characters of all of these of a lead: each decision on it stays on record some 200,000 decisions long."""

EXTRA_LENGTH_MAX: Final = 2000
"""Characters of a text that the offer does not name: enough for a certificate's address, not for a document."""

Parser = Callable[[object], Value | Complaint]


class Decoded(Struct, frozen=True):
    """A request as it was understood. `lead` has normalised fields only: the offer's, `caller_id`, hashes as
    `<field>_sha256`, and what the offer does not name where it keeps that. With `opt_out` it is empty: nothing of the
    person goes on."""

    asked: Asked
    lead: Lead
    caller_id: str = ""
    """E.164, "" where there is none (or only its hash)."""
    traffic_source_id: str = ""
    ping_id: str = ""
    """Not checked yet: `parse_ping_id` says whether it is one of ours."""
    buyer_id: int | None = None
    buyer_ids: frozenset[int] = frozenset()
    """Empty: all."""
    own_number: str = ""
    """`trackdrive_number`, E.164; only where the endpoint tracks by caller number."""
    auth_token: str = ""
    """The parameter, else the header's."""
    request_id: str = ""
    min_bid_micros: int = 0
    tmax_ms: int | None = None
    opt_out: bool = False
    test: bool = False


class _Reader(NamedTuple):
    """How one sent name is read. `as_sent`: a consent is checked and never altered.
    `unasked`: a place that the offer does not name; where it cannot be read it is like any other name the offer does
    not know."""

    name: str
    parse: Parser
    personal: bool = False
    as_sent: bool = False
    alias: bool = False
    unasked: bool = False


def _is_plain(reader: _Reader) -> bool:
    return not (reader.as_sent or reader.alias or reader.unasked)


class _Need(NamedTuple):
    """A field that must be there; `hashed` is the name of the hash that serves as well, "" where none does."""

    name: str
    hashed: str = ""


class OwnNumbers(Struct, frozen=True):
    """Whose numbers an endpoint that tracks by caller number takes: the listed ones if there are any, else all but
    those of the ring pools, which must lead to the sales they are lent to."""

    listed: frozenset[str]
    pooled: frozenset[str]


class Decoder:
    """Reads requests to one endpoint. Made by `build_decoder`; holds nothing that changes."""

    def __init__(self, offer: Offer, endpoint: Endpoint, own_numbers: OwnNumbers | None) -> None:
        self.fields: tuple[Field, ...] = lead_fields(offer)
        self._keep_extra = offer.extra_fields == "keep"
        self._own_numbers = own_numbers
        self._readers = _readers_of(offer)
        self._plain = {name: reader.parse for name, reader in self._readers.items() if _is_plain(reader)}
        """Of nearly all that is sent: a name that is the field's own, and a value that is only normalised."""
        self._hashed = tuple((f.name, f.name + hashes.SUFFIX) for f in self.fields if hashes.can_be_hashed(f))
        by_caller = own_numbers is not None
        self._needs: dict[Asked, tuple[_Need, ...]] = {
            "ping": _needs_of(self.fields, frozenset(("ping",)), by_caller=by_caller),
            "post": (),  # held to its needs when it meets its ping: `merge`
            "post_only": _needs_of(self.fields, frozenset(("post",)), by_caller=by_caller),
            "full": _needs_of(self.fields, frozenset(("ping", "post")), by_caller=by_caller),
        }
        self._needs_of_sale = _needs_of(self.fields, frozenset(("ping", "post")), by_caller=False)

    def decode(self, params: Sent, path: Path, *, token: str = "", sec_gpc: bool = False) -> Decoded | Refusal:
        """Everything that was sent, checked, or an `invalid` refusal with all that is wrong in it. Never raises.

        A post without a `ping_id` comes back as `post_only`. `token` is the header's, from `bearer`.
        """
        complaints: Complaints = {}
        ours = _read_parameters(params, path, complaints)
        without_ping = path == "post" and "ping_id" not in ours and "ping_id" not in complaints
        asked: Asked = "post_only" if without_ping else path
        if token and "auth_token" not in ours:
            ours["auth_token"] = token
        lead: Lead = {}
        self._read_lead(params, lead, complaints)
        if sec_gpc or "opt_out" in ours:
            ours["opt_out"] = True
            return Refusal("invalid", complaints) if complaints else Decoded(asked, {}, **ours)
        for name, hashed in self._needs[asked]:
            if name not in lead and hashed not in lead and name not in complaints:
                complaints[name] = [missing(name, "post" if asked == "post_only" else asked)]
        if self._own_numbers is not None and asked != "post":
            self._read_own_number(params, ours, complaints)
        if complaints:
            return Refusal("invalid", complaints)
        return Decoded(asked, lead, str(lead.get("caller_id", "")), **ours)

    def _read_lead(self, params: Sent, lead: Lead, complaints: Complaints) -> None:
        plain = self._plain.get
        others: dict[str, object] = {}
        for sent, raw in params.items():
            parse = plain(sent)
            if parse is None or raw is None or raw == "":
                if sent not in PARAMETERS:
                    others[sent] = raw
                continue
            value = parse(raw)
            if type(value) is not Complaint:  # cheaper than isinstance where there is a metaclass, as of every Struct
                lead[sent] = value
            elif not _is_blank(raw):
                complaints[sent] = [wrong(sent, value.text, raw, personal=self._readers[sent].personal)]
        if others:
            self._read_others(others, params, lead, complaints)
        for name, hashed in self._hashed:
            if hashed in lead and name in lead:
                if lead[hashed] != hashes.sha256_of(lead[name]):
                    complaints[name] = [f"{name} does not match the {hashed} that was sent with it."]
                del lead[hashed]

    def _read_others(self, others: Sent, params: Sent, lead: Lead, complaints: Complaints) -> None:
        """Aliases, consents, places that the offer does not name, and what it does not know."""
        extras_length = 0
        for sent, raw in others.items():
            if raw is None or raw == "":
                continue
            reader = self._readers.get(sent)
            if reader is None:
                if self._keep_extra:
                    extras_length += _read_extra(sent, raw, lead, complaints)
                    if extras_length > EXTRAS_LENGTH_MAX:
                        complaints[sent] = [f"{sent} is too much: {_EXTRAS_LIMIT}"]
                        return
                continue
            name = reader.name
            if reader.alias and (name in lead or params.get(name) not in (None, "")):
                continue  # a field's own name wins over its aliases, the alias sent first over those after it
            value = reader.parse(raw)
            if type(value) is Complaint:
                if reader.unasked:
                    if self._keep_extra:
                        _read_extra(sent, raw, lead, complaints)
                elif not _is_blank(raw):
                    complaints[name] = [wrong(sent, value.text, raw, personal=reader.personal)]
            elif reader.as_sent and isinstance(raw, (str, int, float)):
                lead[name] = raw
            else:
                lead[name] = value

    def _read_own_number(self, params: Sent, ours: dict[str, Any], complaints: Complaints) -> None:
        assert self._own_numbers is not None
        raw = params.get("trackdrive_number")
        if raw is None or raw == "":
            complaints["trackdrive_number"] = ["trackdrive_number is required. You did not send a value."]
            return
        number = e164(raw)
        if number is None:
            text = "is not a telephone number"
        elif self._own_numbers.listed and number not in self._own_numbers.listed:
            text = "is not one of the numbers of this endpoint"
        elif number in self._own_numbers.pooled:
            text = "is one of our own tracking numbers"
        else:
            ours["own_number"] = number
            return
        complaints["trackdrive_number"] = [wrong("trackdrive_number", text, raw)]

    def merge(self, ping_lead: Lead, posted: Decoded) -> "Merged":
        """The lead of a ping and its post together: what the ping said stands, what is new is added."""
        lead: Lead = dict(ping_lead)
        changes: Lead = {}
        complaints: Complaints = {}
        for name, value in posted.lead.items():
            if name not in lead:
                lead[name] = value
            elif lead[name] != value:
                changes[name] = value
        for name, hashed in self._hashed:
            if hashed not in lead or name not in lead:
                continue
            if lead[hashed] != hashes.sha256_of(lead[name]):
                if name in posted.lead and hashed in ping_lead:
                    complaints[name] = [f"{name} does not match the {hashed} of the ping."]
                else:  # the ping's own value stands, and the hash that came after it is the change
                    changes[hashed] = lead[hashed]
            del lead[hashed]
        for name, hashed in self._needs_of_sale:
            if name not in lead and hashed not in lead and name not in complaints:
                complaints[name] = [missing(name, "post")]
        return Merged(lead, sorted(changes), complaints, changes)


class Merged(Struct, frozen=True):
    """`complaints` not empty: answer `invalid` with them. `changes` has what the post said otherwise than the ping, by
    name: kept for the record, deciding nothing; `ignored_changes` are its names."""

    lead: Lead
    ignored_changes: list[str]
    complaints: Complaints
    changes: Lead


_ATTRIBUTES: Final = {"min_bid": "min_bid_micros"}
"""Names of `Decoded` that say their unit where the parameter does not."""


def build_decoder(catalog: Catalog, endpoint: Endpoint) -> Decoder:
    """The decoder of one endpoint. For all of a catalog at once: `build_decoders`."""
    return _build(catalog, endpoint, _pooled(catalog))


def build_decoders(catalog: Catalog) -> dict[str, Decoder]:
    """Decoders by vanity URI; a pool of many numbers is put into one set for all of them."""
    pooled = _pooled(catalog)
    return {uri: _build(catalog, endpoint, pooled) for uri, endpoint in catalog.endpoints.items()}


def _pooled(catalog: Catalog) -> frozenset[str]:
    return frozenset(number for pool in catalog.pools.values() for number in pool.numbers)


def _build(catalog: Catalog, endpoint: Endpoint, pooled: frozenset[str]) -> Decoder:
    own_numbers = None
    if endpoint.tracking == "caller_number" and catalog.offers[endpoint.offer].delivery == "call":
        own = (s.number for s in catalog.static_numbers.values() if s.endpoint == endpoint.vanity_uri)
        own_numbers = OwnNumbers(frozenset(own), pooled)
    return Decoder(catalog.offers[endpoint.offer], endpoint, own_numbers)


def _readers_of(offer: Offer) -> dict[str, _Reader]:
    readers: dict[str, _Reader] = {}
    named = frozenset(field.name for field in offer.fields)
    for field in lead_fields(offer):
        parse = compile_parser(field)
        unasked = field in PLACES and field.name not in named
        for name in (*field.aliases, field.name):
            alias = name != field.name
            readers[name] = _Reader(field.name, parse, field.personal, field.consent, alias, unasked=unasked)
            if hashes.can_be_hashed(field):
                hashed = field.name + hashes.SUFFIX
                readers[name + hashes.SUFFIX] = _Reader(hashed, hashes.parse_sha256, personal=True, alias=alias)
    return {name: reader for name, reader in readers.items() if name not in PARAMETERS}


def _needs_of(fields: tuple[Field, ...], moments: frozenset[Moment], *, by_caller: bool) -> tuple[_Need, ...]:
    """A hash serves what only the ping needs; a call that is tracked by its caller needs the caller in clear."""
    needs: list[_Need] = []
    for field in fields:
        tracked = by_caller and field.name == "caller_id"
        required_on = moments.intersection(field.required_on)
        if tracked or required_on:
            serves = hashes.can_be_hashed(field) and not tracked and "post" not in required_on
            needs.append(_Need(field.name, field.name + hashes.SUFFIX if serves else ""))
    return tuple(needs)


def _read_parameters(params: Sent, path: Path, complaints: Complaints) -> dict[str, Any]:
    """Arguments of `Decoded`, without what was not sent or stands for nothing."""
    ours: dict[str, Any] = {}
    readers = parameters.READERS[path]
    for name in readers.keys() & params.keys():
        raw = params[name]
        if raw is None:
            continue
        value = readers[name](raw)
        if isinstance(value, Complaint):
            complaints[name] = [wrong(name, value.text, raw, personal=name == "auth_token")]
        elif value not in (None, "", False):
            ours[_ATTRIBUTES.get(name, name)] = value
    return ours


def _is_blank(raw: object) -> bool:
    """White space alone is what a form sends for a field that was not filled in."""
    return isinstance(raw, str) and raw.isspace()


_EXTRAS_LIMIT: Final = f"fields that the offer does not name may have {EXTRAS_LENGTH_MAX} characters in all."


def _read_extra(name: str, raw: object, lead: Lead, complaints: Complaints) -> int:
    """A field that the offer does not name but keeps: text, numbers and booleans as they are; the characters it has.
    Lists and objects are no values of a lead and are dropped: nobody's mistake, for an unknown name never is."""
    if not 0 < len(name) <= NAME_LENGTH_MAX:
        return 0
    if isinstance(raw, str):
        if len(raw) > EXTRA_LENGTH_MAX:
            complaints[name] = [f"{name} must be at most {EXTRA_LENGTH_MAX} characters."]
        elif "\0" in raw:
            complaints[name] = [f"{name} must not hold control characters."]
        else:
            lead[name] = raw
            return len(name) + len(raw)
    elif isinstance(raw, (int, float)):
        lead[name] = raw
        return len(name) + NUMBER_LENGTH
    return 0
