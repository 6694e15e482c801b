"""Tokens that traffic sources and buyers are known by; the catalog has only their digests."""

from service.catalog.checks import sha256, text
from service.catalog.mistake import Spot
from service.catalog.table import Key, Unique, is_whole, read_table, tables_in
from service.model.catalog import AuthToken

AUTH_TOKEN = {"name": Key(text, required=True), "sha256": Key(sha256, required=True)}


def read_tokens(raw: object, spot: Spot, digests: Unique) -> tuple[AuthToken, ...]:
    """Each digest claims its place in the whole catalog: it names one source or one buyer."""
    tokens = []
    for table, place in tables_in(raw, spot):
        kept = read_table(table, place, AUTH_TOKEN)
        if "sha256" in kept:
            digests.claim(kept["sha256"], place.at("sha256"))
        if is_whole(kept, AUTH_TOKEN):
            tokens.append(AuthToken(**kept))
    return tuple(tokens)
