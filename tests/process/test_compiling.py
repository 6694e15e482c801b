"""From files to a compiled catalog, and from there to a snapshot in a worker."""

import asyncio
from pathlib import Path

import pytest

from service.exchange import compiling, snapshot
from service.exchange.compiling import Compiled, Refused
from service.exchange.letting_go import let_go
from service.exchange.snapshot import Snapshot, SnapshotLost
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


async def test_what_is_let_go_stays_whole_for_whoever_still_uses_it(folder: Path, var: Path) -> None:
    compiled(folder, var)
    in_use = await snapshot.load_current(var)
    contract = in_use.catalog.buyers[1].contracts[0]
    await let_go(in_use)
    assert in_use.catalog.buyers[1].contracts[0] is contract
    assert contract.bid_micros == 25_000_000
