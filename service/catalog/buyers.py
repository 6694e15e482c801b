"""Buyers with their contracts, and the offers' default buyers."""

from collections.abc import Mapping

from msgspec.structs import replace

from service.catalog.checks import destination, flag, known, text, timezone, whole
from service.catalog.contracts import Party, contract_keys, read_contract
from service.catalog.documents import Documents
from service.catalog.mistake import Spot, shown
from service.catalog.names import Names
from service.catalog.offers import Vocabulary
from service.catalog.table import Key, Table, Unique, as_is, is_whole, read_table, tables_in
from service.catalog.tokens import read_tokens
from service.model.catalog import Buyer, Contract, Offer
from service.model.distribution import modes_of, price_in
from service.model.money import units_of

BUYER_ID_MAX = 2**53  # what a script in Lua and a reader in JavaScript still count exactly
CONCURRENCY_CAP_MAX = 10**6
CONTRACTS_MAX = 100_000

BUYER = {
    "id": Key(whole(1, BUYER_ID_MAX), required=True),
    "name": Key(text, required=True),
    "auth_tokens": Key(as_is),
    "destination": Key(destination),
    "timezone": Key(timezone),
    "concurrency_cap": Key(whole(0, CONCURRENCY_CAP_MAX)),
    "concurrency_cap_buffer_percent": Key(whole(0, 100)),
    "balance_required": Key(flag),
    "paused": Key(flag),
    "contracts": Key(as_is),
}


class BuyersReader:
    """Reads the buyers of a catalog whose offers are read; ids are unique over all of its files."""

    def __init__(
        self,
        names: Names,
        offers: Mapping[str, Offer],
        vocabularies: Mapping[str, Vocabulary],
        own_numbers: Unique,
        digests: Unique,
    ) -> None:
        """`own_numbers`: those at which calls arrive here. `digests`: of the tokens of traffic sources."""
        self._offers = offers
        self._own_numbers = own_numbers
        self._digests = digests
        self._vocabularies = vocabularies
        self._keys = contract_keys(names)
        self._buyer_ids = Unique("the id")
        self._contract_ids = Unique("the id")
        self._contracts = 0

    def read(self, raw: Table, spot: Spot, files: Documents, account_timezone: str) -> Buyer | None:
        """The buyer with those of its contracts that are right; None where its id or name is wrong."""
        kept = read_table(raw, spot, BUYER)
        kept.setdefault("timezone", account_timezone)
        if "id" in kept:
            self._buyer_ids.claim(kept["id"], spot.at("id"))
        tokens = read_tokens(kept.pop("auth_tokens", []), spot.at("auth_tokens"), self._digests)
        party = Party(kept.get("id", 0), kept["timezone"], self._keys, self._vocabularies, files)
        contracts = self._read_contracts(kept.pop("contracts", []), spot.at("contracts"), party)
        if "destination" not in raw and any(self._is_call(contract.offer) for contract in contracts):
            spot.at("destination").wrong("is missing, with a contract on a call offer")
        arrives = self._own_numbers.place_of(kept.get("destination"))
        if arrives is not None:
            said = f"{shown(raw['destination'])} is a number of {arrives.file}: {arrives.path}"
            spot.at("destination").wrong(f"{said}; its calls would come back here")
        return Buyer(**kept, auth_tokens=tokens, contracts=tuple(contracts)) if is_whole(kept, BUYER) else None

    def _read_contracts(self, raw: object, spot: Spot, party: Party) -> list[Contract]:
        tables = list(tables_in(raw, spot))
        self._contracts += len(tables)
        if self._contracts > CONTRACTS_MAX:
            spot.wrong(f"goes beyond the {CONTRACTS_MAX} contracts a catalog may hold")
            return []
        offers = [str(table.get("offer")) for table, _ in tables]
        twice = {offer for offer in offers if offers.count(offer) > 1} if len(offers) > 1 else set()
        contracts = []
        for (table, place), offer in zip(tables, offers, strict=True):
            contract = read_contract(table, place, party)
            if offer in twice and "id" not in table:
                place.at("id").wrong(f"is missing, with two contracts on {offer}")
            elif contract is not None:
                self._contract_ids.claim(contract.id, place.at("id") if "id" in table else place)
            if contract is not None:
                contracts.append(contract)
        return contracts

    def _is_call(self, offer: str) -> bool:
        return offer in self._offers and self._offers[offer].delivery == "call"


def with_default_buyer(offer: Offer, raw: Table, spot: Spot, names: Names, buyers: Mapping[int, Buyer]) -> Offer:
    """The offer with its default buyer, who must have a contract on it whose bid is not below its floor."""
    if "default_buyer" not in raw:
        return offer
    place = spot.at("default_buyer")
    buyer_id = known("a buyer", names.buyers)(raw["default_buyer"], place)
    if not isinstance(buyer_id, int):
        return offer
    buyer = buyers.get(buyer_id)
    if buyer is None:
        return offer
    contract = next((contract for contract in buyer.contracts if contract.offer == offer.id), None)
    if contract is None:
        place.wrong(f"{shown(buyer_id)} has no contract on {offer.id}")
    elif (price_micros := price_in(contract, modes_of(offer)[-1])) < offer.floor_micros:
        # It stands behind the last mode that is tried.
        bid, floor = units_of(price_micros), units_of(offer.floor_micros)
        place.wrong(f"{shown(buyer_id)} bids {bid:.2f}, below the floor {floor:.2f} of {offer.id}")
    return replace(offer, default_buyer=buyer_id)
