"""Logs: one JSON object or one plain line, with nothing personal in it."""

import json
import logging
from collections.abc import Iterator

import pytest

from service import logs


@pytest.fixture(autouse=True)
def _logging_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    "personal",
    [
        "18005551234",
        "+18005551234",
        "(800) 555-1234",
        "800-555-1234",
        "800.555.1234",
        "+44 20 7946 0958",
        "a.b+c@mail.example.com",
    ],
)
def test_numbers_and_addresses_are_masked(personal: str) -> None:
    masked = logs.mask(f"the caller {personal} rang")
    assert personal not in masked
    assert masked.startswith("the caller ")
    assert masked.endswith(" rang")
    assert sum(c.isdigit() for c in masked) <= 2


@pytest.mark.parametrize(
    "kept",
    [
        "decision 0123456789abcdef0123456789abcdef",
        "p00112233445566778899aabbccddeeff-3",
        "at 2026-11-21T17:30:00Z",
        "at 2026-11-21 17:30:00",
        "listening on http://127.0.0.1:8080",
        "zip 90210 cap 500",
    ],
)
def test_what_is_not_personal_is_kept(kept: str) -> None:
    assert logs.mask(kept) == kept


def test_two_numbers_in_a_row_are_both_masked() -> None:
    assert "555" not in logs.mask("+18005551234 (800) 555-1234")


def test_a_fault_is_one_json_object_with_its_trace_id(capsys: Captured) -> None:
    logs.set_up(log_format="json")
    trace_id = logs.new_trace_id()
    try:
        raise ValueError("no parser for 18005551234")
    except ValueError:
        logging.getLogger("service.app").exception("fault", extra={"trace_id": trace_id, "lead": "a@b.example.com"})
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["message"]) == ("ERROR", "service.app", "fault")
    assert entry["trace_id"] == trace_id
    assert "ValueError" in entry["exc_info"]
    assert "8005551" not in line
    assert "a@b" not in line


def test_a_plain_line_ends_with_its_trace_id(capsys: Captured) -> None:
    logs.set_up(log_format="plain")
    logging.getLogger("x").error("lost %s", "18005551234", extra={"trace_id": "00ff"})
    assert capsys.readouterr().err.rstrip().endswith("ERROR   x: lost ********34 trace_id=00ff")


def test_what_is_not_a_terminal_gets_json(capsys: Captured) -> None:
    logs.set_up(log_format="auto")
    logging.getLogger("x").warning("hello")
    assert json.loads(capsys.readouterr().err)["message"] == "hello"


def test_the_level_is_obeyed(capsys: Captured) -> None:
    logs.set_up(log_format="plain", level="warning")
    logging.getLogger("x").info("chatter")
    assert capsys.readouterr().err == ""
