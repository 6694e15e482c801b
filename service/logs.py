"""Logs: JSON lines or plain text on stderr, one line per fault, none per request, personal fields masked.

Every handler of ours masks what looks like a telephone number or an e-mail address, in the message, in extra fields and
in tracebacks: whoever logs need not remember to.
"""

import logging
import re
import secrets
import sys
from types import TracebackType
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_PHONE = re.compile(r"(?<![\w.-])\+?\d(?:[ ().-]{0,2}\d){9,}(?![\w:])")
_EMAIL = re.compile(r"[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}\w{2,24}")
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def new_trace_id() -> str:
    """16 hex characters that tie an answer 500 to its line in the log."""
    return secrets.token_hex(8)


def mask(text: str) -> str:
    """The text with telephone numbers but for their last two digits, and e-mail addresses, replaced by signs."""
    return _EMAIL.sub("***@***", _PHONE.sub(lambda found: "*" * 8 + found[0][-2:], text))


class _Masking(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask(record.getMessage()), None
        for name, value in vars(record).items():
            if name not in _OWN_FIELDS and isinstance(value, str):
                setattr(record, name, mask(value))
        return True


class _Json(JsonFormatter):
    def formatException(self, ei: _ExcInfo) -> str:
        return mask("".join(super().formatException(ei)))


class _Plain(logging.Formatter):
    def formatException(self, ei: _ExcInfo) -> str:
        return mask(super().formatException(ei))

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        trace_id = getattr(record, "trace_id", "")
        return f"{line} trace_id={trace_id}" if trace_id else line


def set_up(*, log_format: Literal["auto", "json", "plain"] = "auto", level: str = "info") -> None:
    """Routes all logging of this process to stderr; called once, before anything is logged."""
    if log_format == "auto":
        log_format = "plain" if sys.stderr.isatty() else "json"
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Masking())
    handler.setFormatter(_formatter(log_format))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Libraries that tell of each step at level info.
    for chatty in ("asyncio", "aiohttp.access", "alembic", "gunicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _formatter(log_format: str) -> logging.Formatter:
    if log_format == "plain":
        return _Plain("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    return _Json(
        "%(levelname)s %(name)s %(message)s %(process)d",
        rename_fields={"levelname": "level", "name": "logger", "process": "pid"},
        timestamp=True,
    )
