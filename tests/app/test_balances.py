"""What buyers have paid in, as operators see and enter it."""

import asyncio
from typing import Any

import pytest

from tests.app.calling import sales
from tests.app.catalogs import buyer, catalog, contract, endpoint
from tests.app.conftest import Serve
from tests.app.served import Json, Served

PREPAID = catalog(endpoint(), buyer(1, contract(25.00), balance_required=True), buyer(2, contract(20.00)))


async def entered(served: Served, amount: object, key: str = "k1", buyer_id: int = 1, **more: Any) -> tuple[int, Json]:
    asked = {"amount": amount, "key": key, "reason": "wire", **more}
    return await served.admin("POST", f"buyers/{buyer_id}/balance", json=asked)


async def balance(served: Served, buyer_id: int = 1) -> float:
    http, said = await served.admin("GET", f"buyers/{buyer_id}/balance")
    assert http == 200
    return float(said["balance"])


async def test_a_top_up_is_there_at_once_and_on_record(serve: Serve) -> None:
    served = await serve(PREPAID)
    assert await served.admin("GET", "buyers/1/balance") == (
        200,
        {
            "success": True, "status": "success", "buyer_id": 1, "balance": 0.0, "reserved": 0.0,
            "balance_required": True,
        },
    )  # fmt: skip
    http, said = await entered(served, "500.000001")
    assert (http, said["balance"], "repeat" in said) == (200, 500.000001, False)
    (event,) = sales(served)
    assert int(event.pop("at_ms")) > 0
    assert event == {
        "event": "credited", "buyer": "1", "amount_micros": "500000001", "key": "k1", "kind": "top_up",
        "reason": "wire", "by": "operator",
    }  # fmt: skip


async def test_a_key_counts_once_however_often_and_at_once(serve: Serve) -> None:
    served = await serve(PREPAID)
    told = await asyncio.gather(*(entered(served, 100) for _ in range(20)))
    assert {http for http, _ in told} == {200}
    assert sum("repeat" not in said for _, said in told) == 1
    assert await balance(served) == 100
    assert len(sales(served)) == 1


@pytest.mark.parametrize(("amount", "buyer_id"), [(101, 1), (100, 2)])
async def test_a_key_with_another_amount_or_buyer_is_a_conflict(serve: Serve, amount: int, buyer_id: int) -> None:
    served = await serve(PREPAID)
    await entered(served, 100)
    before = served.contents()
    http, said = await entered(served, amount, buyer_id=buyer_id)
    assert (http, said["status"]) == (409, "conflict")
    assert served.contents() == before


async def test_a_correction_takes_away_and_never_below_nothing(serve: Serve) -> None:
    served = await serve(PREPAID)
    await entered(served, 100)
    assert (await entered(served, -30, "k2", kind="correction"))[1]["balance"] == 70
    http, said = await entered(served, "-70.000001", "k3", kind="correction")
    assert (http, list(said["errors"])) == (422, ["amount"])
    assert (await entered(served, -70, "k3", kind="correction"))[1]["balance"] == 0


async def test_a_balance_never_leaves_what_an_account_may_hold(serve: Serve) -> None:
    served = await serve(PREPAID)
    assert (await entered(served, 1_000_000_000))[0] == 200
    http, said = await entered(served, "0.000001", "k2")
    assert (http, list(said["errors"])) == (422, ["amount"])


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({}, ["amount", "key", "reason"]),
        ({"amount": 0}, ["amount", "key", "reason"]),
        ({"amount": -5, "key": "k", "reason": "r"}, ["amount"]),
        ({"amount": "1e400", "key": "k" * 101, "reason": "r" * 501}, ["amount", "key", "reason"]),
        ({"amount": True, "key": [], "reason": " "}, ["amount", "key", "reason"]),
        ({"amount": "1" * 41, "key": "k", "reason": "r", "kind": "gift"}, ["amount", "kind"]),
    ],
)
async def test_all_that_is_wrong_with_an_entry_is_told(serve: Serve, asked: Json, wrong: list[str]) -> None:
    served = await serve(PREPAID)
    http, said = await served.admin("POST", "buyers/1/balance", json=asked)
    assert (http, sorted(said["errors"])) == (422, wrong)
    assert await balance(served) == 0


@pytest.mark.parametrize("buyer_id", ["9", "x", "1.0", "9" * 40])
async def test_nobody_else_has_a_balance(serve: Serve, buyer_id: str) -> None:
    served = await serve(PREPAID)
    assert (await served.admin("GET", f"buyers/{buyer_id}/balance"))[0] == 404
    assert (await served.admin("POST", f"buyers/{buyer_id}/balance", json={}))[0] == 404


async def test_a_buyer_can_pay_before_its_catalog_asks_for_a_balance(serve: Serve) -> None:
    served = await serve(PREPAID)
    assert (await entered(served, 40, buyer_id=2))[1]["balance_required"] is False
    assert await balance(served, 2) == 40
