"""The flags of `pingpost balance`."""

import argparse

EXAMPLES = """\
examples:
  pingpost balance show 14
  pingpost balance top-up 14 500.00 --key wire-8812 --reason "wire of 3 November"
  pingpost balance correct 14 -12.50 --key fix-17 --reason "charged twice on 1 November"

A key counts once, for ever: say the same again when in doubt whether it has arrived.
"""


def add_balance(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    balance = commands.add_parser(
        "balance",
        help="show, top up or correct what a buyer has paid in",
        description="Asks a running service with the token in PINGPOST_ADMIN_TOKEN.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs = balance.add_subparsers(title="commands", metavar="COMMAND", required=True)
    show = verbs.add_parser("show", help="print a buyer's balance, and what of it is reserved", allow_abbrev=False)
    show.set_defaults(run=("balances", "show"))
    top_up = verbs.add_parser("top-up", help="add what a buyer has paid", allow_abbrev=False)
    top_up.set_defaults(run=("balances", "top_up"))
    correct = verbs.add_parser("correct", help="add or, with a minus, take away", allow_abbrev=False)
    correct.set_defaults(run=("balances", "correct"))
    for verb in (show, top_up, correct):
        verb.add_argument("buyer", type=int, metavar="BUYER", help="a buyer's id")
    for verb in (top_up, correct):
        verb.add_argument("amount", metavar="AMOUNT", help="a decimal number, in the account's currency")
        verb.add_argument("--key", required=True, metavar="K", help="names this entry; the same key counts once")
        verb.add_argument("--reason", required=True, metavar="R", help="what it is for; it stands in the ledger")
    for verb in (show, top_up, correct):
        verb.add_argument("--url", metavar="URL", help="where the service is (default: PINGPOST_HOST and its port)")
        verb.add_argument("--json", action="store_true", help="the answer as it came")
