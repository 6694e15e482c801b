"""Marks: what a contract remembers of the people it bought, and an offer of those whom it sold exclusively, as keyed
hashes of SHA-256 only."""

from collections.abc import Callable

from service.model.catalog import Contract
from service.model.distribution import Exclusivity
from service.model.hashes import SUFFIX, sha256_of
from service.model.lead import Lead


def marks_of(contract: Contract, lead: Lead, hash_of: Callable[[str], str]) -> list[str]:
    """One hash per group of `dedup_on` whose fields are all there, in clear or as `<field>_sha256`."""
    if not contract.dedup_days:
        return []
    found = []
    for group in contract.dedup_on:
        parts = [_sha256_of(field, lead) for field in group]
        if all(parts):
            found.append(hash_of("|".join(f"{field}={part}" for field, part in zip(group, parts, strict=True))))
    return found


def exclusive_names(exclusivity: Exclusivity, lead: Lead, hash_of: Callable[[str], str]) -> list[str]:
    """Names of the marks by which an offer knows a person again: one for each field that is there."""
    parts = ((field, _sha256_of(field, lead)) for field in exclusivity.fields)
    return [f"{exclusivity.offer}:{hash_of(f'{field}={part}')}" for field, part in parts if part]


def person_of(lead: Lead, hash_of: Callable[[str], str]) -> str | None:
    """One hash of the caller, the same whether the number came in clear or as its SHA-256; None where none came."""
    sha256 = _sha256_of("caller_id", lead)
    return hash_of(f"caller_id={sha256}") if sha256 else None


def _sha256_of(field: str, lead: Lead) -> str:
    value = lead.get(field)
    if value is None:
        return str(lead.get(field + SUFFIX) or "")
    return sha256_of(value)
