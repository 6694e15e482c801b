"""Whom the suppression lists take a lead from, by the lead's telephone number or its SHA-256."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from msgspec import Struct

from service.match.masks import mask_of
from service.model.catalog import Catalog, Contract, Offer, SuppressionList, Value
from service.model.fields import CALLER_ID, lead_fields
from service.model.hashes import SUFFIX, can_be_hashed, sha256_of


class Suppressions(Struct):
    """The lists of one offer."""

    any_list: bool
    everyone: int
    hashed: bool
    """Whether a number may come as its SHA-256."""
    whole: tuple[frozenset[str], ...]
    """Numbers nobody on the offer may have."""
    whole_hashed: frozenset[bytes]
    by_number: dict[str | bytes, int]
    """A number, or a hash of one, to its place in `masks`: many numbers share the few sets of buyers they are kept
    from."""
    masks: tuple[int, ...]
    by_list: dict[str, tuple[int, bool]]
    """The lines that a list keeps its people from, and whether these are the whole offer: for people who are put on it
    at run time."""

    def mask_of_lists(self, on_lists: Iterable[str]) -> int:
        """Lines that may not have a person of these lists. A list that the catalog does not name any more takes its
        people from all: who was suppressed is not sold because somebody renamed a table."""
        mask = 0
        for name in on_lists:
            mask |= self.by_list.get(name, (self.everyone, True))[0]
        return mask

    def mask(self, values: Mapping[str, Value]) -> int:
        """Lines that may not have this lead, by the catalog's own numbers."""
        number = number_of(values, hashed=self.hashed)
        if number is None:
            return 0
        if self._takes_from_all(number):
            return self.everyone
        place = self.by_number.get(number)
        return 0 if place is None else self.masks[place]

    def takes_lead(self, values: Mapping[str, Value], on_lists: Iterable[str]) -> bool:
        """Whether nobody on the offer may have this lead."""
        if any(self.by_list.get(name, (0, True))[1] for name in on_lists):
            return True
        number = number_of(values, hashed=self.hashed)
        return number is not None and self._takes_from_all(number)

    def _takes_from_all(self, number: str | bytes) -> bool:
        return number in self.whole_hashed or any(number in numbers for numbers in self.whole)


def applies_to_all(listed: SuppressionList, offer_id: str) -> bool:
    """Whether a list keeps its numbers from the whole offer."""
    return listed.buyers is None and _covers(listed, offer_id)


def applies_to(listed: SuppressionList, contract: Contract) -> bool:
    """Whether a list keeps its numbers from a contract."""
    return _covers(listed, contract.offer) and (listed.buyers is None or contract.buyer_id in listed.buyers)


def may_come_hashed(offer: Offer) -> bool:
    """Whether a lead of the offer may bring the SHA-256 of its number instead of the number: personal fields may."""
    return any(field.name == CALLER_ID.name and can_be_hashed(field) for field in lead_fields(offer))


def number_of(values: Mapping[str, Value], *, hashed: bool) -> str | bytes | None:
    """The lead's number, or its digest where it was sent hashed; None where there is neither."""
    caller_id = values.get("caller_id")
    if isinstance(caller_id, str):
        return caller_id
    digest = values.get(CALLER_ID.name + SUFFIX) if hashed else None
    if not isinstance(digest, str):
        return None
    try:
        return bytes.fromhex(digest)
    except ValueError:
        return None


def hash_of(number: str) -> bytes:
    """The SHA-256 of a number, in the 32 bytes that take half the room of its digits."""
    return bytes.fromhex(sha256_of(number))


def suppressions_of(
    catalog: Catalog, offer_id: str, lines_of_buyers: Mapping[int, Iterable[int]], *, everyone: int
) -> Suppressions:
    """The lists as they concern an offer, whose buyers have these lines. Hashes are made only
    where the offer lets a number come hashed."""
    width = everyone.bit_length()
    hashed = may_come_hashed(catalog.offers[offer_id])
    lists = catalog.suppression_lists
    whole = tuple(listed.numbers for listed in lists if applies_to_all(listed, offer_id))
    kept_from: defaultdict[str, set[int]] = defaultdict(set)
    for listed in lists:
        if listed.buyers is not None and _covers(listed, offer_id):
            for number in listed.numbers:
                kept_from[number] |= listed.buyers & lines_of_buyers.keys()
    places: dict[frozenset[int], int] = {}
    by_number: dict[str | bytes, int] = {}
    for number, buyers in kept_from.items():
        if buyers:
            place = places.setdefault(frozenset(buyers), len(places))
            by_number[number] = place
            if hashed:
                by_number[hash_of(number)] = place
    return Suppressions(
        any_list=bool(whole or by_number),
        everyone=everyone,
        hashed=hashed,
        whole=whole,
        whole_hashed=frozenset(hash_of(number) for numbers in whole for number in numbers) if hashed else frozenset(),
        by_number=by_number,
        masks=tuple(mask_of((line for buyer in buyers for line in lines_of_buyers[buyer]), width) for buyers in places),
        by_list={listed.id: _reach_of(listed, offer_id, lines_of_buyers, everyone) for listed in lists},
    )


def _reach_of(
    listed: SuppressionList, offer_id: str, lines_of_buyers: Mapping[int, Iterable[int]], everyone: int
) -> tuple[int, bool]:
    if not _covers(listed, offer_id):
        return 0, False
    if listed.buyers is None:
        return everyone, True
    lines = (line for buyer in listed.buyers & lines_of_buyers.keys() for line in lines_of_buyers[buyer])
    return mask_of(lines, everyone.bit_length()), False


def _covers(listed: SuppressionList, offer_id: str) -> bool:
    return listed.offers is None or offer_id in listed.offers
