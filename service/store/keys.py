"""Every Redis key there is. Nobody else spells one.

All keys of an account share one hash tag, so that a script runs on one slot of a Redis Cluster. What can be built
ahead is built once per catalog and kept: a ping names some sixty keys.
"""

from hashlib import blake2b, sha256
from typing import Any, Literal, NamedTuple


class BuyerKeys(NamedTuple):
    leases: bytes
    slots: bytes


class PoolKeys(NamedTuple):
    pool: bytes
    lent: bytes
    retired: bytes


class Keys:
    """`account` names the hash tag; `secret` keys every hash of something personal."""

    def __init__(self, account: str, secret: bytes) -> None:
        self._tag = f"{{{account}}}:"
        # blake2b takes at most 64 bytes of key; a secret may be longer. Keyed once: half of a short hash's cost.
        self._hash = blake2b(digest_size=16, key=sha256(secret).digest())
        self._buyers: dict[int, BuyerKeys] = {}
        self._bought: dict[str, bytes] = {}
        self._pools: dict[str, PoolKeys] = {}
        self.candidates: dict[tuple[int, int, int, str], Any] = {}
        """Contracts as they were packed for scripts, by identity, room, price and terms: with a catalog's keys they
        come and go."""
        self.limits: dict[tuple[str, int], Any] = {}
        """Rate limits as they were packed, by endpoint and identity."""
        self.lots: dict[tuple[Any, ...], Any] = {}
        """The same of posts alike, by all that makes them so."""
        self._ping, self._test, self._shield = self._key("ping:"), self._key("test:"), self._key("shield:")
        self._sale = self._key("sale:")
        self.audit = self._key("audit")
        self.caps = self._key("caps")
        self.sales = self._key("sales")
        self.paused = self._key("paused")
        self.pauses = self._key("pauses")
        self.pools = self._key("pools")
        self.secret = self._key("secret")
        self.credits = self._key("credits")
        self.pendings = self._key("pendings")

    def forget(self) -> None:
        """Drops what was kept for a catalog; the next one builds its own."""
        self._buyers, self._bought, self._pools = {}, {}, {}
        self.candidates, self.limits, self.lots = {}, {}, {}

    def ping(self, decision_id: str, test: bool = False) -> bytes:
        return (self._test if test else self._ping) + decision_id.encode()

    def shield(self, fingerprint: str) -> bytes:
        return self._shield + fingerprint.encode()

    def sale(self, decision_id: str) -> bytes:
        return self._sale + decision_id.encode()

    def request(self, request_key: str) -> bytes:
        return self._key(f"request:{request_key}")

    def fields(self, fields_key: str) -> bytes:
        return self._key(f"fields:{fields_key}")

    def call(self, edge: str, call: str) -> bytes:
        # The edge's name is measured out, so that no two (edge, call) can spell the same key.
        return self._key(f"call:{len(edge)}:{edge}:{call}")

    def caller_name(self, number: str, caller_id: str) -> str:
        return f"{number}:{self.hash_of(caller_id)}"

    def caller(self, caller_name: str) -> bytes:
        return self._key(f"caller:{caller_name}")

    def rate(self, endpoint: str, scope: str, bucket: str) -> bytes:
        source = "source:" if scope == "traffic_source" else ""
        return self._key(f"rate:{endpoint}:{source}{bucket}" if source or bucket else f"rate:{endpoint}")

    def buyer(self, buyer_id: int) -> BuyerKeys:
        found = self._buyers.get(buyer_id)
        if found is None:
            found = BuyerKeys(self._key(f"leases:{buyer_id}"), self._key(f"slots:{buyer_id}"))
            self._buyers[buyer_id] = found
        return found

    def bought(self, contract_id: str) -> bytes:
        """Prefix of a contract's dedup marks; a mark's hash follows."""
        found = self._bought.get(contract_id)
        if found is None:
            found = self._bought[contract_id] = self._key(f"bought:{contract_id}:")
        return found

    def balance(self, buyer_id: int) -> bytes:
        return self._key(f"balance:{buyer_id}")

    def reserved(self, buyer_id: int) -> bytes:
        return self._key(f"reserved:{buyer_id}")

    def pending(self, contract_id: str) -> bytes:
        return self._key(f"pending:{contract_id}")

    def converted(self, sale: str) -> bytes:
        return self._key(f"converted:{sale}")

    def returned(self, sale: str) -> bytes:
        return self._key(f"returned:{sale}")

    def exclusive(self, name: str) -> bytes:
        """The mark of an offer that it sold a person exclusively; its name is the offer's and the person's hash."""
        return self._key(f"exclusive:{name}")

    def pool(self, pool_id: str) -> PoolKeys:
        found = self._pools.get(pool_id)
        if found is None:
            found = PoolKeys(*(self._key(f"{kind}:{pool_id}") for kind in ("pool", "lent", "retired")))
            self._pools[pool_id] = found
        return found

    def stream(self, name: Literal["sales", "audit"]) -> bytes:
        return self.sales if name == "sales" else self.audit

    def hash_of(self, text: str | bytes) -> str:
        """Keyed: a number has too few digits for a bare hash to hide it."""
        keyed = self._hash.copy()
        keyed.update(text.encode() if isinstance(text, str) else text)
        return keyed.hexdigest()

    def _key(self, rest: str) -> bytes:
        return (self._tag + rest).encode()
