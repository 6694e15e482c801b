"""From files to a compiled catalog, and from there to a snapshot in a worker."""

import asyncio
import fcntl
import gc
import time
import weakref
from pathlib import Path

import pytest

from service import metrics
from service.process.hosting import Compilation
from service.served import compiling, snapshot
from service.served.compiling import Compiled, Refused
from service.served.letting_go import let_go
from service.served.snapshot import Snapshot, SnapshotLost
from service.settings import Settings
from tests.process.running import CATALOG, write_catalog


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_catalog(tmp_path / "catalog")


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


def compiled(folder: Path, var: Path, kept_max: int = 100) -> Compiled:
    outcome = compiling.compile_here(folder, var, kept_max)
    assert isinstance(outcome, Compiled), outcome
    return outcome


def failures() -> float:
    return metrics.REGISTRY.get_sample_value("pingpost_catalog_reload_failures_total") or 0.0


def priced(folder: Path, bid: str) -> Path:
    return write_catalog(folder, CATALOG.replace("25.00", bid))


async def test_a_child_compiles_what_a_worker_loads(folder: Path, var: Path) -> None:
    outcome = await compiling.compile_beside(folder, var)
    assert isinstance(outcome, Compiled)
    loaded = await snapshot.load_current(var)
    assert loaded.catalog.version == outcome.version
    assert loaded.catalog.buyers[1].name == "Buyer A"
    assert set(loaded.indexes) == {"calls"}
    assert set(loaded.decoders) == {"first"}


def test_a_loaded_index_shares_the_contracts_of_its_catalog(folder: Path, var: Path) -> None:
    catalog, indexes = snapshot.read(var, compiled(folder, var).version)
    assert indexes["calls"].roster.lines[0].contract is catalog.buyers[1].contracts[0]


def test_changes_are_told_against_the_catalog_before(folder: Path, var: Path) -> None:
    assert compiled(folder, var).changes == []
    (change,) = compiled(priced(folder, "30.00"), var).changes
    assert "1-calls" in change
    assert compiled(folder, var).changes == []


def test_a_wrong_catalog_changes_nothing(folder: Path, var: Path) -> None:
    before = compiled(folder, var).version
    outcome = compiling.compile_here(priced(folder, "-1"), var, 100)
    assert isinstance(outcome, Refused)
    assert outcome.mistakes == ["catalog.toml: buyers[0].contracts[0].bid: -1 is not a price above 0"]
    assert snapshot.current_version(var) == before


async def test_a_folder_of_state_that_cannot_be_written_is_told(folder: Path) -> None:
    outcome = await compiling.compile_beside(folder, Path("/dev/null"))
    assert outcome == Refused(["/dev/null/catalogs: Not a directory"])


def test_a_child_that_dies_is_told_by_its_last_words() -> None:
    assert compiling.outcome_of(b"", b"Traceback ...\nMemoryError\n") == Refused(
        ["The catalog could not be compiled: MemoryError"]
    )
    assert compiling.outcome_of(b'{"type":', b"") == Refused(
        ["The catalog could not be compiled: the process ended without a word"]
    )


def test_the_sources_of_served_catalogs_are_kept_up_to_a_number(folder: Path, var: Path) -> None:
    versions = [compiled(priced(folder, f"{bid}.00"), var, kept_max=3).version for bid in range(10, 16)]
    home = var / "catalogs"
    assert {path.name for path in home.iterdir() if path.is_dir()} == set(versions[-3:])
    assert {path.stem for path in home.glob("*.compiled")} == set(versions[-compiling.COMPILED_KEPT :])
    assert "15.00" in (home / versions[-1] / "catalog.toml").read_text()


def test_what_a_killed_compilation_left_is_swept(folder: Path, var: Path) -> None:
    compiled(folder, var)
    (var / "catalogs" / "half.1.tmp").write_text("half")
    (var / "catalogs" / "folder.1.tmp").mkdir()
    compiled(priced(folder, "30.00"), var)
    assert list((var / "catalogs").glob("*.tmp")) == []


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ('id = "stub"', 'id = "other"', 'account.id: "other" cannot replace "stub" while the service runs; restart it'),
        (
            'id = "stub"',
            'id = "stub"\ntimezone = "America/New_York"',
            'account.timezone: "America/New_York" cannot replace "UTC" while the service runs; restart it',
        ),
    ],
)
async def test_a_reload_keeps_the_account_and_a_start_may_change_it(
    folder: Path, var: Path, old: str, new: str, mistake: str
) -> None:
    first = compiled(folder, var).version
    write_catalog(folder, CATALOG.replace(old, new, 1))
    assert await compiling.compile_beside(folder, var) == Refused([mistake])
    assert snapshot.current_version(var) == first
    started = compiling.compile_waiting(folder, var)
    assert isinstance(started, Compiled)
    assert snapshot.current_version(var) == started.version != first


def test_a_catalog_that_is_still_being_written_is_refused(
    folder: Path, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sources that an earlier run kept stay: decisions were made under them."""
    earlier = compiled(folder, var).version
    kept = var / "catalogs" / earlier / "catalog.toml"
    looks = iter(range(100))
    monkeypatch.setattr(compiling, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(compiling, "_stamps", lambda _: {folder: (next(looks), 0)})
    assert isinstance(compiling.compile_here(folder, var, 100), Refused)
    assert kept.read_text() == CATALOG
    assert isinstance(compiling.compile_here(priced(folder, "30.00"), var, 100), Refused)
    assert [path.name for path in (var / "catalogs").iterdir() if path.is_dir()] == [earlier]
    assert snapshot.current_version(var) == earlier


@pytest.mark.parametrize("read_first", ["[account", CATALOG], ids=["half-written", "whole"])
def test_files_that_changed_while_they_were_read_are_read_once_more(
    folder: Path, var: Path, monkeypatch: pytest.MonkeyPatch, read_first: str
) -> None:
    write_catalog(folder, read_first)
    looks = iter(range(100))

    def stamps(_folder: Path) -> dict[Path, tuple[int, int]]:
        look = next(looks)
        if look == 1:  # what was read first has been overwritten by now
            priced(folder, "30.00")
        return {folder: (min(look, 1), 0)}

    monkeypatch.setattr(compiling, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(compiling, "_stamps", stamps)
    version = compiled(folder, var).version
    assert snapshot.read(var, version)[0].buyers[1].contracts[0].bid_micros == 30_000_000
    assert next(looks) == 4


def test_the_child_imports_nothing_from_where_one_stands(
    folder: Path, var: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    (here / "service").mkdir(parents=True)
    for hostile in ("copy.py", "service/__init__.py", "service/__main__.py"):
        (here / hostile).write_text(f"raise SystemExit('{hostile} was imported')")
    monkeypatch.chdir(here)
    outcome = compiling.compile_waiting(folder, var)
    assert isinstance(outcome, Compiled), outcome
    assert outcome.account == "stub"


def test_a_single_file_is_a_catalog_too(folder: Path, var: Path) -> None:
    version = compiled(folder / "catalog.toml", var).version
    assert [path.name for path in (var / "catalogs" / version).iterdir()] == ["catalog.toml"]


async def test_without_a_compiled_catalog_there_is_no_snapshot(var: Path) -> None:
    with pytest.raises(SnapshotLost, match="No catalog has been compiled"):
        await snapshot.load_current(var)


async def test_a_catalog_compiled_by_another_version_is_not_loaded(folder: Path, var: Path) -> None:
    path = snapshot.compiled_path(var, compiled(folder, var).version)
    path.write_bytes(b"pingpost 0.0.0 compiled catalog\n" + path.read_bytes().partition(b"\n")[2])
    with pytest.raises(SnapshotLost, match="compiled by another version"):
        await snapshot.load_current(var)


async def test_a_watch_hands_over_each_new_catalog_and_survives_a_broken_one(
    folder: Path, var: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = compiled(folder, var).version
    taken: asyncio.Queue[Snapshot] = asyncio.Queue()
    watching = asyncio.create_task(snapshot.watch(var, first, taken.put))
    second = compiled(priced(folder, "30.00"), var).version
    async with asyncio.timeout(20):
        assert (await taken.get()).catalog.version == second
        compiling._point_to(var, "lost")  # names a catalog that is not there
        while f"{second} serves on" not in caplog.text:  # noqa: ASYNC110  # a log line sets no event
            await asyncio.sleep(0.01)
        third = compiled(priced(folder, "35.00"), var).version
        assert (await taken.get()).catalog.version == third
    watching.cancel()
    assert taken.empty()


async def test_a_catalog_that_could_not_be_taken_is_tried_again(
    folder: Path, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = compiled(folder, var).version
    second = compiled(priced(folder, "30.00"), var).version
    monkeypatch.setattr(snapshot, "RETRY_SECONDS", 0.01)
    tries: list[str] = []
    taken = asyncio.Event()

    async def take(fresh: Snapshot) -> None:
        tries.append(fresh.catalog.version)
        if len(tries) < 3:
            raise MemoryError
        taken.set()

    before = failures()
    watching = asyncio.create_task(snapshot.watch(var, first, take))
    async with asyncio.timeout(20):
        await taken.wait()
    watching.cancel()
    assert tries == [second] * 3
    assert failures() == before + 2


async def test_a_catalog_that_cannot_be_taken_is_not_tried_all_the_time(folder: Path, var: Path) -> None:
    first = compiled(folder, var).version
    compiled(priced(folder, "30.00"), var)
    tries: asyncio.Queue[str] = asyncio.Queue()

    async def take(fresh: Snapshot) -> None:
        tries.put_nowait(fresh.catalog.version)
        raise MemoryError

    watching = asyncio.create_task(snapshot.watch(var, first, take))
    async with asyncio.timeout(20):
        await tries.get()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(tries.get(), 5 * snapshot.WATCH_SECONDS)
    watching.cancel()


async def test_a_replaced_catalog_leaves_nothing_to_the_garbage_collector(folder: Path, var: Path) -> None:
    """It could not be collected: whatever is loaded is frozen out of the collector's sight."""
    loaded = [snapshot.build(*snapshot.read(var, compiled(folder, var).version)).with_paused(frozenset({1}))]
    decoder = weakref.ref(loaded[0].decoders["first"])
    gc.collect()
    gc.disable()
    try:
        await let_go(loaded.pop())
        assert decoder() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


async def test_what_is_let_go_stays_whole_for_whoever_still_uses_it(folder: Path, var: Path) -> None:
    compiled(folder, var)
    in_use = await snapshot.load_current(var)
    contract = in_use.catalog.buyers[1].contracts[0]
    await let_go(in_use)
    assert in_use.catalog.buyers[1].contracts[0] is contract
    assert contract.bid_micros == 25_000_000


def test_a_reload_that_hangs_is_ended(folder: Path, var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "COMPILE_SECONDS_MAX", 0.5)
    home = snapshot.catalogs_folder(var)
    home.mkdir(parents=True)
    with (home / "lock").open("w") as lock:  # as another compilation that never ends would hold it
        fcntl.flock(lock, fcntl.LOCK_EX)
        compilation = Compilation(Settings(catalog=folder, var=var))
        deadline = time.monotonic() + 30
        while (outcome := compilation.outcome()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert outcome == compiling.too_slow()
