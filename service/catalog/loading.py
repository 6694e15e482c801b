"""From TOML files to a frozen catalog, or to the list of all their mistakes."""

from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec.structs import replace

from service.catalog.buyers import BuyersReader, with_default_buyer
from service.catalog.checks import currency, did_you_mean, identifier, timezone
from service.catalog.documents import Documents
from service.catalog.endpoints import (
    endpoint_keys,
    read_endpoint,
    read_rate_limiter,
    read_ring_pool,
    read_static_number,
)
from service.catalog.mistake import Mistake
from service.catalog.names import Names, read_names
from service.catalog.notices import notices_on
from service.catalog.offers import Vocabulary, read_offer
from service.catalog.sources import read_source, read_suppression_list, source_keys
from service.catalog.table import Key, Unique, is_whole, read_table
from service.model.catalog import (
    Account,
    Buyer,
    Catalog,
    Endpoint,
    Offer,
    RateLimiter,
    RingPool,
    Source,
    StaticNumber,
    SuppressionList,
)

VERSION_LENGTH = 12

TABLES = (
    "account", "offers", "endpoints", "rate_limiters", "ring_pools", "static_numbers", "traffic_sources", "buyers",
    "suppression_lists",
)  # fmt: skip
ACCOUNT = {"id": Key(identifier, required=True), "timezone": Key(timezone), "currency": Key(currency)}


def load(path: Path) -> Catalog | list[Mistake]:
    """The catalog of a folder's *.toml files, or of one file; else all mistakes in it, file by file.

    Never raises for what stands in the files, nor for files that cannot be read.
    """
    documents = Documents(path)
    if documents.mistakes:
        # A file that cannot be read may hold what others refer to: to check these would tell mistakes that are none.
        return documents.mistakes
    catalog = _Reader(documents).catalog()
    if documents.mistakes:
        return sorted(documents.mistakes, key=lambda mistake: mistake.file)
    catalog = replace(catalog, version=version_of(catalog))
    return replace(catalog, notices=notices_on(catalog))


def version_of(catalog: Catalog) -> str:
    """A hash of what the catalog says: comments, spacing, the order of keys and the writing of a value (20 or "20.00")
    do not change it; the order of offers, buyers and contracts does."""
    content = [
        catalog.account,
        *(
            list(things.values())
            for things in (
                catalog.offers,
                catalog.endpoints,
                catalog.rate_limiters,
                catalog.pools,
                catalog.static_numbers,
                catalog.sources,
                catalog.buyers,
            )
        ),
        catalog.suppression_lists,
    ]
    return sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:VERSION_LENGTH]


class _Reader:
    """Reads the tables in the order in which they refer to each other."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._names: Names = read_names(documents)

    def catalog(self) -> Catalog:
        self._check_tables()
        account = self._account()
        offers, vocabularies = self._offers()
        pools, pool_numbers = self._pools()
        endpoints = self._endpoints(offers)
        digests = Unique("the token")
        sources = self._sources(digests)
        rate_limiters = self._rate_limiters()
        static_numbers = self._static_numbers(endpoints, pool_numbers)
        buyers = self._buyers(account, BuyersReader(self._names, offers, vocabularies, pool_numbers, digests))
        return Catalog(
            version="",
            account=account,
            offers=self._default_buyers(offers, buyers),
            endpoints=endpoints,
            rate_limiters=rate_limiters,
            pools=pools,
            static_numbers=static_numbers,
            sources=sources,
            buyers=buyers,
            suppression_lists=self._suppression_lists(),
        )

    def _check_tables(self) -> None:
        for document in self._documents.files:
            for name in document.tables:
                if name not in TABLES:
                    document.spot.at(name).wrong(f"is not a known table{did_you_mean(name, TABLES)}")

    def _account(self) -> Account:
        account: Account | None = None
        once = Unique("a table")
        for document in self._documents.files:
            place = document.spot.at("account")
            if "account" in document.tables and once.claim("account", place):
                kept = read_table(document.tables["account"], place, ACCOUNT)
                account = Account(**kept) if is_whole(kept, ACCOUNT) else Account("", **kept)
        if account is None:
            self._documents.files[0].spot.at("account").wrong("is missing, here and in every other file")
        return account or Account("")

    def _offers(self) -> tuple[dict[str, Offer], dict[str, Vocabulary]]:
        offers: dict[str, Offer] = {}
        vocabularies: dict[str, Vocabulary] = {}
        ids = Unique("the id")
        for raw, spot in self._documents.each("offers"):
            offer, vocabulary = read_offer(raw, spot)
            offer_id = raw.get("id")
            if isinstance(offer_id, str) and ids.claim(offer_id, spot.at("id")):
                vocabularies[offer_id] = vocabulary
            if offer is not None:
                offers.setdefault(offer.id, offer)
        return offers, vocabularies

    def _default_buyers(self, offers: dict[str, Offer], buyers: dict[int, Buyer]) -> dict[str, Offer]:
        whole = dict(offers)
        for raw, spot in self._documents.each("offers"):
            offer = offers.get(str(raw.get("id")))
            if offer is not None:
                whole[offer.id] = with_default_buyer(offer, raw, spot, self._names, buyers)
        return whole

    def _pools(self) -> tuple[dict[str, RingPool], Unique]:
        pools: dict[str, RingPool] = {}
        ids, numbers = Unique("the id"), Unique("a number")
        for raw, spot in self._documents.each("ring_pools"):
            pool = read_ring_pool(raw, spot, numbers)
            if pool is not None and ids.claim(pool.id, spot.at("id")):
                pools[pool.id] = pool
        return pools, numbers

    def _endpoints(self, offers: dict[str, Offer]) -> dict[str, Endpoint]:
        endpoints: dict[str, Endpoint] = {}
        ids, keys = Unique("the vanity URI"), endpoint_keys(self._names)
        for raw, spot in self._documents.each("endpoints"):
            endpoint = read_endpoint(raw, spot, keys, offers)
            if endpoint is not None and ids.claim(endpoint.vanity_uri, spot.at("vanity_uri")):
                endpoints[endpoint.vanity_uri] = endpoint
        return endpoints

    def _sources(self, digests: Unique) -> dict[str, Source]:
        sources: dict[str, Source] = {}
        ids, keys = Unique("the id"), source_keys(self._names)
        for raw, spot in self._documents.each("traffic_sources"):
            source = read_source(raw, spot, keys, digests)
            if source is not None and ids.claim(source.id, spot.at("id")):
                sources[source.id] = source
        return sources

    def _rate_limiters(self) -> dict[str, RateLimiter]:
        limiters: dict[str, RateLimiter] = {}
        ids = Unique("the id")
        for raw, spot in self._documents.each("rate_limiters"):
            limiter = read_rate_limiter(raw, spot, self._names)
            if limiter is not None and ids.claim(limiter.id, spot.at("id")):
                limiters[limiter.id] = limiter
        return limiters

    def _static_numbers(self, endpoints: dict[str, Endpoint], numbers: Unique) -> dict[str, StaticNumber]:
        static_numbers: dict[str, StaticNumber] = {}
        for raw, spot in self._documents.each("static_numbers"):
            static = read_static_number(raw, spot, self._names, endpoints)
            # One number leads to one place: neither twice here nor into a ring pool.
            if static is not None and numbers.claim(static.number, spot.at("number")):
                static_numbers[static.number] = static
        return static_numbers

    def _buyers(self, account: Account, reader: BuyersReader) -> dict[int, Buyer]:
        buyers: dict[int, Buyer] = {}
        for raw, spot in self._documents.each("buyers"):
            buyer = reader.read(raw, spot, self._documents, account.timezone)
            if buyer is not None:
                buyers.setdefault(buyer.id, buyer)
        return buyers

    def _suppression_lists(self) -> tuple[SuppressionList, ...]:
        lists: dict[str, SuppressionList] = {}
        ids = Unique("the id")
        for raw, spot in self._documents.each("suppression_lists"):
            suppression = read_suppression_list(raw, spot, self._names)
            if suppression is not None and ids.claim(suppression.id, spot.at("id")):
                lists[suppression.id] = suppression
        return tuple(lists.values())
