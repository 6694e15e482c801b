"""What must stand before anything is served: each fault is one clear sentence."""

import os
import socket
import stat
from pathlib import Path

import pytest

from service.errors import StartFailed
from service.process import ground
from service.settings import Settings


def test_a_folder_of_state_serves_one_process(tmp_path: Path) -> None:
    var = tmp_path / "new" / "var"
    with ground.take_var(var), pytest.raises(StartFailed, match=f"{var} is in use by another pingpost"):
        ground.take_var(var)
    ground.take_var(var).close()


def test_a_folder_of_state_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartFailed, match=r"file/var cannot be used: Not a directory\.$"):
        ground.take_var(tmp_path / "file" / "var")


def test_a_secret_is_created_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(var=tmp_path)
    made = ground.secret_of(settings)
    assert len(made) == 64
    assert ground.secret_of(settings) == made
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_given_secret_wins_and_is_not_kept(tmp_path: Path) -> None:
    assert ground.secret_of(Settings(var=tmp_path, secret=b"given" * 4)) == b"given" * 4
    assert not (tmp_path / "secret").exists()


def test_a_secret_that_was_cut_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short\n")
    with pytest.raises(StartFailed, match="is shorter than 16 bytes"):
        ground.secret_of(Settings(var=tmp_path))


@pytest.mark.parametrize("data", ["appendonly.aof", "appendonlydir/appendonly.aof.1.incr.aof"])
def test_data_without_its_secret_is_refused(tmp_path: Path, data: str) -> None:
    (tmp_path / "redis" / data).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "redis" / data).write_text("")
    with pytest.raises(StartFailed, match=r"its secret .* is missing"):
        ground.secret_of(Settings(var=tmp_path))
    assert not (tmp_path / "secret").exists()


def test_metrics_of_a_former_life_are_forgotten(tmp_path: Path) -> None:
    old = ground.new_metrics_folder(tmp_path) / "counter_1.db"
    old.write_bytes(b"")
    folder = ground.new_metrics_folder(tmp_path)
    assert list(folder.iterdir()) == []
    assert folder.is_absolute()


def test_a_missing_tls_file_is_named(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_text("")
    with pytest.raises(StartFailed, match=r"The TLS file .*key\.pem does not exist"):
        ground.tls_context(Settings(tls_cert=cert, tls_key=key))
    key.write_text("nonsense")
    with pytest.raises(StartFailed, match="are no certificate and its key"):
        ground.tls_context(Settings(tls_cert=cert, tls_key=key))


def test_a_busy_port_is_told_at_once() -> None:
    with ground.bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with ground.bind("127.0.0.1", port) as second:  # neither listens yet
            ground.listen(taken)
            busy = f"Cannot listen on 127.0.0.1 port {port}: address already in use"
            with pytest.raises(StartFailed, match=busy):
                ground.listen(second)
        with pytest.raises(StartFailed, match=busy):
            ground.bind("127.0.0.1", port)


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(StartFailed, match=r"Cannot listen on 192\.0\.2\.1 port"):
        ground.bind("192.0.2.1", 0)
    with pytest.raises(StartFailed, match="is not an address of this machine"):
        ground.bind("no-such-host.invalid", 0)


def test_a_port_can_be_taken_again_right_after_a_connection() -> None:
    first = ground.bind("127.0.0.1", 0)
    ground.listen(first)
    port = first.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)), first.accept()[0]:
        first.close()
    with ground.bind("127.0.0.1", port) as second:
        ground.listen(second)


def test_the_lock_is_left_to_the_next_process(tmp_path: Path) -> None:
    ground.take_var(tmp_path).close()
    assert os.access(tmp_path / "lock", os.R_OK)
    ground.take_var(tmp_path).close()
