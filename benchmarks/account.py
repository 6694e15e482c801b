"""The account in Redis that benchmarks live in: taken only where it is empty, and wiped afterwards."""

from typing import Any

from redis import Redis

from benchmarks.worlds import ACCOUNT

PAGE = 1_000
_KEYS = f"{{{ACCOUNT}}}:*"


class AccountInUse(Exception):
    """There is something in the account already, which might be somebody's."""


def connect(url: str) -> "Redis":
    """A plain connection, for looking and for wiping."""
    client: Redis = Redis.from_url(url)
    return client


def refuse_unless_empty(client: "Redis") -> None:
    """Raises AccountInUse where Redis has any key of the account."""
    found = next(iter(client.scan_iter(match=_KEYS, count=PAGE)), None)
    if found is not None:
        raise AccountInUse(
            f"The account {ACCOUNT!r} of this Redis is not empty (it has {found.decode()!r}). Benchmarks "
            "wipe it when they end, so they begin only in an empty one: give another Redis, or none for one of theirs."
        )


def wipe(client: "Redis") -> None:
    """Removes every key of the account, and no other."""
    page: list[Any] = []
    for key in client.scan_iter(match=_KEYS, count=PAGE):
        page.append(key)
        if len(page) == PAGE:
            client.unlink(*page)
            page = []
    if page:
        client.unlink(*page)
