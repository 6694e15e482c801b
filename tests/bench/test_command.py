"""`pingpost bench` as it is typed: what it prints, what it writes, how it ends."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.cli import main
from tests.bench.known import known_server
from tests.process.running import ROOT

Captured = pytest.CaptureFixture[str]
LATE = ["--lag-max", "100000"]
"""Allows the driver to be late: the machines of tests are."""
SHORT = ["--endpoint", "known", "--duration", "1", "--rate", "200", *LATE]


def bench(url: str, *flags: str) -> int:
    return main(["bench", "--url", url, *SHORT, *flags])


def test_a_run_prints_its_table_and_writes_what_was_promised(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "run.json"
    with known_server() as url:
        assert bench(url, "--mix", "ping=90,post=10", "--slo", "p99=10s,post.p50=5s", "--json", str(file)) == 0
    printed = capsys.readouterr()
    assert "SLO p99=10s,post.p50=5s: met" in printed.out
    assert "p99.9" in printed.out
    assert "answered" in printed.err
    written: dict[str, Any] = json.loads(file.read_text())
    assert written["kind"] == "run"
    assert written["slo"] == {"asked": "p99=10s,post.p50=5s", "met": True}
    assert written["void"] is None
    assert written["statuses"]["ping"]["success"] == written["latency_ms"]["ping"]["count"]
    assert {"min", "mean", "p50", "p90", "p99", "p999", "max", "count"} == written["latency_ms"]["all"].keys()
    assert {
        "rate",
        "duration_s",
        "mix",
        "sources",
        "repeat_share",
        "connections",
        "processes",
        "seed",
        "warm_up_s",
    } <= (written["asked"].keys())
    assert {"version", "started_at", "sent", "rate_answered", "lag_ms", "driver_cpu_s", "goodput", "histograms"} <= (
        written.keys()
    )


def test_a_missed_slo_and_a_void_run_are_1(capsys: Captured) -> None:
    with known_server(sleep_s=0.02) as url:
        assert bench(url, "--slo", "p50=10ms") == 1
        assert "SLO p50=10ms: MISSED" in capsys.readouterr().out
    with known_server(wrong_at=50, wrong_body="{}") as url:
        assert bench(url) == 1
        assert "VOID: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--mix", "ping=1,pong=2"], "--mix 'ping=1,pong=2' is not understood"),
        (["--mix", "post=1"], "--mix needs pings"),
        (["--slo", "p99<100ms"], "--slo 'p99<100ms' is not understood"),
        (["--allow", "rate_limitd"], "--allow rate_limitd is no status"),
        (["--rate", "0"], "--rate must be from 0.01"),
        (["--requests", "5"], "--requests goes with --loop closed"),
        (["--find-max"], "--find-max needs --slo"),
        (["--cpus", "9999"], "--cpus '9999' must be of the cores"),
        (["--url", "ftp://somewhere"], "--url must be http://"),
    ],
)
def test_wrong_usage_is_2_and_one_sentence(flags: list[str], sentence: str, capsys: Captured) -> None:
    with known_server() as url:
        assert bench(url, *flags) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"pingpost: {sentence}")
    assert err.count("\n") == 1


def test_a_service_that_is_not_there_is_told_in_one_sentence(capsys: Captured) -> None:
    assert bench("http://127.0.0.1:9") == 1
    assert capsys.readouterr().err == "pingpost: http://127.0.0.1:9 does not answer: [Errno 111] Connection refused.\n"
    with known_server() as url:
        assert bench(url, "--endpoint", "unknown") == 1
    assert "There is no endpoint 'unknown'" in capsys.readouterr().err
    with known_server() as url:
        assert bench(url, "--leads", "/nowhere/leads") == 1
    assert capsys.readouterr().err == "pingpost: /nowhere/leads cannot be read: No such file or directory.\n"


def test_a_search_prints_its_steps_and_writes_them(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "search.json"
    with known_server(sleep_s=0.05) as url:
        flags = ["--find-max", "--slo", "p50=1ms", "--duration", "0.2", "--warm-up", "0", "--json", str(file)]
        assert main(["bench", "--url", url, "--endpoint", "unknown", *flags]) == 1
    with known_server(wrong_at=1, wrong_body="{}") as url:
        assert bench(url, *flags) == 1
    assert "no rate was found that meets p50=1ms" in capsys.readouterr().out
    written = json.loads(file.read_text())
    assert written["kind"] == "find_max"
    assert written["best_rate"] is None
    assert [step["kind"] for step in written["steps"]] == ["run"]


def test_ctrl_c_ends_it_with_what_was_measured(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    with known_server() as url:
        words = [
            "--endpoint",
            "known",
            "--rate",
            "200",
            "--duration",
            "600",
            "--warm-up",
            "0",
            "--processes",
            "2",
            *LATE,
        ]
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "bench", "--url", url, *words, "--json", str(file)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stderr is not None
        while " 0 answered" in process.stderr.readline():
            pass
        # To the process alone; a terminal sends it to the whole group, which the other processes ignore.
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "INTERRUPTED" in out
    written = json.loads(file.read_text())
    assert written["interrupted"]
    assert written["answered"] > 0
    assert written["void"] is None


def test_results_are_compared_by_their_files(tmp_path: Path, capsys: Captured) -> None:
    for name, sleep_s in (("a", 0.005), ("b", 0.05)):
        with known_server(sleep_s=sleep_s) as url:
            assert bench(url, "--duration", "2", "--quiet", "--json", str(tmp_path / name)) == 0
    capsys.readouterr()
    assert main(["bench", "compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    assert capsys.readouterr().out.rstrip().endswith("slower")
    assert main(["bench", "compare", str(tmp_path / "b"), str(tmp_path / "a")]) == 0
    assert capsys.readouterr().out.rstrip().endswith("faster")
    (tmp_path / "c").write_text("{}")
    assert main(["bench", "compare", str(tmp_path / "a"), str(tmp_path / "c")]) == 1
    assert "is not a result of pingpost bench" in capsys.readouterr().err
