"""The archive: brings sales and decisions from Redis' streams into the ledger, each once and in order.

It reads by a cursor that stands in the ledger and moves in the transaction that writes what was read, not by a
consumer group of Redis. A group keeps its place in Redis, beside what was written, so that after a crash, or a Redis
that lost its last second, the two differ and entries come again; and what two consumers of a group are given they
write in whichever order they please, while `voided` must not come before `sold`. With the cursor, what the ledger has
and what it says that it has cannot differ, whatever is killed where, and of several archives one writes while the
others find the cursor moved. Sales are trimmed from Redis behind the committed cursor only.
"""

from service.archive.running import Archive
from service.archive.settings import ArchiveSettings

__all__ = ["Archive", "ArchiveSettings"]
