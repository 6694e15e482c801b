"""The arguments of the commands that read what happened: `report`, `statement`, `why`, `tail`."""

import argparse
from typing import Any

from service.settings import TABLE, Setting

REPORT_EXAMPLES = """\
examples:
  pingpost report                                  the last seven days, summed up
  pingpost report yesterday --by hour
  pingpost report 2026-11 --by source              ... and each source's posts for each ping
  pingpost report --days 30 --by buyer,contract --csv > november.csv
  pingpost report --from 2026-11-01 --to 2026-11-15 --by day --endpoint my_endpoint
  pingpost report today --by reason --buyer 1      why its contracts declined
"""
STATEMENT_EXAMPLES = """\
examples:
  pingpost statement 1 2026-11
  pingpost statement 1 2026-11 --csv > statement.csv
"""
WHY_EXAMPLES = """\
examples:
  pingpost why 6c4a914c915d298b882ff8df182342bf    a decision_id; a ping_id or sale_id does as well
  pingpost why "(212) 555-1234"                    the latest decisions on a caller
"""
TAIL_EXAMPLES = """\
examples:
  pingpost tail
  pingpost tail --endpoint my_endpoint --source abc
  pingpost tail --json | jq .status
"""

_Commands = argparse._SubParsersAction  # argparse names no public type for it
_WHERE = ("var", "ledger_url")
_WHERE_LIVE = ("var", "redis_url", "ledger_url")


def add_reports(commands: "_Commands[argparse.ArgumentParser]") -> None:
    _add_report(commands)
    _add_statement(commands)
    _add_why(commands)
    _add_tail(commands)


def _add_report(commands: "_Commands[argparse.ArgumentParser]") -> None:
    report = _command(
        commands,
        "report",
        help="volume, bids, rates and money, by time, source, buyer, contract, endpoint or reason",
        description="Figures of the ledger. Days and hours are those of the account's time zone; what each figure "
        "means is in the README. Counts of a sale stand at the time of its post.",
        epilog=REPORT_EXAMPLES,
    )
    report.add_argument(
        "period",
        nargs="?",
        metavar="PERIOD",
        help="today, yesterday, this_week, last_week, this_month, last_month, a month (2026-11) or a day (2026-11-21)",
    )
    report.add_argument("--from", metavar="TIME", help="a date, or an ISO 8601 time")
    report.add_argument("--to", metavar="TIME", help="a date, which is included, or a time, which is not")
    report.add_argument("--days", metavar="N", help="today and the days before it, so many in all (default 7)")
    report.add_argument(
        "--by", metavar="WORD,...", help="hour, day, week or month, and endpoint, source, buyer, contract; or reason"
    )
    report.add_argument("--endpoint", metavar="VANITY_URI", help="only this one")
    report.add_argument("--source", metavar="ID", help="only this traffic source")
    report.add_argument("--buyer", metavar="ID", help="only this buyer")
    report.add_argument("--contract", metavar="ID", help="only this contract")
    _add_formats(report)
    _add_settings(report, _WHERE)
    report.set_defaults(run=("reporting", "report"))


def _add_statement(commands: "_Commands[argparse.ArgumentParser]") -> None:
    statement = _command(
        commands,
        "statement",
        help="what moved on a buyer's account in a month, for an invoice",
        description="Opening balance, sales by contract, returns, top-ups, corrections and closing balance of a month "
        "in the account's time zone. They add up.",
        epilog=STATEMENT_EXAMPLES,
    )
    statement.add_argument("buyer", metavar="BUYER", help="the buyer's id")
    statement.add_argument("month", metavar="MONTH", help="as in 2026-11")
    _add_formats(statement)
    _add_settings(statement, _WHERE)
    statement.set_defaults(run=("reporting", "statement"))


def _add_why(commands: "_Commands[argparse.ArgumentParser]") -> None:
    why = _command(
        commands,
        "why",
        help="what was decided on a lead, contract by contract, and what became of it",
        description="Reads the ledger, and from Redis what is not archived yet. Verdicts are worked out again under "
        "the catalog that decided, as it is kept under --var.",
        epilog=WHY_EXAMPLES,
    )
    why.add_argument("id", metavar="ID|CALLER", help="a ping_id, decision_id, sale_id or telephone number")
    why.add_argument("--last", type=int, default=3, metavar="N", help="of a caller: so many decisions (default 3)")
    why.add_argument("--json", action="store_true", help="JSON instead of tables")
    _add_settings(why, _WHERE_LIVE)
    why.set_defaults(run=("whying", "why"))


def _add_tail(commands: "_Commands[argparse.ArgumentParser]") -> None:
    tail = _command(
        commands,
        "tail",
        help="follow decisions as they are made",
        description="Prints a line for each decision, until Ctrl-C. Personal fields of leads are not shown.",
        epilog=TAIL_EXAMPLES,
    )
    tail.add_argument("--endpoint", metavar="VANITY_URI", help="only this one")
    tail.add_argument("--source", metavar="ID", help="only this traffic source")
    tail.add_argument("--json", action="store_true", help="one JSON object a line")
    _add_settings(tail, ("var", "redis_url"))
    tail.set_defaults(run=("tailing", "tail"))


def _command(commands: "_Commands[argparse.ArgumentParser]", name: str, **about: Any) -> argparse.ArgumentParser:
    return commands.add_parser(name, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **about)


def _add_formats(command: argparse.ArgumentParser) -> None:
    formats = command.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    formats.add_argument("--csv", action="store_true", help="for a spreadsheet; no cell of it is a formula")


def _add_settings(command: argparse.ArgumentParser, names: tuple[str, ...]) -> None:
    for setting in TABLE:
        if setting.name in names and setting.flag is not None:
            command.add_argument(setting.flag, dest=setting.name, metavar=setting.metavar, help=_help(setting))


def _help(setting: Setting) -> str:
    default = "" if setting.default in (None, ()) else f" (default {setting.default})"
    return f"{setting.help}{default} [{setting.env}]".replace("%", "%%")
