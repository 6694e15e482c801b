"""The people that operators suppressed at run time: a worker's copy of what Redis keeps, as keyed hashes alone."""

from collections.abc import Callable, Collection, Iterable, Mapping

from service.model.catalog import Value
from service.model.hashes import SUFFIX, sha256_of

EVERYWHERE = "*"
"""The account's own list: no catalog names it, and it keeps a person from everyone."""
NO_LISTS: frozenset[str] = frozenset()
HASH_BYTES = 16

HashOf = Callable[[bytes], str]


def person_hash(hash_of: HashOf, sha256: str) -> bytes:
    """Of a telephone number or an e-mail address, by its SHA-256: no list says which of the two it holds."""
    return bytes.fromhex(hash_of(f"person={sha256}".encode()))


class People:
    """Who is on which list. One for the life of a worker; it changes in place, between two requests."""

    def __init__(self, hash_of: HashOf) -> None:
        self._hash_of = hash_of
        self._lists: dict[str, set[bytes]] = {}
        """None of them is empty: while nobody is suppressed a lead is asked nothing."""

    def __bool__(self) -> bool:
        return bool(self._lists)

    def counts(self) -> dict[str, int]:
        return {name: len(hashes) for name, hashes in sorted(self._lists.items())}

    def lists_of(self, lead: Mapping[str, Value], contacts: Iterable[str]) -> frozenset[str]:
        """The lists that a lead is on by any of these fields, in clear or as `<field>_sha256`."""
        found = NO_LISTS
        for field in contacts:
            value = lead.get(field)
            sha256 = lead.get(field + SUFFIX) if value is None else sha256_of(value)
            if sha256:
                person = person_hash(self._hash_of, str(sha256))
                found |= {name for name, hashes in self._lists.items() if person in hashes}
        return found

    def replace(self, lists: Mapping[str, set[bytes]]) -> None:
        self._lists = {name: hashes for name, hashes in lists.items() if hashes}

    def add(self, name: str, hashes: Collection[bytes]) -> None:
        if hashes:
            self._lists.setdefault(name, set()).update(hashes)

    def remove(self, name: str, hashes: Collection[bytes]) -> None:
        left = self._lists.get(name, set())
        left.difference_update(hashes)
        if not left:
            self._lists.pop(name, None)


NOBODY = People(lambda _: "")
"""Of a snapshot that serves no one yet."""
