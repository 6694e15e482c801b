"""The Lua scripts, read from their folder once: `lua/<verb>.lua` and the parts its header names."""

from functools import cache
from hashlib import sha1
from pathlib import Path

from msgspec import Struct

_PACKAGE = Path(__file__).resolve().parent.parent


class Script(Struct, frozen=True):
    verb: str
    text: bytes
    sha: bytes
    """Forty hex digits, as EVALSHA wants them."""


@cache
def script(verb: str) -> Script:
    """A script with its parts before it, from inside the package in a wheel, from beside it in a checkout."""
    folder = lua_folder()
    body = (folder / f"{verb}.lua").read_text(encoding="utf-8")
    texts = [(folder / "parts" / f"{part}.lua").read_text(encoding="utf-8") for part in parts_of(body)]
    text = "\n".join([*texts, body]).encode()
    return Script(verb, text, sha1(text, usedforsecurity=False).hexdigest().encode())


def lua_folder() -> Path:
    inside = _PACKAGE / "lua"
    return inside if inside.is_dir() else _PACKAGE.parent / "lua"


def parts_of(body: str) -> list[str]:
    """The names in the header's line `-- parts: a, b`."""
    for line in body.splitlines():
        if line.startswith("-- parts:"):
            return [name.strip() for name in line.removeprefix("-- parts:").split(",")]
    return []
