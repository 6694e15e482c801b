from tests.app.catalogs import buyer, catalog, contract, endpoint
from tests.app.conftest import Serve
from tests.app.served import CALLER


async def test_a_ping_is_answered_with_the_buyers_that_want_it(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00)), buyer(2, contract(20.00))))
    http, said = await served.ping(caller_id=CALLER)
    assert http == 200
    assert (said["success"], said["status"], said["ping_ids_expiry_in_seconds"]) == (True, "success", 60)
    assert [(one["buyer_id"], one["name"], one["bid"]) for one in said["buyers"]] == [
        (1, "Buyer 1", 25.0),
        (2, "Buyer 2", 20.0),
    ]
    assert set(said) == {
        "success",
        "status",
        "try_all_buyers_ping_id",
        "ping_ids_expiry_in_seconds",
        "decision_id",
        "buyers",
    }
