"""From the catalog's files to a compiled catalog, in a child process so that no request waits for it.

The child tells what came of it in one JSON object on its output, never by its exit code: in the arbiter, which reaps
every child there is, exit codes get lost.
"""

import asyncio
import errno
import fcntl
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from service import catalog as catalogs
from service import match, metrics
from service.catalog.mistake import shown
from service.model.catalog import Catalog
from service.served import snapshot

_log = logging.getLogger(__name__)

COMPILE_SECONDS_MAX = 300
"""100,000 contracts take well under a minute; what takes longer hangs."""
COMPILED_KEPT = 3
"""Compiled catalogs kept: the current one, and those a slow worker may still be loading."""
SETTLE_SECONDS = 0.5
"""Pause before files that changed while they were read are read once more: an editor or a copy is done by then."""
SOURCE_BYTES_MAX = 256 * 1024 * 1024
"""A folder larger than this is not a catalog (somebody's home, perhaps) and is not copied."""
BACKGROUND_NICENESS = 19
"""Compiling gives way to answering. Not further: with the idle policy of Linux it got nothing of a busy core, and a
reload never came to its end."""
# The package is the one that runs here, wherever another one is installed; its neighbours in that folder hide nothing.
_CHILD = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import service; del sys.path[0]; "
    "from service.cli import main; sys.exit(main())"
)
_PACKAGE_FOLDER = str(Path(__file__).resolve().parents[2])


class Compiled(Struct, frozen=True, tag="compiled"):
    """The catalog is current now. `changes` are sentences against the one before, `notices` are for the operator;
    `account` is the id that its keys in Redis bear."""

    version: str
    account: str = ""
    changes: list[str] = []
    notices: list[str] = []


class Refused(Struct, frozen=True, tag="refused"):
    """The old catalog stays. Each mistake names file, path and value."""

    mistakes: list[str]


Outcome = Compiled | Refused
_OUTCOMES: msgspec.json.Decoder[Outcome] = msgspec.json.Decoder(Outcome)


def command(folder: Path, var: Path, kept_max: int, *, reload: bool) -> list[str]:
    """The command line of the child; `reload` where a service is running on the catalog before."""
    python = own_program(BACKGROUND_NICENESS if reload else 0)
    paths = [str(folder.absolute()), str(var.absolute())]
    return [*python, "compile", *paths, str(kept_max), *(["--reload"] if reload else [])]


def own_program(niceness: int) -> list[str]:
    """The command line of `pingpost` as it runs here, to which a command is added, for a child that gives way.

    Nothing is imported from the working directory (`-P`), which may hold a `copy.py` or a `service` of its own.
    """
    # First of all: to import what it needs takes most of the time of a small catalog, and took half of the core from
    # the worker beside it; p99 of pings was 200 ms and more.
    program = f"import os; os.nice({niceness}); {_CHILD}" if niceness else _CHILD
    return [sys.executable, "-P", "-c", program, _PACKAGE_FOLDER]


def child_environ() -> dict[str, str]:
    """Without secrets, which the child does not need, and without the folder of metrics, where it would leave files."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PINGPOST_", "PROMETHEUS_"))}


def outcome_of(output: bytes, errors: bytes) -> Outcome:
    """What the child said, or that it said nothing."""
    try:
        return _OUTCOMES.decode(output)
    except msgspec.DecodeError:
        last = errors.decode(errors="replace").strip().rpartition("\n")[2]
        return Refused([f"The catalog could not be compiled: {last or 'the process ended without a word'}"])


def compile_waiting(folder: Path, var: Path, kept_max: int = 100) -> Outcome:
    """Compiles in a child and waits for it; for the start, when nothing is served yet."""
    try:
        done = subprocess.run(
            command(folder, var, kept_max, reload=False),
            env=child_environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMPILE_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return too_slow()
    return outcome_of(done.stdout, done.stderr)


async def compile_beside(folder: Path, var: Path, kept_max: int = 100) -> Outcome:
    """Compiles in a child while the event loop goes on; each worker's watch then takes the new catalog. The account
    must be the one that is served."""
    child = await asyncio.create_subprocess_exec(
        *command(folder, var, kept_max, reload=True),
        env=child_environ(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(COMPILE_SECONDS_MAX):
            output, errors = await child.communicate()
    except TimeoutError:
        return too_slow()
    finally:
        if child.returncode is None:
            child.kill()
    return outcome_of(output, errors)


def compile_here(folder: Path, var: Path, kept_max: int, *, reload: bool = False) -> Outcome:
    """The child's work: reads, checks, indexes, keeps the sources and makes the catalog current.

    Two compilations at once wait for each other, so that the later one stands in the end.
    """
    home = snapshot.catalogs_folder(var)
    try:
        home.mkdir(parents=True, exist_ok=True)
        with (home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            outcome = _compile_locked(folder, var, kept_max, reload=reload)
            if outcome is None:
                time.sleep(SETTLE_SECONDS)
                outcome = _compile_locked(folder, var, kept_max, reload=reload)
            return outcome or Refused([f"{folder}: changed while it was read; reload once it is written"])
    except OSError as fault:
        return Refused([f"{fault.filename or home}: {fault.strerror or fault}"])


def _compile_locked(folder: Path, var: Path, kept_max: int, *, reload: bool) -> Outcome | None:
    """None where the files changed while they were read."""
    before = _stamps(folder)
    loaded = catalogs.load(folder)
    if isinstance(loaded, list):
        if _stamps(folder) != before:
            return None
        return Refused([str(mistake) for mistake in loaded])
    served = _served(var)
    if reload and served is not None and (immovable := _immovable(served, loaded)):
        return Refused(immovable)
    indexes = {offer: match.build(loaded, offer) for offer in loaded.offers}
    kept = snapshot.catalogs_folder(var) / loaded.version
    is_new = _keep_sources(folder, kept)
    if _stamps(folder) != before:
        if is_new:  # else they are those of an earlier run, which decisions were made under
            shutil.rmtree(kept)
        return None
    snapshot.write(var, loaded, indexes)
    _point_to(var, loaded.version)
    _sweep(var, kept_max)
    changes = catalogs.diff(served, loaded) if served is not None else []
    notices = list(loaded.notices)
    return Compiled(version=loaded.version, account=loaded.account.id, changes=changes, notices=notices)


def _served(var: Path) -> Catalog | None:
    """The catalog that is current; None where there is none that can be read."""
    version = snapshot.current_version(var)
    try:
        return None if version is None else snapshot.read(var, version)[0]
    except snapshot.SnapshotLost:
        return None


def _immovable(served: Catalog, new: Catalog) -> list[str]:
    """What a running service cannot change: every key in Redis bears the account's id, and the days by which caps are
    counted begin and end in its zone. Workers that took it one after the other would sell past each other."""
    return [
        f"account.{name}: {shown(told)} cannot replace {shown(before)} while the service runs; restart it"
        for name in ("id", "timezone")
        if (told := getattr(new.account, name)) != (before := getattr(served.account, name))
    ]


def _stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    """When each file was written and its size, to notice that somebody is still writing."""
    files = folder.rglob("*") if folder.is_dir() else [folder]
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in files if path.is_file()}


def _keep_sources(folder: Path, kept: Path) -> bool:
    """Copies the catalog's files, so that a past decision can be explained by the catalog it was made under. False
    where they were kept before."""
    if kept.exists():
        kept.touch()  # served again: it is young again
        return False
    temporary = kept.with_name(f"{kept.name}.{os.getpid()}.tmp")
    if folder.is_file():
        temporary.mkdir()
        shutil.copy2(folder, temporary)
    else:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if size > SOURCE_BYTES_MAX:
            raise OSError(errno.EFBIG, f"holds {size:,} bytes; a catalog has at most {SOURCE_BYTES_MAX:,}", str(folder))
        shutil.copytree(folder, temporary, ignore=shutil.ignore_patterns(".*"))
    temporary.rename(kept)
    kept.touch()
    return True


def _point_to(var: Path, version: str) -> None:
    home = snapshot.catalogs_folder(var)
    temporary = home / f"current.{os.getpid()}.tmp"
    temporary.write_text(f"{version}\n")
    temporary.replace(home / "current")


def _sweep(var: Path, kept_max: int) -> None:
    """Forgets the oldest sources and compiled catalogs, and what a killed compilation left half-done."""
    home = snapshot.catalogs_folder(var)
    current = snapshot.current_version(var)
    youngest_first = sorted(home.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    folders = [path for path in youngest_first if path.is_dir() and path.name != current]
    compiled = [path for path in youngest_first if path.suffix == ".compiled" and path.stem != current]
    for path in folders[kept_max - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
    for path in [*compiled[COMPILED_KEPT - 1 :], *(p for p in youngest_first if p.suffix == ".tmp")]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def too_slow() -> Refused:
    """What is said of a child that had to be ended."""
    return Refused([f"The catalog was not compiled within {COMPILE_SECONDS_MAX} seconds."])


def report(outcome: Outcome) -> None:
    """Tells the log, and the metrics, what came of a reload."""
    if isinstance(outcome, Refused):
        metrics.count_reload_failure()
        for mistake in outcome.mistakes:
            _log.error("catalog refused: %s", mistake)
        return
    _log.info("catalog %s is current", outcome.version)
    for change in outcome.changes:
        _log.info("catalog change: %s", change)
    for notice in outcome.notices:
        _log.warning("catalog notice: %s", notice)
