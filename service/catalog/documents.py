"""The TOML files of a catalog, as they are written, and the lists of values beside them."""

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from msgspec import Struct

from service.catalog.mistake import Mistake, Spot, shown
from service.catalog.table import Table, tables_in
from service.model.catalog import Value
from service.model.values import Complaint, Parser

CATALOG_BYTES_MAX = 256 * 1024 * 1024  # 100,000 contracts with generous filters are a quarter of it
VALUE_FILE_BYTES_MAX = 32 * 1024 * 1024
VALUES_PER_FILE_MAX = 1_000_000


class Document(Struct, frozen=True):
    """One file: its tables by name, and its spot."""

    tables: Table
    spot: Spot


class Documents:
    """All files of a catalog in the order of their names, merged by being walked one after the other."""

    def __init__(self, path: Path) -> None:
        self.mistakes: list[Mistake] = []
        self._folder = path if path.is_dir() else path.parent
        self.files = list(self._read(path))
        self._lists: dict[tuple[str, Parser], frozenset[Value]] = {}

    def each(self, table: str) -> Iterator[tuple[Table, Spot]]:
        """The tables of a kind over all files; indices count within a file."""
        for document in self.files:
            if table in document.tables:
                yield from tables_in(document.tables[table], document.spot.at(table))

    def values(self, name: object, parser: Parser, spot: Spot) -> frozenset[Value]:
        """The values of a text file beside the catalog, one a line; a line that begins with # is a comment."""
        path = PurePosixPath(name) if isinstance(name, str) and name.isprintable() else PurePosixPath("/")
        if path.is_absolute() or ".." in path.parts or not path.parts:
            spot.wrong(f"{shown(name)} is not the name of a file beside the catalog")
            return frozenset()
        key = (str(path), parser)
        if key not in self._lists:
            text = self._text(self._folder / path, spot, bytes_max=VALUE_FILE_BYTES_MAX)
            self._lists[key] = frozenset() if text is None else _values(text, parser, spot)
        return self._lists[key]

    def _read(self, path: Path) -> Iterator[Document]:
        files = _files(path)
        if not files:
            # A path that cannot be a file's is told by its name all the same.
            Spot(path.name or str(path), self.mistakes).wrong("holds no *.toml file")
        bytes_left = CATALOG_BYTES_MAX
        for file in files:
            spot = Spot(file.name, self.mistakes)
            text = self._text(file, spot, bytes_max=bytes_left)
            if text is None:
                continue
            bytes_left -= len(text)
            try:
                yield Document(tomllib.loads(text), spot)
            except RecursionError:
                spot.wrong("is nested too deep")
            except ValueError as error:
                spot.wrong(f"is not TOML: {error}")

    def _text(self, file: Path, spot: Spot, *, bytes_max: int) -> str | None:
        named = f"{file.name} " if spot.path else ""  # a file of the catalog is named by its spot already
        try:
            if file.stat().st_size > bytes_max:
                spot.wrong(f"{named}is larger than the {bytes_max} bytes that are left for it")
                return None
            # TOML knows two line ends and Windows may put a byte order mark before the text.
            return file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            spot.wrong(f"{named}is not UTF-8 (byte {error.start})")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            spot.wrong(f"{named}cannot be read: {reason}")
        return None


def _files(path: Path) -> list[Path]:
    try:
        return sorted(path.glob("*.toml")) if path.is_dir() else [path]
    except (OSError, ValueError):
        return []


def _values(text: str, parser: Callable[[object], Value | Complaint], spot: Spot) -> frozenset[Value]:
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not lines:
        spot.wrong("holds no value: nothing would match")
    if len(lines) > VALUES_PER_FILE_MAX:
        spot.wrong(f"holds {len(lines)} values, more than {VALUES_PER_FILE_MAX}")
        return frozenset()
    kept = []
    for number, line in lines:
        value = parser(line)
        if isinstance(value, Complaint):
            spot.wrong(f"line {number}: {shown(line)} {value.text}")
        else:
            kept.append(value)
    return frozenset(kept)
