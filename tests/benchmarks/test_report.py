"""Tables and plots come from a stored JSON and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import plots, report
from benchmarks import results as stored
from benchmarks.budgets import BUDGETS
from benchmarks.results import Failure, Results, Run
from benchmarks.tables import markdown, number, spread

SWEEP_RATES = (1_000.0, 2_000.0, 4_000.0)


def ran(subject: str, at: int = 1, **figures: float) -> Run:
    return Run(subject=subject, round=at, seconds=1.0, figures=figures)


@pytest.fixture
def results() -> Results:
    made = stored.begun("bench", {"rounds": 3})
    for at, slower in ((1, 1.0), (2, 1.1), (3, 0.9)):
        made.runs += [
            ran("bare", at, per_second=24_000.0, cpu_us=40.0 * slower, ping_p99_ms=1.0),
            ran("ping_5", at, per_second=12_000.0, cpu_us=56.0 * slower, ping_p99_ms=4.0),
            ran("ping_half", at, per_second=6_000.0, cpu_us=58.0, ping_p50_ms=0.8, ping_p99_ms=2.5, ping_p999_ms=4.0),
            ran("bare_half", at, per_second=6_000.0, cpu_us=41.0, ping_p50_ms=0.5, ping_p99_ms=1.0, ping_p999_ms=2.0),
            ran("ping_record", at, per_second=9_000.0, cpu_us=70.0, redis_us=60.0, file_bytes=1_000.0),
            ran("memory", at, bytes_per_ping=1_500.0, audit_bytes_per_ping=500.0),
            ran("cycle", at, cycle_client_us=70.0 + at),
            ran("match_30", at, rank_us=2.0, scan_us=20.0),
            ran("match_10000", at, rank_us=8.0, scan_us=8_000.0),
        ]
        points = [
            {"rate": rate, "per_second": rate, **{f"ping_{p}_ms": rate / 1_000 for p in ("p50", "p90", "p99", "p999")}}
            for rate in SWEEP_RATES
        ]
        made.runs.append(Run(subject="sweep", round=at, seconds=1.0, points=points))
    for percent in (0, 95):
        made.runs.append(ran(f"full_{percent}", 1, **{f"ping_{p}_ms": 1.0 for p in ("p50", "p90", "p99", "p999")}))
    made.seconds = 700.0
    return made


def row(text: str, title: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {title} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_results_are_read_as_they_were_written(tmp_path: Path, results: Results) -> None:
    path = stored.write(results, tmp_path)
    assert path.name == f"{results.started_at[:10]}-{results.commit}.json"
    assert stored.read(path) == results


def test_a_part_of_the_suite_does_not_overwrite_all_of_it(tmp_path: Path, results: Results) -> None:
    assert stored.write(results, tmp_path).name != stored.write(results, tmp_path, "cpu,store").name


def test_every_budget_has_its_row(results: Results) -> None:
    text = markdown(results)
    for budget in BUDGETS:
        assert row(text, budget.title)[1].split(";")[0].startswith(("at most", "at least"))


def test_a_budget_is_judged_by_the_median_of_the_rounds(results: Results) -> None:
    text = markdown(results)
    assert row(text, "server CPU of a ping / of the bare handler")[2:4] == ["1.40", "yes"]
    assert row(text, "pings/s of one worker / requests/s of the bare handler")[2:4] == ["0.50", "**no**"]
    assert row(text, "p99 of a ping / of the bare handler, at half the ceiling")[2:4] == ["2.50", "**no**"]
    cycle = row(text, "client CPU of a ping's reservation, its post's and the release")
    assert cycle[2:4] == ["72.0 (71.0 to 73.0) µs", "**no**"]


def test_what_was_not_measured_says_so(results: Results) -> None:
    text = markdown(results)
    assert row(text, "ping to delivered data lead, p99")[3] == "not measurable yet: delivery of data leads is not built"
    assert row(text, "round trips to Redis of a ping")[3] == "not measured"


def test_a_closed_loop_shows_no_latency(results: Results) -> None:
    text = markdown(results)
    assert row(text, "ping, 5 holds, 30 contracts")[-3:] == ["–", "–", "–"]
    assert row(text, "ping, half the ceiling")[-3:] == ["0.80", "2.50", "4.00"]


def test_a_smoke_run_judges_no_times(results: Results) -> None:
    results.kind = "smoke"
    text = markdown(results)
    assert "Its times mean nothing" in text
    assert "yes" not in {row(text, budget.title)[3] for budget in BUDGETS}


def test_what_was_void_is_told_with_its_reason(results: Results) -> None:
    results.failures.append(Failure("overload", 2, "2 unexpected answers; the first: 500 | internal"))
    assert row(markdown(results), "overload")[1] == "2"
    assert "500 \\| internal" in markdown(results)


def test_what_is_sustained_is_the_highest_rate_that_is_served_in_time_and_wholly(results: Results) -> None:
    for run in results.of("sweep"):
        slow, refusing = {"ping_p99_ms": 100.0}, {"ping_p99_ms": 9.0, "refused_p99_ms": 1.0}
        run.points = [
            {"goodput_per_second": rate, "ping_p99_ms": 9.0} | worse
            for rate, worse in ((900.0, {}), (1_900.0 + run.round, {}), (2_800.0, refusing), (3_700.0, slow))
        ]
    assert stored.sustained(results) == [1_901.0, 1_902.0, 1_903.0]


def test_the_sweep_is_a_table_of_rates(results: Results) -> None:
    assert row(markdown(results), "4,000")[1:] == ["4,000", "4.00", "4.00", "4.00", "4.00"]


def test_the_size_of_an_installation_follows_from_the_figures(results: Results) -> None:
    text = markdown(results)
    assert "a core is planned to 60%" in text
    # 5,000 * 70 µs is 35 % of a core; 300,000 live pings of 1,500 bytes and 200,000 decisions of 500.
    assert row(text, "5,000")[1:] == ["1", "30 %", "525 MiB", "16.8 GiB"]
    assert row(text, "10,000")[1:3] == ["2", "60 %"]


def test_every_plot_is_drawn_from_the_stored_file(tmp_path: Path, results: Results) -> None:
    drawn = plots.draw(stored.read(stored.write(results, tmp_path)), tmp_path / "plots")
    assert sorted(path.stem for path in drawn) == ["cpu", "fullness", "match", "rate"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)


def test_a_rate_at_which_nothing_was_accepted_leaves_a_gap(tmp_path: Path, results: Results) -> None:
    for run in results.of("sweep"):
        run.points[-1] = {"rate": 4_000.0, "per_second": 3_000.0}
    assert row(markdown(results), "4,000")[1:] == ["3,000", "–", "–", "–", "–"]
    assert "rate" in [path.stem for path in plots.draw(results, tmp_path)]


def test_plots_without_figures_are_left_out(tmp_path: Path, results: Results) -> None:
    results.runs = [run for run in results.runs if run.subject == "bare"]
    assert [path.stem for path in plots.draw(results, tmp_path)] == ["cpu"]


def test_the_report_is_a_command(tmp_path: Path, results: Results) -> None:
    path = stored.write(results, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.report", str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == markdown(results) + "\n"
    assert (path.with_suffix("") / "rate.png").is_file()


def test_a_file_that_is_none_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.report", str(tmp_path / "x.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "is no file of results" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_newest_results_are_those_begun_last(tmp_path: Path, results: Results) -> None:
    stored.write(results, tmp_path, "old")
    results.started_at = "2999-01-01T00:00:00+00:00"
    later = stored.write(results, tmp_path)
    assert report.newest(tmp_path) == later


def test_tables_go_between_the_markers_and_replace_what_was_there() -> None:
    text = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.put_between(text, "new") == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    assert report.put_between(report.put_between(text, "new"), "new") == report.put_between(text, "new")
    with pytest.raises(ValueError, match="write between"):
        report.put_between("nothing", "new")


def test_the_readme_has_the_markers() -> None:
    report.put_between(report.README.read_text(), "new")


def test_numbers_have_three_digits_that_count() -> None:
    assert [number(value) for value in (0.651, 12.34, 123.4, 12_345.6)] == ["0.65", "12.3", "123", "12,346"]
    assert spread([3.0, 1.0, 2.0]) == "2.00 (1.00 to 3.00)"
    assert spread([]) == "–"
