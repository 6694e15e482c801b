"""Who may ask: sources, their tokens and their addresses."""

from hashlib import sha256
from ipaddress import ip_network
from typing import Any

import pytest

from tests.app.catalogs import buyer, catalog, contract, endpoint, source
from tests.app.conftest import Serve
from tests.app.served import ADMIN_TOKEN, Served, bearer, ping_id_of

BUYER = buyer(1, contract(25.00))
TOKEN = "demo-token-source-abc"


def tokens(*texts: str) -> list[dict[str, str]]:
    return [{"name": f"t{at}", "sha256": sha256(text.encode()).hexdigest()} for at, text in enumerate(texts)]


async def source_of(served: Served, uri: str = "calls", /, **fields: Any) -> tuple[int, str]:
    """The HTTP status, and the source the lead is on record for or the word of the refusal."""
    http, said = await served.ping(uri, **fields)
    if http != 200:
        return http, str(said["status"])
    _, found = await served.admin("GET", f"decisions/{said['decision_id']}")
    return http, str(found["decision"]["records"][0]["record"]["source_id"])


async def test_a_source_is_optional_and_may_be_unknown(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), source("abc"), BUYER))
    assert await source_of(served) == (200, "")
    assert await source_of(served, traffic_source_id="abc") == (200, "abc")
    assert await source_of(served, traffic_source_id="whoever") == (200, "whoever")
    assert await source_of(served, traffic_source_id=77) == (200, "77")


async def test_an_endpoint_may_take_listed_sources_only(serve: Serve) -> None:
    served = await serve(catalog(endpoint(sources="listed"), source("abc"), BUYER))
    assert await source_of(served, traffic_source_id="abc") == (200, "abc")
    for fields in ({}, {"traffic_source_id": ""}, {"traffic_source_id": "whoever"}, {"traffic_source_id": "ABC"}):
        http, said = await served.ping(**fields)
        assert (http, said["status"], list(said["errors"])) == (422, "invalid", ["traffic_source_id"]), fields


async def test_where_auth_is_required_the_token_names_the_source(serve: Serve) -> None:
    told = source("abc", auth_tokens=tokens(TOKEN, "second")), source("xyz", auth_tokens=tokens("other"))
    served = await serve(catalog(endpoint(auth_required=True), *told, BUYER))
    assert await source_of(served, auth_token=TOKEN) == (200, "abc")
    assert await source_of(served, auth_token="second", traffic_source_id="abc") == (200, "abc")
    assert await source_of(served, auth_token="other") == (200, "xyz")
    assert await source_of(served, auth_token=TOKEN, traffic_source_id="xyz") == (401, "unauthorized")
    assert await source_of(served, auth_token=TOKEN, traffic_source_id="whoever") == (401, "unauthorized")
    assert await source_of(served) == (401, "unauthorized")
    assert await source_of(served, traffic_source_id="abc") == (401, "unauthorized")


@pytest.mark.parametrize("auth_required", [True, False])
@pytest.mark.parametrize("token", ["wrong", TOKEN.upper(), TOKEN + "x", "é", "x" * 5000, ["a"], 7])
async def test_a_wrong_token_is_refused_even_where_none_is_required(
    serve: Serve, auth_required: bool, token: object
) -> None:
    served = await serve(
        catalog(endpoint(auth_required=auth_required), source("abc", auth_tokens=tokens(TOKEN)), BUYER)
    )
    for verb in ("ping", "post", "full"):
        http, said, headers = await served.lead(verb, "calls", {"auth_token": token})
        assert http in (401, 422) if not isinstance(token, str) else http == 401
        assert said["success"] is False
        assert http == 422 or headers["WWW-Authenticate"] == "Bearer"
    assert "audit" not in served.key_names()


async def test_a_token_may_come_in_the_header(serve: Serve) -> None:
    served = await serve(catalog(endpoint(auth_required=True), source("abc", auth_tokens=tokens(TOKEN)), BUYER))
    for header in (f"Bearer {TOKEN}", f"bearer  {TOKEN} "):
        assert (await served.lead("ping", "calls", {}, headers={"Authorization": header})).http == 200, header
    for header in (TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer wrong", "Bearer \udcff"):
        answer = await served.lead("ping", "calls", {}, headers={"Authorization": header})
        assert (answer.http, answer.json["status"]) == (401, "unauthorized"), header


async def test_a_source_may_use_only_its_endpoints(serve: Serve) -> None:
    named = source("abc", endpoints=["mine"], auth_tokens=tokens(TOKEN))
    served = await serve(catalog(endpoint(), endpoint("mine"), named, BUYER))
    assert await source_of(served, "mine", traffic_source_id="abc") == (200, "abc")
    assert await source_of(served, traffic_source_id="abc") == (403, "forbidden_endpoint")
    assert await source_of(served, auth_token=TOKEN) == (403, "forbidden_endpoint")
    assert await source_of(served) == (200, "")


async def test_a_source_may_come_only_from_its_addresses(serve: Serve) -> None:
    here, elsewhere = source("here", allowed_addresses=["127.0.0.0/8"]), source("there", allowed_addresses=["10.0.0.7"])
    served = await serve(catalog(endpoint(), here, elsewhere, BUYER))
    assert await source_of(served, traffic_source_id="here") == (200, "here")
    assert await source_of(served, traffic_source_id="there") == (403, "forbidden_address")
    assert await source_of(served, traffic_source_id="whoever") == (200, "whoever")


async def address_allowed(served: Served, forwarded: str) -> bool:
    told = {"traffic_source_id": "there"}
    answer = await served.lead("ping", "calls", told, headers={"X-Forwarded-For": forwarded})
    assert (answer.http, answer.json["status"]) in ((200, "success"), (403, "forbidden_address"))
    return answer.http == 200


async def test_nobodys_word_about_an_address_is_believed_without_trusted_proxies(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), source("there", allowed_addresses=["10.0.0.7"]), BUYER))
    assert not await address_allowed(served, "10.0.0.7")


async def test_a_trusted_proxys_word_is_believed_up_to_the_first_that_is_none(serve: Serve) -> None:
    proxies = (ip_network("127.0.0.0/8"), ip_network("192.168.0.0/16"))
    there = source("there", allowed_addresses=["10.0.0.7", "2001:db8::/32"])
    served = await serve(catalog(endpoint(), there, BUYER), trusted_proxies=proxies)
    assert await address_allowed(served, "10.0.0.7")
    assert await address_allowed(served, "1.2.3.4, 10.0.0.7")
    assert await address_allowed(served, "10.0.0.7, 192.168.1.1")
    assert await address_allowed(served, "2001:db8::1")
    assert not await address_allowed(served, "10.0.0.7, 1.2.3.4")
    assert not await address_allowed(served, "10.0.0.7, nonsense")
    assert not await address_allowed(served, "")


async def test_another_proxys_word_is_not_believed(serve: Serve) -> None:
    there = source("there", allowed_addresses=["10.0.0.7"])
    served = await serve(catalog(endpoint(), there, BUYER), trusted_proxies=(ip_network("192.168.0.0/16"),))
    assert not await address_allowed(served, "10.0.0.7")


async def test_who_may_not_ask_is_told_so_before_what_is_wrong(serve: Serve) -> None:
    served = await serve(catalog(endpoint(auth_required=True), BUYER))
    http, said = await served.ping(min_bid="much", caller_id="x")
    assert (http, said["status"]) == (401, "unauthorized")


async def test_a_post_without_a_source_means_the_source_of_its_ping(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), source("abc"), BUYER))
    _, quoted = await served.ping(traffic_source_id="abc")
    assert (await served.post(ping_id=ping_id_of(quoted, 1)))[1]["status"] == "success"


async def test_the_operators_token_opens_an_endpoint_that_needs_one(serve: Serve) -> None:
    served = await serve(catalog(endpoint(auth_required=True), BUYER))
    assert (await served.lead("ping", "calls", {"test": 1}, headers=bearer(ADMIN_TOKEN))).http == 200


async def test_a_source_of_a_filter_is_the_one_of_the_token(serve: Serve) -> None:
    only = contract(25.00, where={"traffic_source_id": ["abc"]})
    served = await serve(catalog(endpoint(), source("abc", auth_tokens=tokens(TOKEN)), buyer(1, only)))
    assert (await served.ping(auth_token=TOKEN))[1]["success"] is True
    assert (await served.ping(traffic_source_id="xyz"))[1]["success"] is False
    assert (await served.ping())[1]["success"] is False
