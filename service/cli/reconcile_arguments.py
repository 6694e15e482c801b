"""The flags of `pingpost reconcile`."""

import argparse

from service.settings import TABLE

SETTINGS = ("var", "redis_url", "ledger_url", "log_level")

EPILOG = """\
exit status: 0 equal, 1 different, 2 wrong usage or something is down, 3 nothing was ever still enough to compare

examples:
  pingpost reconcile                the service that runs on ./var
  pingpost reconcile --json | jq '.differences[]'
  pingpost reconcile --repair       after Redis was lost, or balance_required was switched on: Redis gets what the
                                    ledger says, while the service goes on
"""


def add_reconcile(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    reconcile = commands.add_parser(
        "reconcile",
        help="compare balances, caps and sales in Redis with the ledger; --repair brings Redis to it",
        description="Compares what Redis has of money with the ledger, with all counted in that the archive has not "
        "taken yet. The service may run meanwhile. Every flag but these two can be given in the environment too.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    reconcile.add_argument("--repair", action="store_true", help="bring balances, caps and credits to the ledger")
    reconcile.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    reconcile.add_argument(
        "--catalog", metavar="FOLDER", help="who has balances and contracts (default: the catalog served from --var)"
    )
    for setting in TABLE:
        if setting.name in SETTINGS and setting.flag is not None:
            told = f"{setting.help} [{setting.env}]".replace("%", "%%")
            reconcile.add_argument(setting.flag, dest=setting.name, metavar=setting.metavar, help=told)
    reconcile.set_defaults(run=("reconciling", "reconcile"))
