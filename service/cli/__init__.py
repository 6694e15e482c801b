"""The command `pingpost`: serve, and the tools around a catalog and a running service."""

import importlib
import sys
from collections.abc import Sequence

from service.cli.arguments import COMPILE, parser
from service.errors import PingpostError
from service.settings import SettingWrong

WRONG_USAGE = 2
INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code: 0 done, 1 a mistake or a fault that is told on stderr, 2 wrong usage."""
    words = sys.argv[1:] if arguments is None else arguments
    given = parser(for_service=list(words[:1]) == [COMPILE]).parse_args(words)
    try:
        module, function = given.run
        code: int = getattr(importlib.import_module(f"service.cli.{module}"), function)(given)
    except SettingWrong as wrong:
        print(f"pingpost: {wrong}", file=sys.stderr)
        return WRONG_USAGE
    except PingpostError as fault:
        print(f"pingpost: {fault}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has enough (`| head`)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return code
