"""The driver on the real service: leads from its posting instructions, the whole mix, and nothing left afterwards."""

from collections.abc import Iterator

import pytest

from service.bench import BenchFailed, Plan, Run, checked, mix_of, prepare, run
from service.settings import SettingWrong
from tests.process.running import CATALOG, write_catalog
from tests.real_service import EDGE_TOKEN, RealService

WORLD = (
    CATALOG.replace('["+18005550100..+18005550109"]', '["+18005550000..+18005558999"]')
    .replace(
        'delivery = "call"\n',
        'delivery = "call"\n'
        + "".join(
            f'  [[offers.fields]]\n  name = "{name}"\n  type = "{kind}"\n  {more}\n'
            for name, kind, more in (
                ("caller_id", "phone", 'required_on = ["ping", "post"]'),
                ("zip", "zip", 'required_on = ["ping"]'),
                ("age", "integer", 'min = 18\nmax = 99\nrequired_on = ["ping"]'),
                ("income", "decimal", "min = 1000"),
                ("carrier", "text", 'one_of = ["Geico", "Other"]\nrequired_on = ["ping"]'),
                ("born_on", "date", ""),
                ("insured", "boolean", ""),
                ("email", "email", 'personal = true\nrequired_on = ["post"]'),
                ("certificate", "url", "consent = true"),
            )
        ),
    )
    .replace('destination = "+18005559999"', 'destination = "+18005559999"\nconcurrency_cap = 100000')
    + """
[[offers]]
id = "leads"
name = "Leads"
delivery = "data"

[[endpoints]]
vanity_uri = "data"
offer = "leads"

[[endpoints]]
vanity_uri = "listed"
offer = "calls"
ring_pool = "pool"
sources = "listed"

[[endpoints]]
vanity_uri = "sandbox"
offer = "calls"
ring_pool = "pool"
test_mode = true

[[traffic_sources]]
id = "known"
name = "Known"

[[buyers]]
id = 2
name = "Buyer of data"
  [[buyers.contracts]]
  offer = "leads"
  bid = 5.00
"""
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealService]:
    folder = tmp_path_factory.mktemp("bench")
    write_catalog(folder / "catalog", WORLD)
    with RealService(folder) as running:
        yield running.ready()


def driven(
    service: RealService, endpoint: str = "first", *, mix: str = "ping=80,post=15,call=5", **more: object
) -> Run:
    return run(prepare(asked(service, endpoint, mix=mix, **more), edge_token=EDGE_TOKEN), lambda _seen: None)


def asked(service: RealService, endpoint: str, *, mix: str, **more: object) -> Plan:
    usual = {"rate": 150.0, "duration_s": 2.0, "warm_up_s": 0.5, "connections": 32, "lag_max_us": 10**8}
    url = f"http://127.0.0.1:{service.ports[0]}"
    return checked(Plan(url=url, endpoint=endpoint, mix=mix_of(mix), **(usual | more)))  # type: ignore[arg-type]


def test_the_whole_mix_is_answered_as_expected_and_calls_leave_no_slot(service: RealService) -> None:
    found = driven(service, repeat_share=0.1, sources=20, processes=2, seed=1)
    assert found.void is None
    assert found.statuses.keys() == {"ping", "post", "route", "event"}
    assert all(words.keys() <= {"success", "routed"} for words in found.statuses.values())
    assert found.goodput == found.answered == found.due
    assert found.repeats > 0
    # A slot for each sale that no call has ended; warm-up made sales and calls too, which are in no figure.
    sold, called = (found.latency_ms[kind].count for kind in ("post", "route"))
    assert 0 < service.use_of(1)["slots"] <= sold - called + 0.5 * sold + 10


def test_a_closed_loop_of_the_mix_is_clean_too(service: RealService) -> None:
    found = driven(service, loop="closed", requests=300, connections=8, seed=2)
    assert found.void is None
    assert found.arrivals == 300


def test_data_leads_are_posted_and_have_no_calls(service: RealService) -> None:
    found = driven(service, "data", mix="ping=70,post=30", seed=3)
    assert found.void is None
    assert found.statuses["post"] == {"success": found.latency_ms["post"].count}
    with pytest.raises(SettingWrong, match="leave call out"):
        driven(service, "data")


def test_an_endpoint_of_listed_sources_needs_their_ids(service: RealService) -> None:
    with pytest.raises(SettingWrong, match="--source-ids"):
        driven(service, "listed")
    assert driven(service, "listed", source_ids=("known",), mix="ping=1", seed=4).void is None


def test_a_sandbox_is_refused(service: RealService) -> None:
    with pytest.raises(BenchFailed, match="in test mode"):
        driven(service, "sandbox")
