"""The story of a run: leads are made, processes drive them, a result is drawn up; and that of a search."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from service.bench import ramp
from service.bench.crew import Seen, drive
from service.bench.instructions import ask_instructions
from service.bench.leads import Leads, invented_leads, leads_of_file
from service.bench.plan import Plan
from service.bench.requests import Target, target_of
from service.bench.result import Run, run_of
from service.settings import SettingWrong

SETTLE_SECONDS: Final = 2.0
"""Between two steps of a search: what one has piled up must not be the next one's."""


class Load(Struct, frozen=True):
    """A plan with all that it sends."""

    plan: Plan
    leads: Leads
    target: Target


def prepare(plan: Plan, *, token: str = "", edge_token: str = "", leads_file: Path | None = None) -> Load:
    """Leads from the file, else such as the endpoint's posting instructions describe. With a file nothing but the lead
    paths need answer at the plan's address. Raises SettingWrong, BenchFailed."""
    if plan.mix.get("call") and not edge_token:
        raise SettingWrong("--mix has calls: set PINGPOST_EDGE_TOKEN to the service's token of phone switches.")
    target = target_of(plan.url, plan.edge_url, plan.endpoint, token=token, edge_token=edge_token)
    if leads_file is not None:
        return Load(plan, leads_of_file(plan, leads_file, target), target)
    said = ask_instructions(plan.url, plan.endpoint, token)
    if not said.auth_required and token:
        # Not sent where it is not asked for: it would make every source its own.
        target = target_of(plan.url, plan.edge_url, plan.endpoint, token="", edge_token=edge_token)
    return Load(plan, invented_leads(plan, said, target), target)


def run(load: Load, look: Callable[[Seen], None]) -> Run:
    """Drives it once. Raises BenchFailed."""
    started_at = datetime.now(UTC)
    return run_of(load.plan, drive(load.plan, load.leads, load.target, look), started_at)


def search(
    load: Load, look: Callable[[Seen], None], settle_seconds: float = SETTLE_SECONDS
) -> Iterator[tuple[Run, bool]]:
    """Steps of a search from the plan's rate on, each with whether it met the SLO. Raises BenchFailed, SettingWrong."""
    if load.plan.slo is None:
        raise SettingWrong("--find-max needs --slo: the highest rate that meets what?")
    if load.plan.loop == "closed":
        raise SettingWrong("--find-max needs an open loop: a closed one has no rate.")
    sent = 0
    is_first = True

    def step(rate: float) -> Run:
        nonlocal sent, is_first
        if not is_first:
            time.sleep(settle_seconds)
        is_first = False
        plan = replace(load.plan, rate=rate, first_number=sent)
        leads = load.leads.after(sent)
        # Poisson arrivals vary; twice as many as expected never come.
        sent += round(2 * rate * (plan.warm_up_s + plan.duration_s)) + 1
        return run(Load(plan, leads, load.target), look)

    return ramp.search(load.plan.rate, step)
