"""The known server as tests start and ask it."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from service.bench import Plan, Run, checked, mix_of, prepare, run, slo_of
from tests.process.running import ROOT


@contextmanager
def known_server(**told: Any) -> Iterator[str]:
    """Its address. What may be told: see `known_server.KnownServer`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.known_server", json.dumps(told)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def seen_by(url: str) -> list[dict[str, Any]]:
    """All that it was asked, in order: bodies with their `path`."""
    with urllib.request.urlopen(f"{url}/seen") as answer:
        return list(json.load(answer))


def plan(url: str, *, mix: str = "ping=1", slo: str = "", **more: Any) -> Plan:
    """A short one, which allows this driver to be late: whoever tests what lag does says so."""
    usual: dict[str, Any] = {"rate": 200.0, "duration_s": 1.0, "warm_up_s": 0.3, "connections": 64, "lag_max_us": 10**8}
    asked = usual | more | {"slo": slo_of(slo) if slo else None}
    return checked(Plan(url=url, endpoint="known", mix=mix_of(mix), **asked))


def driven(asked: Plan) -> Run:
    return run(prepare(asked, edge_token="edge-token-of-the-tests"), lambda _seen: None)
