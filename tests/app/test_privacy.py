"""Suppression lists and people who opted out: nothing of them is sold, and nothing of them is kept."""

from hashlib import sha256
from typing import Any

import pytest

from tests.app.catalogs import buyer, call_offer, catalog, contract, endpoint, field, table
from tests.app.conftest import Serve
from tests.app.served import ADMIN_TOKEN, CALLER, Json, Served, bearer, buyers, ping_id_of
from tests.waiting import within_a_second

LISTED = "+12125550000"
PERSON = {"caller_id": LISTED, "first_name": "Annabel", "email": "annabel@example.com", "request_id": "r-1"}
OFFER = call_offer(
    field("caller_id", "phone", personal=True),
    field("first_name", "text", personal=True),
    field("email", "email", personal=True),
)
TRACES = ("2125550000", "nnabel", sha256(b"12125550000").hexdigest())


def suppressing(applies_to: object = "all") -> str:
    return table("[suppression_lists]", id="dnc", applies_to=applies_to, numbers=[LISTED])


def traces(served: Served) -> list[str]:
    """Keys in which something of the person stands."""
    return [name for name, value in served.contents().items() if any(text in f"{name} {value}" for text in TRACES)]


@pytest.mark.parametrize("verb", ["ping", "post", "full"])
@pytest.mark.parametrize("fields", [{"opt_out": True}, {"opt_out": "1"}, {"opt_out": "true"}])
async def test_who_opts_out_is_sold_to_nobody_and_nothing_is_kept(serve: Serve, verb: str, fields: Json) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), concurrency_cap=5), offer=OFFER))
    for _ in range(2):
        http, said, _ = await served.lead(verb, "calls", PERSON | fields)
        assert (http, said["success"], said["status"], said["request_id"]) == (200, False, "suppressed", "r-1")
        assert isinstance(said["errors"], list)
    assert traces(served) == []
    assert not [name for name in served.key_names() if name.startswith(("leases", "slots", "ping", "sale", "shield"))]


@pytest.mark.parametrize("verb", ["ping", "post", "full"])
async def test_a_browser_can_opt_out_by_its_header(serve: Serve, verb: str) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00)), offer=OFFER))
    http, said, _ = await served.lead(verb, "calls", PERSON, headers={"Sec-GPC": "1"})
    assert (http, said["status"]) == (200, "suppressed")
    assert traces(served) == []
    assert (await served.lead(verb, "calls", PERSON, headers={"Sec-GPC": "0"})).json["status"] == "success"


async def test_the_traces_that_are_looked_for_are_those_that_a_lead_leaves(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00)), offer=OFFER))
    await served.ping(**PERSON)
    assert "audit" in traces(served)


async def test_an_opt_out_on_a_post_sells_nothing_of_its_ping(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00)), offer=OFFER))
    _, quoted = await served.ping()
    before = served.contents()
    http, said = await served.post(ping_id=ping_id_of(quoted, 1), opt_out=1, **PERSON)
    assert (http, said["status"]) == (200, "suppressed")
    assert served.contents() == before


async def test_an_opt_out_in_test_mode_keeps_nothing(serve: Serve) -> None:
    served = await serve(catalog(endpoint(test_mode=True), buyer(1, contract(25.00)), offer=OFFER))
    for verb in ("ping", "post", "full"):
        http, said, _ = await served.lead(verb, "calls", PERSON | {"opt_out": 1})
        assert (http, said["status"], said["test"]) == (200, "suppressed", True)
    assert traces(served) == []


# -- lists


@pytest.mark.parametrize("verb", ["ping", "post", "full"])
@pytest.mark.parametrize("applies_to", ["all", {"offers": ["calls"]}])
async def test_a_listed_number_is_suppressed_and_not_kept(serve: Serve, verb: str, applies_to: Any) -> None:
    served = await serve(catalog(endpoint(), suppressing(applies_to), buyer(1, contract(25.00)), offer=OFFER))
    http, said, _ = await served.lead(verb, "calls", PERSON)
    assert (http, said["success"], said["status"], said["request_id"]) == (200, False, "suppressed", "r-1")
    assert traces(served) == []
    assert (await served.lead(verb, "calls", PERSON | {"caller_id": CALLER, "request_id": "r-2"})).json["success"]


async def test_a_list_of_buyers_keeps_the_lead_from_them_alone(serve: Serve) -> None:
    two_buyers = buyer(1, contract(25.00)), buyer(2, contract(20.00))
    served = await serve(catalog(endpoint(), suppressing({"buyers": [1]}), *two_buyers, offer=OFFER))
    assert buyers((await served.ping(caller_id=LISTED))[1]) == [2]
    assert (await served.post(caller_id=LISTED))[1]["buyer_id"] == 2


async def test_the_default_buyer_does_not_take_a_suppressed_lead(serve: Serve) -> None:
    offer = call_offer(field("caller_id", "phone"), default_buyer=1)
    for applies_to in ("all", {"buyers": [1]}):
        served = await serve(catalog(endpoint(), suppressing(applies_to), buyer(1, contract(25.00)), offer=offer))
        assert (await served.ping(caller_id=LISTED))[1]["success"] is False


async def test_a_listed_number_is_known_by_its_hash(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), suppressing(), buyer(1, contract(25.00)), offer=OFFER))
    http, said = await served.ping(caller_id_sha256=TRACES[2])
    assert (http, said["status"]) == (200, "suppressed")
    assert traces(served) == []


async def test_a_listed_number_that_only_the_post_brings_is_suppressed(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), suppressing(), buyer(1, contract(25.00)), offer=OFFER))
    _, quoted = await served.ping(zip="10001")
    for ping_id in (ping_id_of(quoted, 1), quoted["try_all_buyers_ping_id"]):
        http, said = await served.post(ping_id=ping_id, **PERSON)
        assert (http, said["success"], said["status"]) == (200, False, "suppressed")
    assert traces(served) == []
    assert (await served.post(ping_id=ping_id_of(quoted, 1), caller_id=CALLER))[1]["success"] is True


async def test_a_list_of_buyers_holds_for_a_number_that_only_the_post_brings(serve: Serve) -> None:
    two_buyers = buyer(1, contract(25.00)), buyer(2, contract(20.00))
    served = await serve(catalog(endpoint(), suppressing({"buyers": [1]}), *two_buyers, offer=OFFER))
    _, quoted = await served.ping()
    assert (await served.post(ping_id=ping_id_of(quoted, 1), caller_id=LISTED))[1]["success"] is False
    assert (await served.post(ping_id=quoted["try_all_buyers_ping_id"], caller_id=LISTED))[1]["buyer_id"] == 2


async def test_a_test_says_that_a_lead_is_suppressed(serve: Serve) -> None:
    served = await serve(
        catalog(endpoint(test_mode=True), suppressing(), buyer(1, contract(25.00)), buyer(2, contract(20.00)))
    )
    _, said = await served.ping(caller_id=LISTED)
    assert (said["status"], said["test"]) == ("suppressed", True)
    assert [one["reason"] for one in said["diagnostics"]["contracts"]] == ["suppressed"] * 2


# -- lists of run time


async def told(served: Served, method: str, path: str = "suppressions", **body: Any) -> tuple[int, Json]:
    answer = await served.request(method, f"/admin/{path}", json=body, headers=bearer(ADMIN_TOKEN))
    return answer.http, answer.json


async def suppressed(served: Served, *others: Served, **body: Any) -> None:
    """Puts people on a list, and waits until these workers know it."""
    http, said = await told(served, "POST", **body)
    assert (http, said["changed"] > 0) == (200, True)
    await within_a_second(lambda: all(one.people for one in (served, *others)))


@pytest.mark.parametrize("verb", ["ping", "post", "full"])
@pytest.mark.parametrize(
    "sent",
    [{}, {"caller_id": None, "caller_id_sha256": TRACES[2]}, {"caller_id": CALLER, "email": "Annabel@Example.com"}],
)
async def test_who_is_suppressed_at_run_time_is_refused_and_not_kept(serve: Serve, verb: str, sent: Json) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00)), offer=OFFER))
    await suppressed(served, numbers=[LISTED], emails="ANNABEL@example.com", reason="asked by telephone")
    person = {name: value for name, value in (PERSON | sent).items() if value is not None}
    http, said, _ = await served.lead(verb, "calls", person)
    if verb == "ping" or "caller_id_sha256" not in person:  # a post needs the number itself
        assert (http, said["status"]) == (200, "suppressed")
    assert traces(served) == []
    other = {"caller_id": CALLER, "email": "bob@example.com"}
    assert (await served.lead(verb, "calls", other)).json["success"]


async def test_two_workers_refuse_who_was_suppressed_through_one(serve: Serve) -> None:
    told_catalog = catalog(endpoint(), buyer(1, contract(25.00)), offer=OFFER)
    first, second = await serve(told_catalog), await serve(told_catalog)
    assert (await second.ping(**PERSON))[1]["success"]
    await suppressed(first, second, numbers=LISTED)
    assert (await second.ping(**PERSON))[1]["status"] == "suppressed"
    assert await told(second, "DELETE", numbers=LISTED) == (
        200,
        {"success": True, "status": "success", "list": "*", "changed": 1},
    )
    await within_a_second(lambda: not first.people)
    assert (await first.ping(**PERSON | {"request_id": "r-2"}))[1]["success"]


async def test_a_list_of_the_catalog_grows_at_run_time_and_keeps_from_its_buyers(serve: Serve) -> None:
    two_buyers = buyer(1, contract(25.00)), buyer(2, contract(20.00))
    served = await serve(catalog(endpoint(test_mode=False), suppressing({"buyers": [1]}), *two_buyers, offer=OFFER))
    await suppressed(served, list="dnc", numbers=[CALLER])
    assert buyers((await served.ping(caller_id=CALLER))[1]) == [2]
    assert (await told(served, "POST", list="dno", numbers=[CALLER]))[0] == 422
    _, said = await told(served, "GET")
    assert {one["list"]: one["people"] for one in said["lists"]} == {"*": 0, "dnc": 1}
    _, said = await told(served, "POST", "suppressions/find", numbers=[CALLER])
    assert [one["list"] for one in said["lists"]] == ["dnc"]


async def test_people_of_a_list_that_left_the_catalog_are_kept_from_all(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), suppressing({"buyers": [1]}), buyer(1, contract(25.00)), offer=OFFER))
    await suppressed(served, list="dnc", numbers=[CALLER])
    (served.folder / "catalog.toml").write_text(catalog(endpoint(), buyer(2, contract(20.00)), offer=OFFER))
    assert (await served.admin("POST", "reload"))[0] == 200
    assert (await served.ping(caller_id=CALLER))[1]["status"] == "suppressed"
    _, said = await told(served, "GET")
    assert {one["list"]: one["in_catalog"] for one in said["lists"]} == {"*": False, "dnc": False}


async def test_who_is_suppressed_between_ping_and_post_or_call_is_not_sold(serve: Serve) -> None:
    own = endpoint("own", tracking="caller_number")
    served = await serve(catalog(endpoint(), own, buyer(1, contract(25.00)), offer=OFFER))
    _, quoted = await served.ping(caller_id=CALLER)
    await served.ping("own", caller_id=CALLER, trackdrive_number="+18885550000")
    await suppressed(served, numbers=[CALLER])
    http, said = await served.post(ping_id=ping_id_of(quoted, 1))
    assert (http, said["status"]) == (200, "suppressed")
    call = {"edge": "e", "call": "c", "tracking_number": "+18885550000", "caller_id": CALLER}
    assert (await served.route(**call))[1]["reason"] == "no_buyer_left"


async def test_a_test_names_the_list_that_somebody_was_put_on(serve: Serve) -> None:
    served = await serve(catalog(endpoint(test_mode=True), buyer(1, contract(25.00)), offer=OFFER))
    await suppressed(served, numbers=[CALLER])
    _, said = await served.ping(caller_id=CALLER)
    assert said["status"] == "suppressed"
    assert [(one["reason"], one["detail"]) for one in said["diagnostics"]["contracts"]] == [
        ("suppressed", {"list": "*"})
    ]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "numbers"),
        ({"numbers": ["12"]}, "numbers"),
        ({"emails": "nobody"}, "emails"),
        ({"numbers": [LISTED], "reason": "call of +1 212 555 0000"}, "reason"),
        ({"numbers": [LISTED], "reason": "x" * 61}, "reason"),
        ({"numbers": [f"+1212555{at:04}" for at in range(1001)]}, "numbers"),
    ],
)
async def test_what_is_no_person_is_refused_without_repeating_it(serve: Serve, body: Json, wrong: str) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00)), offer=OFFER))
    http, said = await told(served, "POST", **body)
    assert (http, list(said["errors"])) == (422, [wrong])
    assert "5550000" not in str(said)
