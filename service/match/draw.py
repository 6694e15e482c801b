"""The draw among contracts with the same bid and tier.

Every contract draws -ln(u) / weight and the smallest goes first (exponential order statistics): the first place falls
to each in proportion to its weight, and so does every further place among those left. u is a hash of the decision and
the contract alone, so that a decision can be drawn again, and who else takes part changes nobody's number.
"""

from hashlib import blake2b
from math import log

DECISION_DIGITS = 16
_MASK = (1 << 64) - 1
# The two multipliers of the finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB


def seed_of_contract(contract_id: str) -> int:
    """64 bits that tell contracts apart."""
    return int.from_bytes(blake2b(contract_id.encode(), digest_size=8).digest())


def seed_of_decision(decision_id: str) -> int:
    """64 bits of a decision's id; ValueError where it does not begin with hex digits."""
    return int(decision_id[:DECISION_DIGITS], 16)


def ticket(decision_seed: int, contract_seed: int, weight: int) -> float:
    """A contract's place in a draw: smaller goes first. `weight` is above 0."""
    mixed = decision_seed ^ contract_seed
    mixed = ((mixed ^ (mixed >> 30)) * _MIX_1) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * _MIX_2) & _MASK
    mixed ^= mixed >> 31
    return -log(((mixed >> 11) + 1) * 2.0**-53) / weight
