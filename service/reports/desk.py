"""The door to reports for an event loop: SQL runs in threads, a few at once, and never holds up a ping."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from service.errors import LedgerDown
from service.ledger.reader import LedgerReader

AT_ONCE_MAX = 2
"""Threads of one worker: one long report does not keep a short one waiting, and the interpreter is left to pings."""
WAITING_MAX = 8
"""Questions that wait for a thread; more are refused at once, for the last of them would wait for minutes."""

Answer = TypeVar("Answer")


class Desk:
    """Asks a ledger's LedgerReader. It is opened by the first question."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._reader: LedgerReader | None = None
        self._opening = threading.Lock()
        self._threads = ThreadPoolExecutor(AT_ONCE_MAX, thread_name_prefix="reports")
        self._asked = 0

    async def ask(self, question: Callable[[LedgerReader], Answer]) -> Answer:
        """The answer of a function that asks the reader. Raises LedgerDown, LedgerUnfit, and what the function does."""
        if self._asked >= AT_ONCE_MAX + WAITING_MAX:
            raise LedgerDown("Too many reports are being made.")
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, question)
        finally:
            self._asked -= 1

    def close(self) -> None:
        """Does not wait for a report that is being made: who asked for it is gone."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._reader is not None:
            self._reader.close()

    def _answer(self, question: Callable[[LedgerReader], Answer]) -> Answer:
        with self._opening:  # which loads a driver: too long for the event loop
            if self._reader is None:
                self._reader = LedgerReader(self._url)
        return question(self._reader)
