"""The flags of the commands about people."""

import argparse
from pathlib import Path

_Commands = argparse._SubParsersAction  # argparse names no public type for it

SUPPRESS_EXAMPLES = """\
examples:
  pingpost suppress --caller +12125551234 --reason "asked by telephone"
  pingpost suppress --file do-not-call.txt --list dnc
  pingpost suppress --caller +12125551234 --remove
  pingpost suppress                                how many people are on which list
"""


def add_suppress(commands: "_Commands[argparse.ArgumentParser]") -> None:
    suppress = commands.add_parser(
        "suppress",
        help="put people on a suppression list of a running service, or take them off",
        description="Every worker knows it within a second, and it stays until it is taken back. People are kept as "
        "keyed hashes. Asks a running service with the token in PINGPOST_ADMIN_TOKEN.",
        epilog=SUPPRESS_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_person(suppress)
    suppress.add_argument("--file", type=Path, metavar="FILE", help="one number or e-mail address a line; - for stdin")
    suppress.add_argument("--list", metavar="ID", help="a list of the catalog (default: the account's own, for all)")
    suppress.add_argument("--reason", default="", metavar="TEXT", help="kept in clear beside the hashed person")
    verbs = suppress.add_mutually_exclusive_group()
    verbs.add_argument("--remove", action="store_true", help="take them off the list")
    verbs.add_argument("--find", action="store_true", help="only tell which lists they are on, since when and why")
    suppress.add_argument("--url", metavar="URL", help="where the service is (default: PINGPOST_HOST and its port)")
    suppress.add_argument("--json", action="store_true", help="the answer as it came")
    suppress.set_defaults(run=("suppressing", "suppress"))


FORGET_EXAMPLES = """\
examples:
  pingpost forget --caller +12125551234
  pingpost forget --caller +12125551234 --email annabel@example.com --suppress
  PINGPOST_LEDGER_URL=postgresql://... PINGPOST_REDIS_URL=redis://... pingpost forget --caller +12125551234 --json
"""


def add_forget(commands: "_Commands[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Without the flags of settings, which the caller adds."""
    forget = commands.add_parser(
        "forget",
        help="erase a person from Redis and the ledger, and tell which buyers received them",
        description="Erases all that is kept of a person and leaves the money. Needs Redis, the ledger, the catalog "
        "and the secret that the service uses; the service goes on meanwhile. To be run again as often as one likes.",
        epilog=FORGET_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_person(forget)
    forget.add_argument("--suppress", action="store_true", help="suppress them too, from now on and before all else")
    forget.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    forget.set_defaults(run=("forgetting", "forget_person"))
    return forget


def _add_person(command: argparse.ArgumentParser) -> None:
    command.add_argument("--caller", action="append", default=[], metavar="NUMBER", help="may be given more than once")
    command.add_argument("--email", action="append", default=[], metavar="ADDRESS", help="may be given more than once")
