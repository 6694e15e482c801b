"""Whether the suite was alone: what it starts itself is none of the others, living or ended; anybody else is."""

import os
import subprocess
import sys

import pytest

from benchmarks import alone
from benchmarks.bench import Late, Void

BUSY_SECONDS = 0.6
BUSY = (
    f"import time\nwhile time.process_time() < {BUSY_SECONDS}: pass\n"
    "print('done', flush=True)\nimport sys; sys.stdin.read()"
)


def test_the_work_of_a_child_is_counted_while_it_lives_and_after() -> None:
    before_s = alone._family_seconds(os.getpid())
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"done\n"
        living_s = alone._family_seconds(os.getpid())
        child.communicate()
    assert living_s - before_s > BUSY_SECONDS / 2
    assert alone._family_seconds(os.getpid()) >= living_s - 0.05  # ticks of 10 ms are cut, not rounded


def beside_others() -> None:
    """As long as a process works whose parent is gone, so that it is none of ours."""
    read, write = os.pipe()
    orphaned = [sys.executable, "-c", f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {BUSY!r}])"]
    subprocess.run(orphaned, stdin=subprocess.DEVNULL, stdout=write, check=True)
    os.close(write)
    with os.fdopen(read, "rb") as ended:
        assert ended.read() == b"done\n"


def test_a_measurement_beside_others_is_late() -> None:
    with pytest.raises(Late, match=r"^others took \d+% of a core meanwhile$"):
        alone.alone(beside_others)


def test_what_is_void_beside_others_is_late_too() -> None:
    def measure() -> None:
        beside_others()
        raise Void("an unexpected answer")

    with pytest.raises(Late, match=r"meanwhile \(an unexpected answer\)$"):
        alone.alone(measure)


def test_what_was_late_is_tried_again_and_what_is_void_is_not() -> None:
    answers: list[Exception | None] = [Late("slow"), None]

    def measure() -> str:
        if (fault := answers.pop(0)) is not None:
            raise fault
        return "found"

    assert alone.again(measure, quiet_seconds_max=0) == "found"
    answers = [Void("wrong"), None]
    with pytest.raises(Void, match="wrong"):
        alone.again(measure, quiet_seconds_max=0)
    assert answers == [None]
