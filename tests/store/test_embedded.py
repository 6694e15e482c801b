"""The Redis that a service starts for itself."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from service.errors import StartFailed
from service.store.embedded import EmbeddedRedis
from tests.store.world import open_store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    made = EmbeddedRedis(tmp_path)
    yield made
    made.stop()


def client(url: str) -> Any:
    return redis_py.Redis.from_url(url, decode_responses=True)


def test_it_keeps_its_data_across_a_restart(embedded: EmbeddedRedis) -> None:
    client(embedded.start()).set("kept", "yes")
    embedded.stop()
    assert not embedded.alive()
    assert client(embedded.start()).get("kept") == "yes"


def test_it_comes_back_after_it_was_killed(tmp_path: Path) -> None:
    embedded = EmbeddedRedis(tmp_path, "always")
    url = embedded.start()
    client(url).set("kept", "yes")
    assert embedded.pid is not None
    os.kill(embedded.pid, signal.SIGKILL)
    os.waitid(os.P_PID, embedded.pid, os.WEXITED | os.WNOWAIT)
    assert not embedded.alive()
    assert client(embedded.start()).get("kept") == "yes"
    embedded.stop()


def test_it_never_forgets_to_make_room_and_writes_every_change_down(embedded: EmbeddedRedis) -> None:
    asked = client(embedded.start())
    said = {name: asked.config_get(name)[name] for name in ("maxmemory-policy", "appendonly", "appendfsync", "save")}
    assert said == {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec", "save": ""}


def test_always_waits_for_the_disk(tmp_path: Path) -> None:
    made = EmbeddedRedis(tmp_path, "always")
    assert client(made.start()).config_get("appendfsync") == {"appendfsync": "always"}
    made.stop()


def test_a_second_service_on_the_same_folder_is_refused(embedded: EmbeddedRedis, tmp_path: Path) -> None:
    embedded.start()
    with pytest.raises(StartFailed, match=r"^Another service uses .*\.$"):
        EmbeddedRedis(tmp_path).start()
    assert embedded.alive()


async def test_a_folder_with_a_long_name_is_no_hindrance(tmp_path: Path) -> None:
    made = EmbeddedRedis(tmp_path / ("long" * 40) / "and % strange")
    for _ in range(2):
        store = await open_store(made.start())
        await store.ready()
        await store.close()
        made.stop()


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartFailed, match="cannot be used"):
        EmbeddedRedis(tmp_path / "file").start()


def test_it_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    text = (
        "import os, signal, pathlib, sys\n"
        "from service.store.embedded import EmbeddedRedis\n"
        "made = EmbeddedRedis(pathlib.Path(sys.argv[1]))\n"
        "made.start()\n"
        "print(made.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", text, str(tmp_path)]
    parent = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert parent.returncode == -signal.SIGKILL, parent.stderr
    # It is ending or gone; either way the next service gets the folder, and its own Redis.
    made = EmbeddedRedis(tmp_path)
    assert client(made.start()).ping()
    assert made.pid != int(parent.stdout)
    made.stop()


def test_an_orphan_of_a_service_that_was_killed_is_ended_first(embedded: EmbeddedRedis, tmp_path: Path) -> None:
    url = embedded.start()
    client(url).set("kept", "yes")
    orphan = embedded.pid
    lock, embedded._lock = embedded._lock, None
    assert lock is not None
    lock.close()
    made = EmbeddedRedis(tmp_path)
    assert client(made.start()).get("kept") == "yes"
    assert made.pid != orphan
    made.stop()
