"""Dedup marks: what a contract remembers of the people it bought, as keyed hashes of SHA-256 only."""

from collections.abc import Callable
from hashlib import sha256

from service.model.catalog import Contract, Value
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


def _sha256_of(field: str, lead: Lead) -> str:
    value = lead.get(field)
    if value is None:
        return str(lead.get(f"{field}_sha256") or "")
    return sha256(_text_of(value).encode()).hexdigest()


def _text_of(value: Value) -> str:
    """What a publisher would hash: a phone's digits without the plus, an e-mail in lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value[:1] == "+" and value[1:].isdigit():
        return value[1:]
    return str(value).lower()
