"""The command line: commands, flags, and their help, made from the table of settings.

`run` of what is parsed names module and function of a command, which are imported only then: a wrong flag is told at
once, and `serve` can set up metrics before anything that counts is imported.
"""

import argparse
from pathlib import Path

from service import __version__
from service.cli.balance_arguments import add_balance
from service.cli.bench_arguments import add_bench
from service.cli.report_arguments import add_reports
from service.settings import TABLE, Setting

COMPILE = "compile"

EXAMPLES = """\
examples:
  pingpost serve                                   the catalog in config/catalog, on http://127.0.0.1:8080
  pingpost serve --workers 4 --ops-port 9090       four workers; operators, edges and /metrics on a port of their own
  PINGPOST_LEDGER_URL=postgresql://... pingpost archive   sales and decisions into the ledger, as a process of its own
  pingpost check config/catalog                    every mistake of a catalog, offline
  pingpost diff config/catalog new-catalog         what would change, contract by contract
  pingpost explain --endpoint my_endpoint --lead lead.json --at 2026-11-23T09:30
  pingpost token                                   a new token and its SHA-256 for a source or a buyer
  pingpost why 6c4a914c915d298b882ff8df182342bf   what was decided on a lead, and what became of it
  pingpost report 2026-11 --by source              volume, rates and money; report --help for more
  pingpost statement 1 2026-11                     a buyer's month, for an invoice
  pingpost bench --endpoint my_endpoint --rate 500 load on a running service; bench --help for more
  PINGPOST_ADMIN_TOKEN=... pingpost status         slots, holds, caps and pools of a running service
  PINGPOST_ADMIN_TOKEN=... pingpost balance top-up 14 500.00 --key wire-8812 --reason "wire of 3 Nov"

SIGHUP makes `serve` take a new catalog; SIGTERM or Ctrl-C makes it finish what is in flight and end.
"""


def parser(*, for_service: bool = False) -> argparse.ArgumentParser:
    """`for_service`: with the command that the service runs in a child, which nobody else should be told of."""
    top = argparse.ArgumentParser(
        prog="pingpost",
        description="A ping/post exchange for leads and calls.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"pingpost {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_serve(commands)
    _add_archive(commands)
    _add_check(commands)
    _add_diff(commands)
    _add_explain(commands)
    token = commands.add_parser("token", help="make a token for a traffic source, a buyer, an edge or an operator")
    token.set_defaults(run=("tokens", "make"))
    _add_status(commands)
    add_balance(commands)
    add_reports(commands)
    add_bench(commands)
    if for_service:
        _add_compile(commands)
    return top


_Commands = argparse._SubParsersAction  # argparse names no public type for it


def _add_compile(commands: "_Commands[argparse.ArgumentParser]") -> None:
    compiled = commands.add_parser(COMPILE)
    compiled.add_argument("folder", type=Path)
    compiled.add_argument("var", type=Path)
    compiled.add_argument("kept_max", type=int)
    compiled.add_argument("--reload", action="store_true")
    compiled.set_defaults(run=("catalogs", "compile_for_service"))


def _add_serve(commands: "_Commands[argparse.ArgumentParser]") -> None:
    serve = commands.add_parser(
        "serve",
        help="serve pings, posts and calls",
        description="Serves a catalog. Every flag can be given in the environment too; a flag wins.",
        epilog=_only_in_environment(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for setting in TABLE:
        if setting.flag is not None:
            serve.add_argument(setting.flag, dest=setting.name, metavar=setting.metavar, help=_help(setting))
    serve.set_defaults(run=("serving", "serve"))


ARCHIVE_SETTINGS = ("catalog", "var", "redis_url", "ledger_url", "decisions_days", "log_format", "log_level")


def _add_archive(commands: "_Commands[argparse.ArgumentParser]") -> None:
    archive = commands.add_parser(
        "archive",
        help="bring sales and decisions from Redis into the ledger; `serve` does so by itself",
        description="Takes what was sold and decided from Redis into the ledger until SIGTERM. `serve` starts one "
        "unless PINGPOST_ARCHIVE=0; several at once do no harm. Every flag can be given in the environment too.",
        epilog=_only_in_environment("secret"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    archive.add_argument("--account", metavar="ID", help="account whose streams these are (default: the catalog's)")
    for setting in TABLE:
        if setting.name in ARCHIVE_SETTINGS and setting.flag is not None:
            archive.add_argument(setting.flag, dest=setting.name, metavar=setting.metavar, help=_help(setting))
    archive.set_defaults(run=("archiving", "archive"))


def _help(setting: Setting) -> str:
    default = "" if setting.default in (None, ()) else f" (default {setting.default})"
    return f"{setting.help}{default} [{setting.env}]".replace("%", "%%")


def _only_in_environment(*names: str) -> str:
    """Of all secrets, or of these."""
    secrets = [setting for setting in TABLE if setting.secret and (not names or setting.name in names)]
    lines = [f"  {setting.env:<22}{setting.help}" for setting in secrets]
    return "\n".join(["only in the environment, for a command line can be read by others:", *lines])


def _add_check(commands: "_Commands[argparse.ArgumentParser]") -> None:
    check = commands.add_parser("check", help="tell every mistake of a catalog; exit code 1 if there is one")
    check.add_argument("folder", type=Path, nargs="?", default=Path("config/catalog"), metavar="FOLDER")
    check.set_defaults(run=("catalogs", "check"))


def _add_diff(commands: "_Commands[argparse.ArgumentParser]") -> None:
    diff = commands.add_parser("diff", help="tell what changes from one catalog to another, contract by contract")
    diff.add_argument("old", type=Path, metavar="OLD")
    diff.add_argument("new", type=Path, metavar="NEW")
    diff.set_defaults(run=("catalogs", "diff"))


def _add_explain(commands: "_Commands[argparse.ArgumentParser]") -> None:
    explain = commands.add_parser(
        "explain",
        help="print the verdict of every contract on a lead, offline",
        description="Prints what each contract of an endpoint's offer says to a lead, and why. Room, caps, "
        "balances and duplicates are not known offline.",
    )
    explain.add_argument("--endpoint", required=True, metavar="VANITY_URI")
    explain.add_argument(
        "--lead", required=True, metavar="FILE", help="a JSON object as it would be pinged; - for stdin"
    )
    explain.add_argument(
        "--at", metavar="TIME", help="ISO 8601; without an offset in the account's zone (default: now)"
    )
    explain.add_argument("--source", default="", metavar="ID", help="traffic_source_id, if the lead has none")
    explain.add_argument("--catalog", type=Path, default=Path("config/catalog"), metavar="FOLDER")
    explain.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    explain.set_defaults(run=("explaining", "explain"))


def _add_status(commands: "_Commands[argparse.ArgumentParser]") -> None:
    asked = commands.add_parser(
        "status",
        help="print slots, holds, caps and pools of a running service",
        description="Asks /admin/status of a running service with the token in PINGPOST_ADMIN_TOKEN.",
    )
    asked.add_argument("--url", metavar="URL", help="where the service is (default: PINGPOST_HOST and its port)")
    asked.add_argument("--json", action="store_true", help="the answer as it came instead of tables")
    asked.set_defaults(run=("status", "status"))
