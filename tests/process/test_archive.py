"""The archive beside a running service: started, started again, ended last, and by hand."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.process.running import ROOT, SECONDS_MAX, is_gone
from tests.real_service import RealService

ARCHIVE = "\0archive\0"
WITH = {"PINGPOST_ARCHIVE": "1"}


def ledger_rows(service: RealService, question: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{service.folder / 'var' / 'ledger.sqlite'}?mode=ro", uri=True) as connection:
        return connection.execute(question).fetchall()


def lead(at: int) -> dict[str, str]:
    return {"caller_id": f"+1212555{at:04}"}


def test_what_was_sold_until_the_end_is_in_the_ledger_when_the_service_has_ended(tmp_path: Path) -> None:
    with RealService(tmp_path, "--workers", "2", env=WITH) as service:
        service.ready()
        service.wait_for("the archive takes sales and decisions into the ledger")
        sold = {service.post("first", lead(at)).body["sale_id"] for at in range(5)}
        service.signal(signal.SIGTERM)
        assert service.ended() == 0
        said = "\n".join(service.said())
        assert said.index("the archive has taken everything and ends") < said.rindex("ended")
        assert {sale for (sale,) in ledger_rows(service, "SELECT sale_id FROM sales")} == sold
        assert ledger_rows(service, "SELECT sum(amount_micros), count(*) FROM entries")[0][0] == 0
        assert ledger_rows(service, "SELECT posts, posts_sold FROM volume") == [(5, 5)]


def test_an_archive_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with RealService(tmp_path, env=WITH) as service:
        service.ready()
        service.wait_for("the archive takes sales and decisions into the ledger")
        (before,) = service.children(ARCHIVE)
        assert os.getpriority(os.PRIO_PROCESS, before) >= 10, "it gives way to the workers"
        os.kill(before, signal.SIGKILL)
        service.wait_for(r"the archive has ended \(code -9\); starting it again in 1 s")
        service.wait_for("the archive takes sales and decisions into the ledger")
        (after,) = service.children(ARCHIVE)
        assert after != before
        sale = service.post("first", lead(1)).body["sale_id"]
        service.until(lambda: ledger_rows(service, "SELECT sale_id FROM sales") == [(sale,)])


def test_its_metrics_stand_in_the_scrape_of_the_service(tmp_path: Path) -> None:
    with RealService(tmp_path, env=WITH) as service:
        service.ready()
        service.post("first", lead(1))
        service.until(lambda: 'pingpost_archive_entries_total{stream="sales"} 1.0' in service.text("/metrics"))
        scraped = service.text("/metrics")
        assert 'pingpost_archive_behind_entries{stream="sales"} 0.0' in scraped
        assert "pingpost_sales_stream_entries 1.0" in scraped
        assert "pingpost_store_up 1.0" in scraped


def test_without_the_archive_sales_wait_in_redis_and_one_by_hand_takes_them(tmp_path: Path) -> None:
    with RealService(tmp_path) as service:
        service.ready()
        sale = service.post("first", lead(1)).body["sale_id"]
        assert service.children(ARCHIVE) == set()
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("PINGPOST_", "PROMETHEUS_"))}
        command = [sys.executable, "-m", "service", "archive", "--var", str(tmp_path / "var")]
        command += ["--catalog", str(service.catalog), "--log-format", "plain"]
        by_hand = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True)
        ledger = tmp_path / "var" / "ledger.sqlite"
        service.until(lambda: ledger.exists() and _sales(service) == [(sale,)])
        by_hand.terminate()
        _, said = by_hand.communicate(timeout=SECONDS_MAX)
        assert by_hand.returncode == 0, said
        assert "the archive has taken everything and ends" in said


def _sales(service: RealService) -> list[tuple[Any, ...]]:
    try:
        return ledger_rows(service, "SELECT sale_id FROM sales")
    except sqlite3.OperationalError:  # its tables are being made
        return []


def test_it_ends_with_a_service_that_is_killed(tmp_path: Path) -> None:
    with RealService(tmp_path, env=WITH) as service:
        service.ready()
        service.wait_for("the archive takes sales and decisions into the ledger")
        (archive,) = service.children(ARCHIVE)
        service.process.kill()
        service.process.wait()
        service.until(lambda: is_gone(archive))


def test_a_ledger_of_a_newer_program_is_a_sentence_and_posts_go_on(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    with sqlite3.connect(tmp_path / "var" / "ledger.sqlite") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    with RealService(tmp_path, env=WITH) as service:
        service.ready()
        service.wait_for("tables are of version 9999, which this program does not know")
        assert service.post("first", lead(1)).body["success"]


def test_an_archive_without_a_redis_to_read_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "service", "archive", "--var", str(tmp_path), "--account", "demo"]
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PINGPOST_", "PROMETHEUS_"))}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "No service keeps its Redis under" in done.stderr


def test_the_database_s_password_is_in_no_log_line(tmp_path: Path) -> None:
    url = "postgresql://me:sesame@127.0.0.1:1/ledger"
    with RealService(tmp_path, env=WITH | {"PINGPOST_LEDGER_URL": url}) as service:
        service.ready()
        service.wait_for("the archive stands still and tries again")
        assert service.post("first", lead(1)).body["success"], "posts ask nothing of the ledger"
        service.signal(signal.SIGTERM)
        assert service.ended() == 0
        assert not any("sesame" in line for line in service.said())
