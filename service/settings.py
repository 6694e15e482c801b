"""Settings: one table, read from flags and environment alike (flags win), frozen for the life of the process.

`TABLE` is what `--help`, the environment and the README's table are made of, so that they cannot disagree.
"""

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct

PREFIX = "PINGPOST_"
SECRET_BYTES_MIN = 16
"""Shorter keys of caller hashes could be found by trying them all."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LogFormat = Literal["auto", "json", "plain"]
Fsync = Literal["everysec", "always"]


class SettingWrong(ValueError):
    """A setting has a value that cannot be meant; the text is one clear sentence naming it."""


class Settings(Struct, frozen=True, repr_omit_defaults=True):
    """Everything the process is told from outside. Paths are as given, relative to the working directory.

    `repr` never shows a secret: see `__repr__`.
    """

    catalog: Path = Path("config/catalog")
    host: str = "127.0.0.1"
    port: int = 8080
    ops_port: int | None = None
    workers: int = 1
    redis_url: str | None = None
    redis_fsync: Fsync = "everysec"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    edge_token: str | None = None
    admin_token: str | None = None
    secret: bytes = b""
    """Key of the hashes of callers; empty until the process has read or created `var/secret`."""
    var: Path = Path("var")
    archive: str = "1"
    ledger_url: str | None = None
    decisions_days: int = 30
    leads_days: int = 30
    log_format: LogFormat = "auto"
    log_level: str = "info"
    trusted_proxies: tuple[Network, ...] = ()
    drain_seconds: float = 1.0
    finish_seconds: float = 10.0
    keepalive_seconds: float = 75.0
    in_flight_max: int = 300
    """Ten times what is at work at a full load. Under twice that load who is let in is answered within 100 ms; 500 were
    too many for that."""
    audit_records_max: int = 200_000
    catalogs_kept_max: int = 100

    def __repr__(self) -> str:
        shown = (f"{s.name}={_masked(s, getattr(self, s.name))}" for s in TABLE)
        return f"Settings({', '.join(shown)})"


class Setting(Struct, frozen=True):
    """One row of the table. `flag` is None for what must not stand in a list of processes: secrets."""

    name: str
    help: str
    parse: Callable[[str], object]
    metavar: str = "TEXT"
    secret: bool = False

    @property
    def env(self) -> str:
        return f"{PREFIX}{self.name.upper()}"

    @property
    def flag(self) -> str | None:
        return None if self.secret else f"--{self.name.replace('_', '-')}"

    @property
    def default(self) -> object:
        return getattr(_DEFAULTS, self.name)


def read(environ: Mapping[str, str], flags: Mapping[str, str | None]) -> Settings:
    """Settings of the environment, overridden by flags (by setting name, None where a flag was not given).

    Raises SettingWrong on the first value that cannot be meant. An empty value in the environment counts as not given,
    but an empty secret does not: it is a deployment that lost it.
    """
    given: dict[str, object] = {}
    for setting in TABLE:
        where, text = setting.flag, flags.get(setting.name)
        if text is None:
            where, text = setting.env, environ.get(setting.env)
        if text is None or (text.strip() == "" and setting.name != "secret"):
            continue
        given[setting.name] = _parsed(setting, str(where), text.strip())
    settings = Settings(**given)  # type: ignore[arg-type]  # each value came out of its own row's parse
    _check_together(settings)
    return settings


def unknown(environ: Mapping[str, str]) -> list[str]:
    """A sentence on each PINGPOST_ name in the environment that no setting has: misspelt, it would do nothing."""
    known = {setting.env.removeprefix(PREFIX): setting.env for setting in TABLE}
    sentences = []
    for name in sorted(environ):
        rest = name.removeprefix(PREFIX)
        if rest != name and rest not in known:
            near = difflib.get_close_matches(rest, known, 1)
            sentences.append(f"{name} is not a setting" + (f"; did you mean {known[near[0]]}?" if near else "."))
    return sentences


def _parsed(setting: Setting, where: str, text: str) -> object:
    try:
        return setting.parse(text)
    except ValueError as wrong:
        shown = "" if setting.secret or "://" in text else f" You gave {text[:80]!r}."
        raise SettingWrong(f"{where} {wrong}.{shown}") from None


def _check_together(settings: Settings) -> None:
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise SettingWrong("--tls-cert and --tls-key go together: give both or neither.")
    if settings.ops_port is not None and settings.ops_port == settings.port != 0:
        raise SettingWrong(f"--ops-port must differ from --port; both are {settings.port}.")
    if settings.edge_token is not None and settings.edge_token == settings.admin_token:
        raise SettingWrong("PINGPOST_EDGE_TOKEN and PINGPOST_ADMIN_TOKEN must differ: a switch is not an operator.")


def _masked(setting: Setting, value: object) -> str:
    if setting.secret and value:
        return "'***'"
    if setting.name in ("redis_url", "ledger_url") and isinstance(value, str):
        return repr(re.sub(r"//[^@/]*@", "//***@", value))  # a URL can carry a password
    return repr(value)


# -- what a text may be: each raises ValueError with the rest of a sentence that starts with the setting's name


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) or not low <= float(text) <= high:
            raise ValueError(f"must be seconds from {low:g} to {high:g}")
        return float(text)

    return parse


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text.lower()

    return parse


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]{1,253}", text):
        raise ValueError("must be a host name or an address")
    return text


def _redis_url(text: str) -> str:
    if not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must start with redis://, rediss:// or unix://")
    return text


def _ledger_url(text: str) -> str:
    if not text.startswith(("postgresql://", "postgres://", "sqlite:///")):
        raise ValueError("must start with postgresql:// or sqlite:///")
    return text


def _token(text: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]{16,200}", text):
        raise ValueError("must be 16 to 200 printable characters without spaces")
    return text


def _secret(text: str) -> bytes:
    if len(text.encode()) < SECRET_BYTES_MIN:
        raise ValueError(f"must have at least {SECRET_BYTES_MIN} bytes, else leave it unset and one is created")
    return text.encode()


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError("must be addresses or CIDR networks with commas between, as in 10.0.0.0/8,::1") from None


TABLE: tuple[Setting, ...] = (
    Setting("catalog", "folder of the catalog's TOML files", Path, "FOLDER"),
    Setting("host", "address to listen on", _host, "ADDRESS"),
    Setting("port", "port of publishers (0: one of the kernel's choice)", _whole(0, 65535), "PORT"),
    Setting(
        "ops_port",
        "port of its own for edges, operators and /metrics, which then are not served on --port",
        _whole(0, 65535),
        "PORT",
    ),
    Setting("workers", "worker processes that share the port", _whole(1, 256), "COUNT"),
    Setting(
        "redis_url",
        "redis://, rediss:// or unix:// URL of a Redis 6.2 or newer; without it the one that serve starts under --var",
        _redis_url,
        "URL",
    ),
    Setting(
        "redis_fsync",
        "when the Redis started here syncs to disk: everysec (a crash can lose a second) or always",
        _one_of("everysec", "always"),
        "WHEN",
    ),
    Setting("tls_cert", "certificate chain in PEM; with --tls-key all ports speak TLS", Path, "FILE"),
    Setting("tls_key", "private key in PEM", Path, "FILE"),
    Setting("edge_token", "token of phone switches; without it their paths answer 404", _token, secret=True),
    Setting("admin_token", "token of operators; without it their paths answer 404", _token, secret=True),
    Setting("secret", "key of the hashes of callers; without it one is created in --var", _secret, secret=True),
    Setting("var", "folder where state lives: Redis' files, served catalogs, the secret", Path, "FOLDER"),
    Setting(
        "archive",
        "0: serve without starting the archive, which brings sales and decisions from Redis into the ledger",
        _one_of("0", "1"),
        "0|1",
    ),
    Setting(
        "ledger_url",
        "postgresql:// URL of the ledger's database, or sqlite:/// and a path; without it ledger.sqlite under --var",
        _ledger_url,
        "URL",
    ),
    Setting("decisions_days", "how long the ledger keeps decisions", _whole(1, 3650), "DAYS"),
    Setting(
        "leads_days",
        "how long the ledger keeps the leads that decisions were made on; older ones keep their verdicts alone",
        _whole(1, 3650),
        "DAYS",
    ),
    Setting(
        "log_format",
        "json (one object a line), plain, or auto: plain on a terminal, else json",
        _one_of("auto", "json", "plain"),
        "FORMAT",
    ),
    Setting("log_level", "least level that is logged", _one_of("debug", "info", "warning", "error"), "LEVEL"),
    Setting(
        "trusted_proxies",
        "networks whose X-Forwarded-For is believed, with commas between",
        _networks,
        "CIDR,...",
    ),
    Setting(
        "drain_seconds",
        "on SIGTERM: how long requests are still taken while /readyz already answers 503",
        _seconds(0, 300),
        "SECONDS",
    ),
    Setting("finish_seconds", "after draining: how long a request may take to finish", _seconds(0.1, 300), "SECONDS"),
    Setting("keepalive_seconds", "how long an idle connection is kept", _seconds(1, 3600), "SECONDS"),
    Setting("in_flight_max", "leads at work at once in one worker; more are answered 503", _whole(1, 100_000), "COUNT"),
    Setting("audit_records_max", "decisions kept in Redis, about", _whole(100, 100_000_000), "COUNT"),
    Setting("catalogs_kept_max", "served catalogs kept under --var", _whole(2, 10_000), "COUNT"),
)

_DEFAULTS = Settings()
