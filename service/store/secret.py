"""The secret that a Redis knows: hashes made with another one would find nothing."""

from service.errors import StoreUnfit
from service.store.runner import Runner

CONSTANT = "pingpost"
"""Its keyed hash tells one secret from another and gives none away."""


async def stands(runner: Runner) -> bool:
    """Whether a fingerprint is there: where it is gone, so is everything else."""
    (count,) = await runner.read([("EXISTS", runner.keys.secret)])
    return bool(count)


async def claim(runner: Runner) -> None:
    """Leaves the fingerprint of our secret where there is none. Raises StoreUnfit where there is another's."""
    keys = runner.keys
    ours = keys.hash_of(CONSTANT)
    (known,) = await runner.read([("GET", keys.secret)])
    if known is None:
        _, known = await runner.read([("SET", keys.secret, ours, "NX"), ("GET", keys.secret)])
    if known != ours.encode():
        raise StoreUnfit(
            "This Redis keeps hashes made with another PINGPOST_SECRET; give that one back, or delete the key "
            f"{keys.secret.decode()} and all dedup marks and callers known so far are not found again."
        )
