"""`pingpost report` and `statement`: what is typed and what is printed."""

import csv
import io
import json
from pathlib import Path
from time import time_ns

import pytest

from service.cli import main
from service.settings import TABLE
from tests.process.running import write_catalog
from tests.reports.books import Books, at

Captured = pytest.CaptureFixture[str]
NOW = time_ns() // 1_000_000
NOON = at("2026-11-20T12:00+00:00")


@pytest.fixture(autouse=True)
def _beside(books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger of the test, and a catalog in UTC."""
    for row in TABLE:
        monkeypatch.delenv(row.env, raising=False)
    monkeypatch.setenv("PINGPOST_LEDGER_URL", books.url)
    monkeypatch.setenv("PINGPOST_VAR", str(tmp_path / "var"))
    monkeypatch.setenv("PINGPOST_CATALOG", str(write_catalog(tmp_path / "catalog")))


def test_a_report_without_groups_says_what_each_figure_means(books: Books, capsys: Captured) -> None:
    books.volume(NOW, pings=4, posts=1, posts_sold=1)
    books.sale(NOW)
    assert main(["report"]) == 0
    out = capsys.readouterr().out
    assert "(UTC), USD" in out
    assert "post_ping_ratio    0.2500  posts / pings" in out
    assert "acceptance_rate   100.00%  posts_sold / posts" in out
    assert "margin               5.00  revenue - payout" in out


def test_a_report_by_something_is_a_table_with_a_total(books: Books, capsys: Captured) -> None:
    books.sale(NOON)
    books.sale(NOON, buyer_id=7, bid_micros=20_000_000)
    assert main(["report", "2026-11-20", "--by", "buyer"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["buyer", "sales", "revenue", "payout", "margin", "revenue_per_lead", "cost_per_lead"]
    assert [line.split()[0] for line in lines[3:]] == ["1", "7", "total"]
    assert lines[3].split()[:5] == ["1", "Buyer", "A", "1", "25.00"]
    assert lines[5].split() == ["total", "2", "45.00", "40.00", "5.00", "22.50", "20.00"]


def test_a_report_for_machines(books: Books, capsys: Captured) -> None:
    books.sale(NOON, source_id="=1+1")
    words = ["report", "--from", "2026-11-20", "--to", "2026-11-20", "--by", "source"]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["from"], told["rows"][0]["source"], told["total"]["revenue"]) == (
        "2026-11-20T00:00:00+00:00",
        "=1+1",
        25.0,
    )
    assert main([*words, "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    assert (row["source"], row["revenue"], row["pings"]) == ("'=1+1", "25.00", "0")


def test_all_that_is_wrong_is_told_and_it_is_wrong_usage(capsys: Captured) -> None:
    assert main(["report", "someday", "--by", "colour", "--buyer", "Ann"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_a_statement_is_printed(books: Books, capsys: Captured) -> None:
    books.entry(NOON, 100_000_000, "top_up", reason="@wire")
    books.entry(NOON, -25_000_000, "sale", sale_id=books.sale(NOON))
    assert main(["statement", "1", "2026-11"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Buyer A (buyer 1), 2026-11: 2026-11-01T00:00:00+00:00 to 2026-12-01T00:00:00+00:00 (UTC)\n")
    assert out.splitlines()[-1].split() == ["closing", "balance", "75.00"]
    assert main(["statement", "1", "2026-11", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["closing"] == 75.0
    assert main(["statement", "1", "2026-11", "--csv"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out, newline="")))
    assert rows[1:] == [
        ["opening balance", "", "", "0.00"],
        ["sales", "1-calls", "1", "-25.00"],
        ["top-ups", "'@wire", "1", "100.00"],
        ["closing balance", "", "", "75.00"],
    ]


def test_a_text_cannot_command_the_terminal(books: Books, capsys: Captured) -> None:
    books.entry(NOON, 100_000_000, "top_up", reason="\x1b[2Jwire\r")
    assert main(["statement", "1", "2026-11"]) == 0
    assert "\ufffd[2Jwire\ufffd" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["one", "2026-11"], ["1", "November"], ["77", "2026-11"], ["-1", "2026-11"]])
def test_a_statement_of_nobody_is_refused(words: list[str], capsys: Captured) -> None:
    assert main(["statement", "--", *words]) == 1
    assert capsys.readouterr().err.startswith("pingpost: ")


def test_a_ledger_that_is_away_is_one_sentence(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINGPOST_LEDGER_URL", "postgresql://ann:hunter2@/none?host=/nonexistent")
    assert main(["report"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("pingpost: The ledger's database failed")
    assert "hunter2" not in err


@pytest.mark.parametrize("command", ["report", "statement", "why", "tail"])
def test_help_has_examples_that_can_be_typed(command: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"examples:\n  pingpost {command}" in capsys.readouterr().out
