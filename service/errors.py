"""Faults: what is raised. Everything that can be said in an answer is a word, not an exception."""


class PingpostError(Exception):
    """Base of every fault of ours; the text is one clear sentence."""


class StoreDown(PingpostError):
    """Redis does not answer in time, refuses, or lost the connection; becomes a 503 in one place."""


class StoreUnfit(PingpostError):
    """Redis answers but cannot be used: too old, read-only, wrong password. Fatal at start."""


class StartFailed(PingpostError):
    """The process cannot start: a port in use, a missing secret, a wrong catalog."""


class LedgerDown(PingpostError):
    """The ledger's database does not answer, refuses or has no room left; the archive tries again."""


class LedgerRefused(PingpostError):
    """The ledger's database works, and does not take these rows: trying them again would be refused again."""


class LedgerUnfit(PingpostError):
    """The ledger's database cannot be used: a wrong URL, tables of another version. Fatal at start."""
