"""The rows of the rooms, held by reading every import: a module imports only from rows beneath its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import service

PACKAGE = Path(service.__file__).parent
ROWS = [
    {"model", "errors", "settings", "metrics", "logs"},
    {"catalog", "match", "wire"},
    {"bench", "ledger", "served", "store"},
    {"archive", "exchange", "reports"},
    {"app", "pages"},
    {"__main__", "cli", "process"},
]
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}
OWN_SIBLINGS = [{"cli", "process", "__main__"}, {"app", "pages"}]
"""Rooms of one row that may know each other: the command line starts the process, the application serves the pages."""
FORBIDDEN = {
    "redis": {"store"},
    "hiredis": {"store"},
    "aiohttp": {"app", "process"},
    "gunicorn": {"process"},
    "jinja2": {"pages"},
    "tomllib": {"catalog"},
    "prometheus_client": {"metrics", "process"},
    "hdrh": {"bench"},
    "sqlalchemy": {"ledger"},
    "alembic": {"ledger"},
    "psycopg": {"ledger"},
}
"""Libraries that only these rooms may know."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively; name the room"
            if node.module == "service":
                yield from ((node.lineno, f"service.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, str(node.module)


def may_know(room: str, other: str) -> bool:
    if room == other or ROW_OF[other] < ROW_OF[room]:
        return True
    return any({room, other} <= siblings for siblings in OWN_SIBLINGS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_rows_beneath_its_own(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        assert not list(imports(path)), "the package itself imports nothing: it stands beneath all rooms"
        return
    wrong = [
        f"{path.name}:{line} {name}"
        for line, name in imports(path)
        if name.startswith("service.") and not name.startswith("service.__")
        if not may_know(room, name.split(".")[1])
    ]
    assert wrong == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_library_is_known_only_to_its_room(path: Path) -> None:
    wrong = [
        f"{path.name}:{line} {name}"
        for line, name in imports(path)
        if room_of(path) not in FORBIDDEN.get(name.split(".")[0], {room_of(path)})
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "path", [p for p in MODULES if ROW_OF.get(room_of(p), 9) <= 1], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_rooms_that_decide_never_wait(path: Path) -> None:
    waiting = (ast.Await, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith)
    assert [node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, waiting)] == []


def test_every_room_has_a_row() -> None:
    assert {room_of(path) for path in MODULES} - {"__init__"} <= ROW_OF.keys()


def test_a_module_of_a_higher_row_is_refused() -> None:
    assert not may_know("match", "store")
    assert not may_know("match", "wire")
    assert may_know("exchange", "store")
