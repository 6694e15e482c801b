"""The ids that stand in a catalog, read before everything else so that any table may refer to any other."""

from msgspec import Struct

from service.catalog.documents import Documents


class Names(Struct, frozen=True):
    """Ids as written, of wrong things too: a reference to a wrong thing is no second mistake."""

    offers: frozenset[str]
    endpoints: frozenset[str]
    pools: frozenset[str]
    rate_limiters: frozenset[str]
    sources: frozenset[str]
    buyers: frozenset[int]


def read_names(documents: Documents) -> Names:
    def texts(table: str, key: str) -> frozenset[str]:
        return frozenset(value for value in _ids(documents, table, key) if isinstance(value, str))

    return Names(
        offers=texts("offers", "id"),
        endpoints=texts("endpoints", "vanity_uri"),
        pools=texts("ring_pools", "id"),
        rate_limiters=texts("rate_limiters", "id"),
        sources=texts("traffic_sources", "id"),
        buyers=frozenset(
            value for value in _ids(documents, "buyers", "id") if isinstance(value, int) and not isinstance(value, bool)
        ),
    )


def _ids(documents: Documents, table: str, key: str) -> list[object]:
    ids = []
    for document in documents.files:
        raws = document.tables.get(table)
        # Whatever is not a list of tables is told when the tables themselves are read.
        ids += [raw.get(key) for raw in raws if isinstance(raw, dict)] if isinstance(raws, list) else []
    return ids
