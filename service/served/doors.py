"""Who asks: the traffic source behind a request, or the refusal it gets. Pure decisions, told in words."""

import hashlib
import hmac
from ipaddress import ip_address, ip_network

from msgspec import Struct

from service.model.catalog import Buyer, Catalog, Endpoint, Source
from service.wire.refusal import Refusal

UNLISTED = Source(id="other", name="Other sources")
"""Stands for every source the catalog does not name: paid 100 %, one bucket of rate limits, one label."""


class Claim(Struct, frozen=True):
    """What a request says of its sender. `token` is "" where none was sent, `address` that of the client itself."""

    source_id: str
    token: str
    address: str
    wants_test: bool = False


class Admitted(Struct, frozen=True):
    source: Source
    source_id: str
    test: bool


class Doors:
    """Tokens and address lists of a catalog, read once when it is loaded."""

    def __init__(self, catalog: Catalog) -> None:
        self._sources = catalog.sources
        self._static_numbers = catalog.static_numbers
        self._by_digest = {
            token.sha256: (token.sha256, source) for source in catalog.sources.values() for token in source.auth_tokens
        }
        self._buyer_by_digest = {
            token.sha256: (token.sha256, buyer) for buyer in catalog.buyers.values() for token in buyer.auth_tokens
        }
        self.know_buyers = bool(self._buyer_by_digest)
        """Whether any buyer has a token."""
        self._networks = {
            source.id: [ip_network(text, strict=False) for text in source.allowed_addresses]
            for source in catalog.sources.values()
            if source.allowed_addresses
        }
        self.look_at_addresses = bool(self._networks)
        """Whether some source comes from listed addresses only; a claim needs no address otherwise."""

    def source_of_token(self, token: str) -> Source | None:
        """The source whose token this is. Only SHA-256 digests meet: a look-up by a digest that the client cannot
        steer tells nothing by its timing, and the comparison at its end takes constant time."""
        digest = _digest_of(token)
        known, source = self._by_digest.get(digest, ("", None))
        return source if hmac.compare_digest(known, digest) else None

    def buyer_of_token(self, token: str) -> Buyer | None:
        """The buyer whose token this is, found in the same way."""
        digest = _digest_of(token)
        known, buyer = self._buyer_by_digest.get(digest, ("", None))
        return buyer if hmac.compare_digest(known, digest) else None

    def admit(self, endpoint: Endpoint, claim: Claim, *, admin_token: str | None) -> Admitted | Refusal:
        """The source that may ask this of the endpoint; refused as unauthorized, invalid or forbidden_*.

        The operator's own token may test any endpoint, names no source, and is good for nothing else here.
        """
        is_operator = claim.wants_test and bool(claim.token) and same_token(claim.token, admin_token)
        named: Source | None = None
        if claim.token and not is_operator:
            named = self.source_of_token(claim.token)
            if named is None:
                return Refusal("unauthorized", ["The auth token is not valid."])
            if claim.source_id not in ("", named.id):
                return Refusal("unauthorized", ["The auth token is not one of this traffic source."])
        if endpoint.auth_required and not endpoint.test_mode and named is None and not is_operator:
            return Refusal("unauthorized", ["This endpoint needs an auth token."])

        source = named or self._sources.get(claim.source_id, UNLISTED)
        if source is UNLISTED and endpoint.sources == "listed":
            said = "is not known" if claim.source_id else "is required. You did not send a value"
            return Refusal("invalid", {"traffic_source_id": [f"traffic_source_id {said}."]})
        if source.endpoints and endpoint.vanity_uri not in source.endpoints:
            return Refusal("forbidden_endpoint", ["This traffic source may not use this endpoint."])
        if not self._address_allowed(source, claim.address):
            return Refusal("forbidden_address", ["This address is not on the traffic source's list."])

        source_id = named.id if named else claim.source_id
        if endpoint.test_mode or not claim.wants_test:
            return Admitted(source=source, source_id=source_id, test=endpoint.test_mode)
        if is_operator or (named is not None and named.test_allowed):
            return Admitted(source=source, source_id=source_id, test=True)
        return Refusal("unauthorized", ["A test needs the operator's token, or that of a source that may test."])

    def owner_of(self, own_number: str) -> str:
        """The traffic source that a publisher's number is listed for; "" where it is listed for none."""
        listed = self._static_numbers.get(own_number)
        return listed.traffic_source if listed else ""

    def foreign_number(self, source_id: str, own_number: str) -> Refusal | None:
        """The refusal of a publisher's number that the catalog lists for another traffic source."""
        listed = self._static_numbers.get(own_number)
        if listed is None or source_id in ("", listed.traffic_source):
            return None
        sentence = "trackdrive_number is not one of the numbers of this traffic source."
        return Refusal("invalid", {"trackdrive_number": [sentence]})

    def _address_allowed(self, source: Source, address: str) -> bool:
        networks = self._networks.get(source.id)
        if networks is None:
            return True
        try:
            client = ip_address(address)
        except ValueError:
            return False
        return any(client in network for network in networks)


def _digest_of(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def same_token(sent: str, expected: str | None) -> bool:
    """Whether a token is the one of an operator or an edge, in constant time."""
    return expected is not None and hmac.compare_digest(sent.encode("utf-8", "replace"), expected.encode())
