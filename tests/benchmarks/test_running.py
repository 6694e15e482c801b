"""What runs a benchmark: an account that is nobody's, processes that end, a suite that tells of what is void."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import account
from benchmarks import results as stored
from benchmarks.bench import SMOKE, Bench, Late, Measured, Subject, Void
from benchmarks.placement import cpu_seconds, pinned, placement
from benchmarks.plan import BRIEF, CEILING, GROUPS, SUBJECTS
from benchmarks.servers import ROOT, DidNotStart, bare_handler, exchange, redis_server
from benchmarks.suite import Suite, chosen
from tests.conftest import RedisForTest
from tests.process.running import SECONDS_MAX, is_gone


def bench_in(folder: Path, redis_url: str | None = None) -> Bench:
    return Bench(
        size=SMOKE,
        cores=placement(),
        folder=folder,
        redis_url=redis_url,
        ceiling_of=lambda subject: 0.0,
        sustained=float,
    )


# The account


def test_an_account_in_use_is_refused_and_left_as_it_is(redis: RedisForTest, tmp_path: Path) -> None:
    redis.may_leave("sale:1")
    redis.client.set("{bench}:sale:1", "somebody's")
    with pytest.raises(account.AccountInUse, match="is not empty"), bench_in(tmp_path, redis.url).redis():
        pass
    assert redis.client.get("{bench}:sale:1") == "somebody's"


def test_only_the_own_account_is_wiped(redis: RedisForTest, tmp_path: Path) -> None:
    redis.may_leave("sale:1")
    redis.client.set("{demo}:sale:1", "somebody else's")
    with bench_in(tmp_path, redis.url).redis() as (_, client):
        for number in range(account.PAGE * 2 + 5):
            client.set(f"{{bench}}:ping:{number}", "x")
    assert redis.client.keys("*") == ["{demo}:sale:1"]


def test_the_account_is_wiped_when_a_run_breaks_off(redis: RedisForTest, tmp_path: Path) -> None:
    def run() -> None:
        with bench_in(tmp_path, redis.url).redis() as (_, client):
            client.set("{bench}:ping:1", "x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert redis.client.keys("*") == []


# Processes


def test_a_process_is_pinned_and_gone_however_its_block_is_left() -> None:
    cores = placement()
    pids: list[int] = []

    def run() -> None:
        with redis_server(cores) as url:
            pids.append(int(account.connect(url).info("server")["process_id"]))
            assert os.sched_getaffinity(pids[0]) == {cores.redis}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert is_gone(pids[0])


def test_the_bare_handler_answers_and_is_pinned() -> None:
    cores = placement()
    with bare_handler(cores, 5) as served:
        assert os.sched_getaffinity(served.pid) == {cores.server}
        assert cpu_seconds(served.pid) > 0
    assert is_gone(served.pid)


def test_a_process_that_ends_at_once_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(DidNotStart, match=r"was not ready: .*missing"),
        exchange(placement(), "unix:///nowhere", tmp_path / "missing"),
    ):
        pass


def test_cpu_is_counted_to_the_microsecond() -> None:
    before = cpu_seconds(os.getpid())
    until = time.process_time() + 0.02
    while time.process_time() < until:
        pass
    assert 0.015 < cpu_seconds(os.getpid()) - before < 1.0


def test_this_process_is_back_on_its_cores_after_a_measurement() -> None:
    before = os.sched_getaffinity(0)
    with pinned(min(before)):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before


# The suite


def measured(bench: Bench) -> Measured:
    return Measured({"value": 1.0})


def void(bench: Bench) -> Measured:
    raise Void("an answer was not what was expected")


def test_what_is_void_is_kept_with_its_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    results = stored.begun("smoke", {})
    subjects = [Subject("a", "store", "a", void, 1), Subject("b", "store", "b", measured, 1)]
    Suite(subjects, 2, bench_in(tmp_path), results).run()
    assert [(run.subject, run.round) for run in results.runs] == [("b", 1), ("b", 2)]
    assert [(failure.subject, failure.round) for failure in results.failures] == [("a", 1), ("a", 2)]
    assert results.failures[0].why == "an answer was not what was expected"


def test_a_driver_that_was_late_is_given_another_chance(tmp_path: Path) -> None:
    tries: list[int] = []

    def late_twice(bench: Bench) -> Measured:
        tries.append(1)
        if len(tries) < 3:
            raise Late("the driver was late")
        return Measured({"value": 1.0})

    def always_late(bench: Bench) -> Measured:
        raise Late("the driver was late")

    results = stored.begun("smoke", {})
    subjects = [Subject("a", "store", "a", late_twice, 1), Subject("b", "store", "b", always_late, 1)]
    Suite(subjects, 1, bench_in(tmp_path), results).run()
    assert [run.subject for run in results.runs] == ["a"]
    assert [failure.subject for failure in results.failures] == ["b"]


def test_rounds_are_interleaved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = stored.begun("smoke", {})
    Suite([Subject(id, "store", id, measured, 1) for id in "ab"], 3, bench_in(tmp_path), results).run()
    assert [run.subject for run in results.runs] == list("ababab")
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("[  1/6] round 1  a")
    assert said[5].startswith("[  6/6] round 3  b")


def test_a_part_brings_the_ceiling_that_its_rates_are_made_of() -> None:
    assert CEILING in [subject.id for subject in chosen("latency", is_smoke=False)]
    assert CEILING not in [subject.id for subject in chosen("match", is_smoke=False)]
    assert {subject.group for subject in chosen("", is_smoke=False)} == set(GROUPS)
    with pytest.raises(ValueError, match="There is no group nonsense"):
        chosen("nonsense", is_smoke=False)


def test_a_smoke_run_knows_its_subjects() -> None:
    assert {subject.id for subject in chosen("", is_smoke=True)} == BRIEF <= {subject.id for subject in SUBJECTS}
    assert len({subject.id for subject in SUBJECTS}) == len(SUBJECTS)


def is_redis(pid: int) -> bool:
    try:
        return b"redis-server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_keeps_what_it_has_and_leaves_no_process(tmp_path: Path, ending: signal.Signals) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.suite", "--smoke", "--only", "reload", "--out", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + SECONDS_MAX
    children: list[int] = []
    while not any(is_redis(pid) for pid in children):  # others come before: git is asked for the commit
        assert running.poll() is None
        assert time.monotonic() < deadline, "it started no process"
        children = [int(pid) for pid in Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()]
        time.sleep(0.02)
    running.send_signal(ending)
    said, progress = running.communicate(timeout=SECONDS_MAX)
    assert running.returncode == 130, progress
    assert "interrupted" in progress
    assert len(list(tmp_path.glob("*.json"))) == 1
    assert "written:" in said
    assert all(is_gone(pid) for pid in children)


def test_a_short_run_against_a_given_redis_leaves_it_empty(redis: RedisForTest, tmp_path: Path) -> None:
    given = ["--redis-url", redis.url, "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.suite", "--smoke", "--only", "pings,store", *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob("*.json")
    found = stored.read(path)
    assert {run.subject for run in found.runs} == {"mix", "cycle_record", "memory"}
    assert found.runs[0].statuses["post success"] > 0
    assert found.runs[0].statuses["route routed"] > 0
    assert redis.client.keys("*") == []


def test_a_redis_whose_account_is_in_use_is_not_begun_with(redis: RedisForTest, tmp_path: Path) -> None:
    redis.may_leave("sale:1")
    redis.client.set("{bench}:sale:1", "somebody's")
    given = ["--redis-url", redis.url, "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.suite", "--smoke", "--only", "channel", *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    (path,) = tmp_path.glob("*.json")
    assert [failure.subject for failure in stored.read(path).failures] == ["channel", "redis_py"]
    assert redis.client.get("{bench}:sale:1") == "somebody's"
