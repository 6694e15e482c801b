"""`pingpost suppress` and `pingpost forget` on a service as it runs, and every byte that it keeps on disk or says."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.process.running import CATALOG, ROOT, write_catalog
from tests.real_service import TOKENS, RealService

CALLER = "+12125551234"
PERSON = {"caller_id": CALLER, "first_name": "Annabel", "email": "annabel@example.com"}
TRACES = (b"2125551234", b"nnabel", sha256(CALLER[1:].encode()).hexdigest().encode())
FIELDS = """
[[offers.fields]]
name = "first_name"
type = "text"
personal = true

[[offers.fields]]
name = "email"
type = "email"
personal = true

[[ring_pools]]"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_catalog(tmp_path / "catalog", CATALOG.replace("\n[[ring_pools]]", FIELDS, 1))
    return tmp_path


def pingpost(service: RealService, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, as the operator of that service would give it."""
    told = {name: value for name, value in os.environ.items() if not name.startswith("PINGPOST_")}
    told |= {"PINGPOST_PORT": str(service.ports[0]), **TOKENS}
    told |= {"PINGPOST_VAR": str(service.folder / "var"), "PINGPOST_CATALOG": str(service.catalog)}
    command = [sys.executable, "-m", "service", *words]
    return subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=False, timeout=60)


def traces(folder: Path) -> list[tuple[str, bytes]]:
    """Files under the folder of state in which something of the person stands."""
    files = [path for path in sorted((folder / "var").rglob("*")) if path.is_file()]
    return [(path.name, trace) for path in files for trace in TRACES if trace in path.read_bytes()]


def kept(folder: Path, named: str = "*") -> bytes:
    """Every byte under the folder of state, or in files of a name."""
    return b"".join(path.read_bytes() for path in sorted((folder / "var").rglob(named)) if path.is_file())


def test_nothing_on_disk_and_nothing_that_was_said_names_who_was_forgotten(folder: Path) -> None:
    with RealService(folder, "--workers", "2", "--archive", "1") as service:
        service.ready()
        first = service.ping("first", PERSON).body
        sold = service.post("first", {"ping_id": first["try_all_buyers_ping_id"]}).body
        assert sold["success"]
        other = service.ping(
            "first", {**PERSON, "caller_id": "+12125550000", "email": "bob@example.com"} | {"first_name": "Bob"}
        )
        assert other.body["success"]
        service.until(lambda: b"+12125550000" in kept(folder, "ledger.sqlite*"))  # the archive has them

        done = pingpost(service, "forget", "--caller", "(212) 555-1234", "--json")
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        assert told["known"]
        assert told["erased"]["decisions of the ledger"] == 2
        assert [(one["buyer_id"], one["name"], one["sales"][0]["sale_id"]) for one in told["buyers"]] == [
            (1, "Buyer A", sold["sale_id"])
        ]
        gone = service.admin(f"decisions/{first['decision_id']}")
        assert (gone.status, "was forgotten at" in gone.text) == (404, True)
        assert traces(folder) == []
        assert b"bob@example.com" in kept(folder)
        again = pingpost(service, "forget", "--caller", CALLER)
        assert (again.returncode, "Nothing is known of this person" in again.stdout) == (0, True)
        spoken = done.stdout + done.stderr + again.stdout + again.stderr
        repeat = service.post("first", {"ping_id": first["try_all_buyers_ping_id"]}).body
        assert (repeat["repeat"], repeat["sale_id"]) == (True, sold["sale_id"])
    log = "\n".join(service.said())
    assert [trace for trace in TRACES if trace.decode() in log + spoken] == []
    assert traces(folder) == []
    assert "ERROR" not in log


def test_a_suppression_is_heard_by_every_worker_and_outlives_a_reload_and_a_restart(folder: Path) -> None:
    with RealService(folder, "--workers", "2") as service:
        service.ready()
        done = pingpost(service, "suppress", "--caller", CALLER, "--reason", "by telephone")
        assert (done.returncode, done.stdout) == (0, "suppression list *: 1 of 1 named are new on it\n"), done.stderr

        def refused_by_all() -> bool:
            said = [service.ping("first", PERSON).body["status"] for _ in range(20)]
            return said == ["suppressed"] * 20

        service.until(refused_by_all)
        assert service.admin("reload", method="POST").status == 200
        assert refused_by_all()
    with RealService(folder) as service:
        service.ready()
        assert service.ping("first", PERSON).body["status"] == "suppressed"
        found = pingpost(service, "suppress", "--caller", CALLER, "--find")
        assert "by telephone" in found.stdout
        shown = pingpost(service, "suppress", "--json")
        assert json.loads(shown.stdout)["lists"] == [{"list": "*", "people": 1, "in_catalog": False}]
        assert pingpost(service, "suppress", "--caller", CALLER, "--remove").returncode == 0
        service.until(lambda: bool(service.ping("first", PERSON).body["success"]))


def test_people_of_a_file_are_suppressed_and_what_is_no_person_is_told(folder: Path) -> None:
    people = folder / "people.txt"
    people.write_text("\n".join([*(f"+1212555{at:04}" for at in range(1500)), "annabel@example.com", ""]))
    with RealService(folder) as service:
        service.ready()
        done = pingpost(service, "suppress", "--file", str(people))
        assert done.stdout == "suppression list *: 1501 of 1501 named are new on it\n", done.stderr
        for words in (["--caller", "12"], ["--caller", CALLER, "--list", "none"], ["--file", str(folder / "none")]):
            done = pingpost(service, "suppress", *words)
            assert (done.returncode, done.stderr.startswith("pingpost: ")) == (1, True), done.stderr
        done = pingpost(service, "forget")
        assert (done.returncode, "caller or email is required" in done.stderr) == (1, True), done.stderr


def test_an_operators_system_forgets_by_the_path(folder: Path) -> None:
    with RealService(folder) as service:
        service.ready()
        assert service.post("first", PERSON).body["success"]
        token = TOKENS["PINGPOST_ADMIN_TOKEN"]
        asked = {"caller": CALLER, "suppress": True}
        told = service.ask("/admin/forget", asked, token=token)
        assert (told.status, told.body["known"], told.body["suppressed"]) == (200, True, True)
        assert told.body["buyers"][0]["buyer_id"] == 1
        service.until(lambda: service.post("first", PERSON).body["status"] == "suppressed")
        assert service.ask("/admin/forget", {}, token=token).status == 422
        assert service.ask("/admin/forget", asked).status == 401
    assert traces(folder) == []
