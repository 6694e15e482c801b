"""Endpoints that track calls by the publisher's own number and the caller."""

import pytest

from tests.app.catalogs import POOL, buyer, catalog, contract, endpoint, source, table
from tests.app.conftest import Serve
from tests.app.served import CALLER, Json, ping_id_of

OWN = "+18665550150"
BY_CALLER = endpoint(tracking="caller_number"), endpoint("pooled"), buyer(1, contract(25.00), concurrency_cap=5)


def listed(number: str, uri: str = "calls") -> str:
    return table("[static_numbers]", number=number, endpoint=uri, traffic_source="abc")


@pytest.mark.parametrize("verb", ["ping", "post", "full"])
async def test_the_publishers_number_and_the_caller_are_required(serve: Serve, verb: str) -> None:
    served = await serve(catalog(*BY_CALLER))
    fields: Json
    for fields, missing in (
        ({}, {"caller_id", "trackdrive_number"}),
        ({"caller_id": CALLER}, {"trackdrive_number"}),
        ({"trackdrive_number": OWN}, {"caller_id"}),
        ({"caller_id": CALLER, "trackdrive_number": ""}, {"trackdrive_number"}),
        ({"caller_id": CALLER, "trackdrive_number": "x"}, {"trackdrive_number"}),
    ):
        http, said, _ = await served.lead(verb, "calls", fields)
        assert (http, said["status"], set(said["errors"])) == (422, "invalid", missing), fields
    http, said, _ = await served.lead(verb, "calls", {"caller_id": CALLER, "trackdrive_number": "(866) 555-0150"})
    assert (http, said["status"]) == (200, "success")


async def test_a_sale_is_told_with_the_publishers_own_number(serve: Serve) -> None:
    served = await serve(catalog(*BY_CALLER))
    _, sold = await served.post(caller_id=CALLER, trackdrive_number=OWN)
    assert sold["trackdrive_number"] == OWN.removeprefix("+")
    assert sold["expires_in_seconds"] == 120
    assert "lent:pool" not in served.key_names()


async def test_a_post_takes_the_number_of_its_ping(serve: Serve) -> None:
    served = await serve(catalog(*BY_CALLER))
    _, quoted = await served.ping(caller_id=CALLER, trackdrive_number=OWN)
    http, sold = await served.post(ping_id=ping_id_of(quoted, 1))
    assert (http, sold["status"], sold["trackdrive_number"]) == (200, "success", OWN.removeprefix("+"))


async def test_where_numbers_are_listed_no_other_is_taken(serve: Serve) -> None:
    served = await serve(catalog(*BY_CALLER, source("abc"), listed(OWN), listed("+18665550151")))
    for number, status in ((OWN, 200), ("8665550151", 200), ("+18665550152", 422)):
        http, said = await served.ping(caller_id=CALLER, trackdrive_number=number)
        assert http == status, said
    assert list(said["errors"]) == ["trackdrive_number"]


async def test_where_none_is_listed_any_number_outside_the_pools_is_taken(serve: Serve) -> None:
    served = await serve(catalog(*BY_CALLER))
    assert (await served.ping(caller_id=CALLER, trackdrive_number="+18665550199"))[0] == 200
    http, said = await served.ping(caller_id=CALLER, trackdrive_number=POOL[0])
    assert (http, list(said["errors"])) == (422, ["trackdrive_number"])


async def test_one_number_serves_many_callers_at_once(serve: Serve) -> None:
    served = await serve(catalog(*BY_CALLER))
    for caller in (CALLER, "+12125550001"):
        _, sold = await served.post(caller_id=caller, trackdrive_number=OWN)
        assert (sold["status"], "repeat" in sold) == ("success", False)
    assert len(served.leases("slots", 1)) == 2


async def test_another_own_number_makes_another_lead(serve: Serve) -> None:
    served = await serve(catalog(*BY_CALLER))
    _, first = await served.ping(caller_id=CALLER, trackdrive_number=OWN)
    _, other = await served.ping(caller_id=CALLER, trackdrive_number="+18665550151")
    _, again = await served.ping(caller_id=CALLER, trackdrive_number=OWN)
    assert first["decision_id"] != other["decision_id"]
    assert (again["repeat"], again["decision_id"]) == (True, first["decision_id"])


async def test_the_parameter_means_nothing_where_a_ring_pool_lends_the_numbers(serve: Serve) -> None:
    served = await serve(catalog(*BY_CALLER))
    _, sold = await served.post("pooled", caller_id=CALLER, trackdrive_number=OWN)
    assert sold["trackdrive_number"] == POOL[0].removeprefix("+")
