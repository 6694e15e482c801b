"""The arguments of `pingpost bench`."""

import argparse
from typing import Any

EXAMPLES = """\
examples:
  pingpost bench --endpoint my_endpoint --rate 500 --duration 30
  pingpost bench --url http://10.0.0.5:8080 --endpoint my_endpoint --rate 2000 --duration 30 \\
      --mix ping=90,post=8,call=2 --sources 50 --repeat-share 0.02 --slo p99=100ms --json run.json
  pingpost bench --endpoint my_endpoint --rate 500 --duration 5 --slo ping.p99=50ms --find-max
  pingpost bench --endpoint my_endpoint --loop closed --connections 32 --requests 20000
  pingpost bench compare before.json after.json
  pingpost bench compare a1.json,a2.json,a3.json b1.json,b2.json,b3.json

It makes real pings, posts and calls: holds, sales, lent numbers, counts against caps and rate limits. Point it at a
service of its own. Callers are invented, and nobody is dialled.

exit status: 0 the SLO is met, or none was asked for; 1 it is missed, or the run is void; 2 wrong usage; 130 Ctrl-C.

only in the environment, for a command line can be read by others:
  PINGPOST_BENCH_TOKEN  token of a traffic source, for endpoints that want one
  PINGPOST_EDGE_TOKEN   the service's token of phone switches, for calls in the mix
"""


_Commands = argparse._SubParsersAction  # argparse names no public type for it


_Flag = tuple[str, str, dict[str, Any]]
_GROUPS: dict[str, tuple[_Flag, ...]] = {
    "what is sent": (
        ("--url", "the service (default %(default)s)", {"default": "http://127.0.0.1:8080", "metavar": "URL"}),
        ("--edge-url", "where phone switches ask, if the service has an ops port (default: --url)", {"metavar": "URL"}),
        ("--endpoint", "the endpoint that is loaded (needed)", {"metavar": "VANITY_URI"}),
        (
            "--mix",
            "ping=90,post=8,call=2: shares of arrivals. A post takes a ping of the run, a call a sale of it: routed, "
            "answered, ended (default %(default)s)",
            {"default": "ping=100", "metavar": "SHARES"},
        ),
        (
            "--sources",
            "traffic sources that pings are spread over (default %(default)s)",
            {"type": int, "default": 10, "metavar": "N"},
        ),
        (
            "--source-ids",
            "their ids, for endpoints that take listed ones only (default: bench-1, ...)",
            {"metavar": "ID,..."},
        ),
        (
            "--repeat-share",
            "of pings that repeat a recent one (default %(default)s)",
            {"type": float, "default": 0.0, "metavar": "SHARE"},
        ),
        (
            "--leads",
            "bodies of pings, one JSON object a line, {number} in a text standing for ten digits of the lead's own "
            "(default: leads are made from the endpoint's posting instructions)",
            {"metavar": "FILE"},
        ),
        (
            "--seed",
            "makes the same leads and the same schedule again (default: of the clock)",
            {"type": int, "metavar": "N"},
        ),
    ),
    "how": (
        (
            "--rate",
            "arrivals a second, Poisson (default %(default)g); with --find-max the first",
            {"type": float, "default": 100.0, "metavar": "N"},
        ),
        (
            "--duration",
            "that are measured (default 10; with --requests at most 600)",
            {"type": float, "metavar": "SECONDS"},
        ),
        (
            "--warm-up",
            "before them, dropped from the figures (default: a fifth of --duration, at most 5)",
            {"type": float, "metavar": "SECONDS"},
        ),
        (
            "--connections",
            "keep-alive connections (default %(default)s; with calls twice as many); what waits, waits for the service",
            {"type": int, "default": 256, "metavar": "N"},
        ),
        (
            "--processes",
            "that drive (default %(default)s); one does 10,000 pings a second",
            {"type": int, "default": 1, "metavar": "N"},
        ),
        ("--cpus", "cores to pin them to, not the service's (default: not pinned)", {"metavar": "N,..."}),
        (
            "--loop",
            "closed: each connection asks again when it is answered; finds a ceiling and says nothing of latency",
            {"choices": ("open", "closed"), "default": "open"},
        ),
        ("--requests", "of a closed loop: how many, instead of for how long", {"type": int, "metavar": "N"}),
    ),
    "how it is judged": (
        ("--slo", "p99=100ms, or by kind: ping.p99=50ms,post.p999=0.2s", {"metavar": "LIMITS"}),
        ("--find-max", "find the highest rate that meets the SLO, by steps of --duration", {"action": "store_true"}),
        (
            "--allow",
            "statuses that are expected besides: rate_limited,no_tracking_number",
            {"default": "", "metavar": "WORD,..."},
        ),
        (
            "--lag-max",
            "of the driver itself at the SLO's percentile; above, the run is void (default: 2, or a tenth of the "
            "latency or of the SLO's limit)",
            {"type": float, "metavar": "MS"},
        ),
        ("--json", "write the whole result there", {"metavar": "FILE"}),
        ("--quiet", "no line of progress", {"action": "store_true"}),
    ),
}
"""Flags by group, each with its help and what else argparse is to know."""


def add_bench(commands: "_Commands[argparse.ArgumentParser]") -> None:
    bench = commands.add_parser(
        "bench",
        help="load a running service on a schedule and tell its latencies; compare results",
        description="Drives a running service with an open loop: requests fall due on a schedule, whatever the service "
        "does, and latency counts from then. Every answer is checked; one that is not expected voids the run.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    bench.set_defaults(run=("benching", "bench"))
    for title, flags in _GROUPS.items():
        group = bench.add_argument_group(title)
        for flag, help, more in flags:
            group.add_argument(flag, help=help, **more)
    compare = bench.add_subparsers(title="instead of a run", metavar="COMMAND").add_parser(
        "compare",
        help="say whether B is faster or slower than A, or not to be told apart",
        description="Compares results that --json wrote. Exit status: 0 faster or no difference, 1 slower or mixed, "
        "2 not comparable.",
    )
    compare.add_argument("a", metavar="A", help="a result, or several runs with commas between")
    compare.add_argument("b", metavar="B", help="the same of what is compared to it")
    compare.set_defaults(run=("benching", "compare"))
