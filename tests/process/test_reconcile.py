"""`pingpost reconcile` beside a running service: what it prints, and how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from service.cli import main, reconciling
from service.reconcile import Report
from service.store.embedded import url_of
from tests.process.running import CATALOG, ROOT, write_catalog
from tests.real_service import RealService

WITH = {"PINGPOST_ARCHIVE": "1"}
PAYING = CATALOG.replace('name = "Buyer A"', 'name = "Buyer A"\nbalance_required = true')


def asked(var: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PINGPOST_", "PROMETHEUS_"))}
    command = [sys.executable, "-m", "service", "reconcile", "--var", str(var), *words]
    return subprocess.run(command, cwd=ROOT, env=kept | env, capture_output=True, text=True, check=False, timeout=60)


def client_of(var: Path) -> Any:
    return redis_py.Redis.from_url(url_of(var) or "", decode_responses=True)


def trade(service: RealService) -> None:
    """100.50 is paid in, and 75.00 of it spent."""
    service.ready()
    service.wait_for("the archive takes sales and decisions into the ledger")
    paid = {"amount": "100.50", "key": "wire-1", "reason": "wire", "kind": "top_up"}
    assert service.ask("/admin/buyers/1/balance", paid, token="admin-token-of-the-tests").status == 200
    for at in range(3):
        assert service.post("first", {"caller_id": f"+1212555{at:04}"}).body["success"]


def test_a_running_service_is_compared_and_repaired(tmp_path: Path) -> None:
    write_catalog(tmp_path / "catalog", PAYING)
    with RealService(tmp_path, "--workers", "2", env=WITH) as service:
        trade(service)
        var = tmp_path / "var"
        equal = asked(var)
        assert (equal.returncode, equal.stderr) == (0, "")
        assert equal.stdout == "equal: 1 balances, 1 contracts, every credit, 3 sales\n"

        client = client_of(var)
        client.incrbyfloat("{stub}:balance:1", 1_250_000)
        client.hdel("{stub}:caps", "1-calls")
        client.hdel("{stub}:credits", "wire-1")
        different = asked(var)
        assert different.returncode == 1
        lines = [line.split("  ") for line in different.stdout.splitlines()]
        cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
        assert ["balance", "1", "26.75", "25.50", "1.25"] in cells
        assert ["sales (total)", "1-calls", "0", "3", "-3"] in cells
        assert ["revenue (total)", "1-calls", "0.00", "75.00", "-75.00"] in cells
        assert ["credit", "wire-1", "buyer 1: 100.50"] in cells

        said = json.loads(asked(var, "--json").stdout)
        assert (said["status"], said["differences_count"]) == ("different", 12)
        assert {"what": "balance", "key": "1", "redis": "26.75", "ledger": "25.50", "difference": "1.25"} in said[
            "differences"
        ]

        repaired = asked(var, "--repair")
        assert repaired.returncode == 0, repaired.stderr
        assert repaired.stdout.startswith("repaired:\n")
        assert "\nequal: 1 balances" in repaired.stdout
        assert "Not repaired, for the ledger has nothing of it: who was bought already" in repaired.stdout
        assert asked(var).returncode == 0
        assert client.get("{stub}:balance:1") == "25500000"


def test_a_service_that_is_away_and_wrong_words_are_told_apart_from_differences(tmp_path: Path) -> None:
    catalog = str(write_catalog(tmp_path / "catalog"))
    away = asked(tmp_path, "--catalog", catalog)
    assert (away.returncode, away.stdout) == (2, "")
    assert "No service keeps its Redis under" in away.stderr
    assert asked(tmp_path, "--mend").returncode == 2
    assert asked(tmp_path, "--catalog", str(tmp_path / "none")).returncode == 2


def test_a_ledger_that_is_away_or_has_no_tables_is_a_sentence_without_its_password(tmp_path: Path) -> None:
    with RealService(tmp_path) as service:
        service.ready()
        url = "postgresql://me:sesame@127.0.0.1:1/ledger"
        away = asked(tmp_path / "var", PINGPOST_LEDGER_URL=url)
        assert away.returncode == 2
        assert "The ledger's database failed" in away.stderr
        assert "sesame" not in away.stderr
        empty = asked(tmp_path / "var")
        assert (empty.returncode, empty.stdout) == (2, "")
        assert "The ledger has no tables yet" in empty.stderr


def test_where_it_is_never_quiet_the_exit_status_is_a_third_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def never_quiet(*_: Any, **__: Any) -> Report:
        return Report("never_quiet")

    monkeypatch.setattr(reconciling, "_run", never_quiet)
    catalog = write_catalog(tmp_path / "catalog")
    assert main(["reconcile", "--var", str(tmp_path), "--catalog", str(catalog)]) == 3
    assert "never stood at one moment" in capsys.readouterr().err
