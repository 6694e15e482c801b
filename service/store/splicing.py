"""The audit, written anew without what was deleted from it.

Redis only marks a deleted entry: its bytes stay in the block of a hundred that it stands in, in memory and in every
file, until the whole block goes. So the entries that are left are copied, with their ids, and the copy takes the place
of the stream.
"""

import secrets

from service.store.line import Command
from service.store.runner import AskedInWords, Runner

ENTRIES_PER_STEP = 100
COPY_LIFE_MS = 600_000
"""Of a copy that nobody goes on with: who made it was killed."""
BEFORE_ALL = "0-0"


async def rewrite_audit(runner: Runner) -> bool:
    """False where the copy was lost on the way. Takes as much memory as the audit while it is at work. Raises
    StoreDown, also where that is too much: the audit is then as it was."""
    copy, begun_ms = runner.keys.copy(secrets.token_hex(8)), runner.clock.now_ms()
    copied_to = BEFORE_ALL
    try:
        while True:
            copied_to, is_end = await _copy(runner, copy, copied_to)
            if not is_end:
                continue
            if copied_to == BEFORE_ALL:
                return True  # nothing is left, and so no block of it
            named = (runner.keys.audit, copy, runner.keys.erased)
            reply = await _splice(runner, AskedInWords(named, (copied_to, begun_ms - 1_000, ENTRIES_PER_STEP)))
            if reply != b"more":
                return reply == b"spliced"
    finally:
        await runner.read([("DEL", copy)])


async def _copy(runner: Runner, copy: bytes, after: str) -> tuple[str, bool]:
    """The next entries; the id of the last of them, and whether there were no more."""
    (page,) = await runner.read([("XRANGE", runner.keys.audit, f"({after}", "+", "COUNT", ENTRIES_PER_STEP)])
    if not page:
        return after, True
    commands: list[Command] = [("XADD", copy, entry_id, *flat) for entry_id, flat in page]
    await runner.read([*commands, ("PEXPIRE", copy, COPY_LIFE_MS)])
    return page[-1][0].decode(), len(page) < ENTRIES_PER_STEP


async def _splice(runner: Runner, asked: AskedInWords) -> bytes:
    reply = await runner.write("splice", lambda _now_ms: asked)
    word: bytes = reply[0]
    return word
