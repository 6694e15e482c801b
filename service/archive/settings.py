"""The archive's limits, each with its reason."""

from msgspec import Struct

DAY_MS = 86_400_000


class ArchiveSettings(Struct, frozen=True):
    decisions_days: int = 30
    batch_entries: int = 250
    """Read in one go: half a megabyte and a millisecond of Redis. Larger ones gained nothing that was measured."""
    idle_seconds: float = 0.25
    """Pause where there was nothing to do."""
    retry_seconds: float = 0.25
    retry_seconds_max: float = 5.0
    """Pauses between tries of a Redis or a database that is away double from the one to the other."""
    remind_seconds: float = 60.0
    """A trouble that lasts is told again as often."""
    last_pass_seconds: float = 10.0
    """At its end the archive takes what was sold until then, within this time; the next one takes the rest."""
    behind_ms: int = 30_000
    """An oldest entry of this age is a log line."""
    sales_waiting_max: int = 100_000
    """So many sales in Redis are a log line: some 50 MB, long before memory is short."""
    forget_seconds: float = 60.0
    """Pause between looks for decisions that are too old."""
