"""The command line: what is typed and what is printed."""

import hashlib
import http.server
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import __version__, match
from service.catalog import load
from service.cli import main
from service.model.catalog import Catalog
from service.settings import TABLE
from tests.process.running import CATALOG, ROOT, write_catalog

Captured = pytest.CaptureFixture[str]
TOKEN = "admin-token-0123456789"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return write_catalog(tmp_path / "catalog")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in TABLE:
        monkeypatch.delenv(row.env, raising=False)


def test_a_good_catalog_is_summed_up(catalog: Path, capsys: Captured) -> None:
    assert main(["check", str(catalog)]) == 0
    assert "1 offer, 1 endpoint, 1 buyer, 1 contract, 0 traffic sources, 10 tracking numbers" in capsys.readouterr().out


def test_check_prints_every_mistake(tmp_path: Path, capsys: Captured) -> None:
    folder = write_catalog(tmp_path / "catalog", CATALOG.replace("25.00", "-5").replace('"Buyer A"', "7"))
    assert main(["check", str(folder)]) == 1
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2
    assert "catalog.toml: buyers[0].contracts[0].bid: -5 is not a price above 0" in printed.out
    assert printed.err == f"{folder}: 2 mistakes\n"


def test_diff_tells_the_contract_that_changes(catalog: Path, tmp_path: Path, capsys: Captured) -> None:
    new = write_catalog(tmp_path / "new", CATALOG.replace("25.00", "30.00"))
    assert main(["diff", str(catalog), str(new)]) == 0
    assert re.fullmatch(r".*1-calls.*25\.00.*30\.00.*\n", capsys.readouterr().out)
    assert main(["diff", str(catalog), str(catalog)]) == 0
    assert capsys.readouterr().out == "nothing changes\n"


def test_diff_with_a_wrong_catalog_fails(catalog: Path, tmp_path: Path, capsys: Captured) -> None:
    wrong = write_catalog(tmp_path / "wrong", CATALOG.replace("25.00", "-5"))
    assert main(["diff", str(catalog), str(wrong)]) == 1
    assert f"{wrong}: catalog.toml: buyers[0].contracts[0].bid" in capsys.readouterr().err


def explain(folder: Path, lead: str, *flags: str) -> int:
    (folder / "lead.json").write_text(lead)
    return main(
        ["explain", "--catalog", str(folder), "--endpoint", "first", "--lead", str(folder / "lead.json"), *flags]
    )


def test_explain_prints_the_verdict_of_every_contract(tmp_path: Path, capsys: Captured) -> None:
    hours = CATALOG.replace("bid = 25.00", 'bid = 25.00\n  hours = { mon = ["09:00-17:00"] }')
    folder = write_catalog(tmp_path / "catalog", hours)
    lead = '{"caller_id": "(800) 555-1234"}'
    assert explain(folder, lead, "--at", "2026-11-23T09:30") == 0
    assert re.search(r"1  Buyer A  1-calls +offered  25\.00", capsys.readouterr().out)
    assert explain(folder, lead, "--at", "2026-11-23T17:00:00+00:00", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["normalised"] == {"caller_id": "+18005551234"}
    (verdict,) = answer["contracts"]
    assert (verdict["verdict"], verdict["reason"], verdict["code"]) == ("declined", "schedule", 202)
    assert verdict["detail"]["opens_at"] == "2026-11-30T09:00:00+00:00"


DEFAULT_BUYER = """
[[buyers]]
id = 2
name = "Last Resort"
destination = "+18005559998"

  [[buyers.contracts]]
  offer = "calls"
  bid = 9.00
  where = { state = ["HI"] }
"""


def test_explain_offers_the_default_buyer_what_nobody_else_takes(tmp_path: Path, capsys: Captured) -> None:
    text = CATALOG.replace('delivery = "call"', 'delivery = "call"\ndefault_buyer = 2')
    text = text.replace("bid = 25.00", 'bid = 25.00\n  where = { state = ["TX"] }')
    folder = write_catalog(tmp_path / "catalog", text + DEFAULT_BUYER)
    loaded = load(folder)
    assert isinstance(loaded, Catalog)
    for state, buyers in (("TX", {1}), ("CA", {2}), ("HI", {2})):
        assert explain(folder, f'{{"caller_id": "8005551234", "state": "{state}"}}', "--json") == 0
        answer = json.loads(capsys.readouterr().out)
        offered = [row for row in answer["contracts"] if row["verdict"] == "offered"]
        assert {row["buyer_id"] for row in offered} == buyers
        assert len(answer["contracts"]) == 2
        asked = match.Asked(match.facts(answer["normalised"], ""), answer["at_ms"], "0" * 32)
        ranking = match.build(loaded, "calls").rank(asked)
        default = None if ranking.take(1) else ranking.default_bid()
        assert [row["bid"] for row in offered if "detail" in row] == (
            [] if default is None else [default.payout_micros / 1_000_000]
        )
    assert explain(folder, '{"caller_id": "8005551234", "state": "CA", "min_bid": 10}') == 0
    assert "offered" not in capsys.readouterr().out


def test_a_mistyped_command_is_told_those_that_there_are(capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        main(["chekc"])
    told = capsys.readouterr().err
    assert "'check'" in told
    assert "compile" not in told


def test_a_folder_that_is_not_there_is_told_once(tmp_path: Path, capsys: Captured) -> None:
    assert main(["check", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().out == "nowhere: cannot be read: No such file or directory\n"


@pytest.mark.parametrize(
    ("lead", "flags", "sentence"),
    [
        ('{"caller_id": "1"}', [], "caller_id"),
        ("[1]", [], "is not a lead"),
        ("{}", ["--at", "noon"], "--at 'noon' is not a time; write 2026-11-23T09:30"),
        ("{}", ["--endpoint", "lost"], "There is no endpoint 'lost'; there are first."),
        ("{}", ["--lead", "/no/lead.json"], "/no/lead.json cannot be read: No such file or directory."),
    ],
)
def test_explain_says_what_is_wrong_with_the_question(
    catalog: Path, capsys: Captured, lead: str, flags: list[str], sentence: str
) -> None:
    assert explain(catalog, lead, *flags) == 1
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert printed.out == ""


def test_a_token_comes_with_its_hash(capsys: Captured) -> None:
    assert main(["token"]) == 0
    first = capsys.readouterr().out
    token, digest = re.findall(r"(?:token|sha256) +(\S+)", first)[:2]
    assert hashlib.sha256(token.encode()).hexdigest() == digest
    assert f'auth_tokens = [{{ name = "main", sha256 = "{digest}" }}]' in first
    main(["token"])
    assert token not in capsys.readouterr().out


def test_the_printed_line_of_a_token_is_one_a_catalog_takes(tmp_path: Path, capsys: Captured) -> None:
    main(["token"])
    line = capsys.readouterr().out.splitlines()[-1]
    folder = write_catalog(tmp_path / "catalog", f'{CATALOG}\n[[traffic_sources]]\nid = "s"\n{line}\n')
    assert main(["check", str(folder)]) == 0


def test_a_wrong_setting_is_one_sentence_and_code_two(capsys: Captured) -> None:
    assert main(["serve", "--port", "-1"]) == 2
    assert capsys.readouterr().err == "pingpost: --port must be a whole number from 0 to 65535. You gave '-1'.\n"


def test_help_names_every_setting(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as end:
        main(["serve", "--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert [row.env for row in TABLE if row.env not in shown] == []
    assert [row.flag for row in TABLE if row.flag and row.flag not in shown] == []
    for hidden in ("--secret", "--admin-token", "--edge-token"):
        assert hidden not in shown


def test_help_lists_what_a_user_types_and_nothing_else(capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert re.findall(r"^    (\w+) ", shown, re.M) == [
        "serve",
        "archive",
        "check",
        "diff",
        "explain",
        "token",
        "status",
        "suppress",
        "forget",
        "bench",
    ]
    assert "examples:" in shown


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "service", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"pingpost {__version__}\n"


def test_no_command_is_told_with_its_usage() -> None:
    done = subprocess.run([sys.executable, "-m", "service"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the following arguments are required: COMMAND" in done.stderr


# -- status, against a server that answers as /admin/status is documented

ANSWER = {
    "success": True,
    "status": "success",
    "catalog": "abc123",
    "buyers": [
        {
            "buyer_id": 14,
            "name": "Pacific",
            "paused": True,
            "slots": 2,
            "holds": 1,
            "cap": 5,
            "ping_limit": 4,
            "contracts": [
                {
                    "contract": "14-auto",
                    "caps": [
                        {"per": "day", "limit": 500, "sold": 12, "pending": 1, "resets_at": "2026-11-24T05:00:00Z"}
                    ],
                }
            ],
        }
    ],
    "pools": [{"id": "auto", "free": 1, "lent": 1, "cooling": 0}],
}


class _Admin(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        allowed = self.headers["Authorization"] == f"Bearer {TOKEN}" and self.path == "/admin/status"
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(json.dumps(ANSWER if allowed else {}).encode())

    def log_message(self, *_said: object) -> None:
        """Not into the test's output."""


@pytest.fixture
def admin() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Admin) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_status_prints_tables(admin: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("PINGPOST_ADMIN_TOKEN", TOKEN)
    assert main(["status", "--url", admin]) == 0
    shown = capsys.readouterr().out
    assert "catalog abc123" in shown
    assert re.search(r"14  Pacific  yes +2 +1 +5 +4\n", shown)
    assert re.search(r"14-auto   day +12 +1 +500  2026-11-24T05:00:00Z", shown)
    assert re.search(r"auto +1 +1 +0\n", shown)


def test_status_needs_no_scheme_and_no_token_of_edges(
    admin: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("PINGPOST_ADMIN_TOKEN", TOKEN)
    monkeypatch.setenv("PINGPOST_EDGE_TOKEN", "wrong")
    assert main(["status", "--url", admin.removeprefix("http://")]) == 0
    assert "catalog abc123" in capsys.readouterr().out


def test_status_takes_the_port_of_the_operators(admin: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("PINGPOST_ADMIN_TOKEN", TOKEN)
    monkeypatch.setenv("PINGPOST_OPS_PORT", admin.rpartition(":")[2])
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == ANSWER


@pytest.mark.parametrize(
    ("token", "url", "sentence"),
    [
        ("", "{admin}", "PINGPOST_ADMIN_TOKEN is not set"),
        ("another-token-0123456789", "{admin}", "answered 401: the token is not the one the service was started with."),
        (TOKEN, "http://127.0.0.1:1", "does not answer: "),
        (TOKEN, "http:///", "does not answer: "),
    ],
)
def test_status_says_why_there_is_none(
    admin: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured, token: str, url: str, sentence: str
) -> None:
    monkeypatch.setenv("PINGPOST_ADMIN_TOKEN", token)
    assert main(["status", "--url", url.format(admin=admin)]) == 1
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert len(printed.err.splitlines()) == 1
