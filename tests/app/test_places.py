"""Where a lead lives, on an offer that names no such field: filters look at it all the same."""

from tests.app.catalogs import buyer, call_offer, catalog, contract, endpoint
from tests.app.conftest import Serve
from tests.app.served import buyers

NEW_YORK = buyer(1, contract(25.00, where={"state": ["NY"]}))
MANHATTAN = buyer(2, contract(20.00, where={"zip": ["10001"]}))
MIAMI = buyer(3, contract(15.00, where={"area_code": ["305"]}))
IN_LONDON = "+442079460003"


async def test_a_state_and_a_zip_find_their_buyers_in_any_writing(serve: Serve) -> None:
    for extra_fields in ("keep", "drop"):
        offer = call_offer(extra_fields=extra_fields)
        served = await serve(catalog(endpoint(), NEW_YORK, MANHATTAN, MIAMI, offer=offer))
        _, said = await served.ping(caller_id=IN_LONDON, state="New York")
        assert buyers(said) == [1], extra_fields
        _, said = await served.ping(caller_id=IN_LONDON, zip="10001-1234")
        assert buyers(said) == [1, 2], extra_fields


async def test_a_place_that_cannot_be_read_is_nobodys_mistake_and_finds_nobody(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), NEW_YORK, MANHATTAN, MIAMI))
    http, said = await served.ping(caller_id=IN_LONDON, state="Kent", zip="SW1A 1AA")
    assert (http, said["status"]) == (200, "no_matching_buyer")


async def test_an_area_code_that_was_sent_forges_no_geography(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), MIAMI))
    for lead in ({"area_code": "305"}, {"area_code": "305", "caller_id": IN_LONDON}):
        _, said = await served.ping(**lead)
        assert said["status"] == "no_matching_buyer"
    _, said = await served.ping(caller_id="+13055551234", area_code="212")
    assert buyers(said) == [3]
