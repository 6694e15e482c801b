"""A phone switch as tests play it: one edge, its calls, and how time passes for what it holds."""

from typing import Any

from tests.app.served import ACCOUNT, CALLER, Json, Served

EDGE = "edge-1"


async def sold(served: Served, uri: str = "calls", /, **fields: Any) -> Json:
    """The answer of a post-only that must sell."""
    _, said = await served.post(uri, **{"caller_id": CALLER} | fields)
    assert said["status"] == "success", said
    return said


async def ring(served: Served, number: str, call: str = "call-1", **more: Any) -> Json:
    """Asks where a call on a number goes; the answer, which must be a 200."""
    asked = {"edge": EDGE, "call": call, "tracking_number": number, "caller_id": CALLER, "attempt": 0}
    http, said = await served.route(**asked | more)
    assert http == 200, said
    return said


async def tell(served: Served, event: str, call: str = "call-1", **more: Any) -> str:
    """Reports an event of a call; what was made of it."""
    http, said = await served.event(**{"event": event, "edge": EDGE, "call": call} | more)
    assert (http, said["success"], said["status"]) == (200, True, "success"), said
    taken: str = said["taken"]
    return taken


def lapse(served: Served, decision_id: str, buyer_id: int) -> None:
    """The slot of a sale, and the life of its call, as if their time were over."""
    past_ms = now_ms(served) - 1
    for kind in ("leases", "slots"):
        assert served.redis.zadd(_key(f"{kind}:{buyer_id}"), {decision_id: past_ms}, xx=True, ch=True) == 1
    served.redis.hset(_key(f"sale:{decision_id}"), "live_until_ms", past_ms)


def lease_ms(served: Served, decision_id: str, buyer_id: int) -> int:
    """How long a sale's slot still lives."""
    until_ms: Any = served.redis.zscore(_key(f"slots:{buyer_id}"), decision_id)
    assert until_ms is not None
    return int(until_ms) - now_ms(served)


def now_ms(served: Served) -> int:
    told: Any = served.redis.time()
    seconds, micros = told
    return int(seconds * 1000 + micros // 1000)


def sales_events(served: Served) -> list[str]:
    """What the sales stream tells, oldest first."""
    return [fields["event"] for fields in sales(served)]


def sales(served: Served) -> list[dict[str, str]]:
    """The sales stream, oldest first."""
    entries: Any = served.redis.xrange(_key("sales"))
    return [dict(fields) for _, fields in entries]


async def pool(served: Served) -> tuple[int, int, int]:
    """Free, lent and cooling numbers of the ring pool."""
    _, said = await served.admin("GET", "status")
    (one,) = said["pools"]
    return one["free"], one["lent"], one["cooling"]


async def sold_today(served: Served, buyer_id: int) -> int:
    """What the day's cap of a buyer's one contract counts."""
    _, said = await served.admin("GET", "status")
    (contract,) = next(buyer["contracts"] for buyer in said["buyers"] if buyer["buyer_id"] == buyer_id)
    return next(int(cap["sold"]) for cap in contract["caps"] if cap["per"] == "day")


def _key(name: str) -> str:
    return f"{{{ACCOUNT}}}:{name}"
