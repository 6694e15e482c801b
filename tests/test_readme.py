"""The README says what the code says: settings, metrics, rooms, and the files it points to."""

import re
from pathlib import Path

import pytest

from service import metrics, settings
from service.cli.benching import BENCH_TOKEN
from service.ledger.totals import ROWS_MAX
from service.reports.asking import SPAN_DAYS_MAX
from service.reports.figures import FIGURES, Figure
from tests.test_rooms import ROWS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("row", settings.TABLE, ids=lambda row: row.name)
def test_every_setting_stands_in_the_readme_with_its_default_and_help(row: settings.Setting) -> None:
    default = "" if row.default in (None, (), b"") else f"`{row.default}`"
    flag = f"`{row.flag}`" if row.flag else ""
    assert f"| {flag} | `{row.env}` | {default} | {row.help} |" in README


@pytest.mark.parametrize("row", metrics.TABLE, ids=lambda row: row.name)
def test_every_metric_stands_in_the_readme_with_its_labels_and_help(row: metrics.Described) -> None:
    assert f"| `{row.name}` | {row.kind} | {', '.join(row.labels)} | {row.help} |" in README


def test_the_readme_names_no_setting_and_no_metric_that_is_not_there() -> None:
    named = set(re.findall(r"PINGPOST_[A-Z_]+", README))
    assert named <= {row.env for row in settings.TABLE} | {BENCH_TOKEN}
    counted = set(re.findall(r"pingpost_[a-z_]+", README))
    assert counted <= {row.name for row in metrics.TABLE}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_every_figure_stands_in_the_readme_with_its_readers_and_meaning(figure: Figure) -> None:
    readers = ", ".join(who for who in ("operator", "buyer", "source") if who in figure.audience)
    assert f"| `{figure.name}` | {figure.kind} | {readers} | {figure.meaning} |" in README


def test_the_limits_of_reports_in_the_readme_are_those_of_the_code() -> None:
    said = f"at most {SPAN_DAYS_MAX} days and has at most {ROWS_MAX:,} rows"
    assert said in README


def test_the_map_has_every_room_in_its_row() -> None:
    for number, rooms in enumerate(ROWS):
        row = next(line for line in README.splitlines() if line.startswith(f"| {number} |"))
        assert rooms == set(re.findall(r"`([a-z_]+)`", row.split("|")[2]))


def test_what_the_readme_points_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
