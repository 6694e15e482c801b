"""What must stand before anything is served: the folder of state, the secret, certificates, ports.

Each fault is a StartFailed with one clear sentence, found before a worker or Redis is started.
"""

import fcntl
import os
import secrets
import shutil
import socket
import ssl
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from service.errors import StartFailed
from service.settings import SECRET_BYTES_MIN, Settings


class Ground(Struct, frozen=True):
    """All that was found before the first worker. `settings` has the secret and the true `ops_port`; the listeners are
    the publishers', then the operators' where they have a port of their own: bound, and not yet listening."""

    settings: Settings
    tls: ssl.SSLContext | None
    listeners: list[socket.socket]


BACKLOG = 2048
"""Connections the kernel keeps until a worker accepts them; a burst of publishers connecting at once fits in."""


def prepare(settings: Settings) -> Ground:
    """Secret, certificates and ports. The caller holds `take_var`. Raises StartFailed."""
    settings = msgspec.structs.replace(settings, secret=secret_of(settings))
    ports = [settings.port] if settings.ops_port is None else [settings.port, settings.ops_port]
    listeners = [bind(settings.host, port) for port in ports]
    if settings.ops_port is not None:
        # By its number a worker tells the port: where it was 0, the one that the kernel chose.
        settings = msgspec.structs.replace(settings, ops_port=listeners[1].getsockname()[1])
    return Ground(settings, tls_context(settings), listeners)


def take_var(var: Path) -> IO[str]:
    """Creates the folder of state where needed and locks it for this process; the lock lives as long as the file."""
    try:
        var.mkdir(parents=True, exist_ok=True)
        lock = (var / "lock").open("a+")
    except OSError as fault:
        raise StartFailed(f"The folder of state {var} cannot be used: {fault.strerror}.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise StartFailed(f"The folder of state {var} is in use by another pingpost; give this one its own.") from None
    return lock


def secret_of(settings: Settings) -> bytes:
    """The key of caller hashes: as set, else from `var/secret`, which is created (mode 0600) in a new folder only."""
    if settings.secret:
        return settings.secret
    path = settings.var / "secret"
    try:
        kept = path.read_bytes().strip()
    except FileNotFoundError:
        return _new_secret(settings, path)
    except OSError as fault:
        raise StartFailed(f"The secret {path} cannot be read: {fault.strerror}.") from None
    if len(kept) < SECRET_BYTES_MIN:
        raise StartFailed(f"The secret {path} is shorter than {SECRET_BYTES_MIN} bytes; put the right one back.")
    return kept


def _new_secret(settings: Settings, path: Path) -> bytes:
    # With another secret every hash that Redis keeps (who was bought, who called) would silently match nobody.
    if any((settings.var / "redis").glob("*.aof*")) or any((settings.var / "redis").glob("appendonlydir/*")):
        raise StartFailed(f"{settings.var / 'redis'} has data, but its secret {path} is missing; put it back.")
    made = secrets.token_hex(32).encode()
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(made + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as fault:
        raise StartFailed(f"The secret {path} cannot be created: {fault.strerror}.") from None
    return made


def new_metrics_folder(var: Path) -> Path:
    """An empty folder for the workers' metric files: counters start at 0 with the service."""
    folder = var / "metrics"
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise StartFailed(f"The folder {folder} cannot be created: {fault.strerror}.") from None
    return folder.absolute()


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """The server's TLS context, None where no certificate is set."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    for path in (settings.tls_cert, settings.tls_key):
        if not path.is_file():
            raise StartFailed(f"The TLS file {path} does not exist.")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as fault:
        why = fault.strerror or fault
        raise StartFailed(
            f"{settings.tls_cert} and {settings.tls_key} are no certificate and its key: {why}."
        ) from None
    return context


def bind(host: str, port: int) -> socket.socket:
    """A socket that workers inherit. Bound here, for gunicorn would try a busy port for five seconds; who connects
    before `listen` is refused, and does not wait for a service that may not start."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
    except OSError:
        raise StartFailed(f"--host {host} is not an address of this machine.") from None
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as fault:
        listener.close()
        raise _cannot_listen(host, port, fault) from None
    return listener


def listen(listener: socket.socket) -> None:
    """From now on the kernel takes connections. Raises StartFailed where another took the port since it was bound."""
    try:
        listener.listen(BACKLOG)
    except OSError as fault:
        host, port = listener.getsockname()[:2]
        raise _cannot_listen(host, port, fault) from None


def _cannot_listen(host: str, port: int, fault: OSError) -> StartFailed:
    return StartFailed(f"Cannot listen on {host} port {port}: {(fault.strerror or str(fault)).lower()}.")
