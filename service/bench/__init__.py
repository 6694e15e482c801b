"""An open-loop load driver for a running service: it acts on that service over HTTP and knows nothing else of it.

`prepare` makes a plan's leads, `run` drives it once, `search` finds the highest rate that meets its SLO, `compare` puts
results side by side. What a plan may hold is in `plan`, what comes out in `result`.
"""

from service.bench.compare import Comparison, compare, read
from service.bench.crew import Seen
from service.bench.instructions import BenchFailed
from service.bench.plan import Plan, allow_of, checked, mix_of, slo_of
from service.bench.result import FindMax, Run
from service.bench.running import Load, prepare, run, search

__all__ = [
    "BenchFailed",
    "Comparison",
    "FindMax",
    "Load",
    "Plan",
    "Run",
    "Seen",
    "allow_of",
    "checked",
    "compare",
    "mix_of",
    "prepare",
    "read",
    "run",
    "search",
    "slo_of",
]
