"""The scripts' headers say what their bodies do."""

import re
from pathlib import Path

import pytest

from service.store.scripts import lua_folder, parts_of, script

SCRIPTS = sorted(lua_folder().glob("*.lua"))
SECTIONS = ("parts", "KEYS", "ARGV", "Returns", "Writes")
LINES_MAX = 150
WRITES = "SET|SETRANGE|INCRBY|DEL|PEXPIRE|PEXPIREAT|HSET|HDEL|HINCRBY|SADD|SREM|XADD|XTRIM|" + (
    "ZADD|ZINCRBY|ZREM|ZREMRANGEBYSCORE"
)


def header_of(path: Path) -> dict[str, str]:
    """Section -> text of the comment at the top."""
    found: dict[str, str] = {}
    section = "verb"
    for line in path.read_text().splitlines():
        if not line.startswith("--"):
            break
        text = line.removeprefix("--").strip()
        begins = re.match(r"(parts|KEYS|ARGV|Returns|Writes): ?(.*)", text)
        if begins:
            section, text = begins.groups()
        found[section] = f"{found.get(section, '')} {text}".strip()
    return found


def body_of(path: Path) -> str:
    return "\n".join(line for line in path.read_text().splitlines() if not line.startswith("--"))


def names_said(text: str) -> list[str]:
    """The names before the tail, without what is said about them."""
    named = re.sub(r"\([^()]*\)", "", text).split(";")[0]
    return [] if named.startswith("none") else [name.strip() for name in named.split(",")]


def names_bound(body: str, table: str) -> list[str]:
    """Names bound to KEYS or ARGV by number, in the order of the numbers."""
    bound: dict[int, str] = {}
    for left, right in re.findall(r"^local ([\w, ]+) =\s+(.*)$", body, re.MULTILINE):
        places = re.findall(rf"{table}\[(\d+)\]", right)
        if places:
            names = [name.strip() for name in left.split(",")]
            values = re.split(r",\s*(?![^()]*\))", right)
            for name, value in zip(names, values, strict=True):
                place = re.search(rf"{table}\[(\d+)\]", value)
                if place:
                    bound[int(place.group(1))] = name
    assert list(bound) == sorted(bound)
    assert list(bound) == list(range(1, len(bound) + 1)), f"{table} is bound with a gap: {bound}"
    return list(bound.values())


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_header_has_all_sections(path: Path) -> None:
    header = header_of(path)
    assert header["verb"].startswith(f"{path.stem}: ")
    assert all(header.get(section) for section in SECTIONS)
    assert len(path.read_text().splitlines()) <= LINES_MAX


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_key_and_argument_is_named_as_the_header_says(path: Path) -> None:
    header, body = header_of(path), body_of(path)
    assert [f"{name}_key" for name in names_said(header["KEYS"])] == names_bound(body, "KEYS")
    assert names_said(header["ARGV"]) == names_bound(body, "ARGV")


@pytest.mark.parametrize("verb", ["hold", "sell"])
def test_the_words_of_a_stream_are_named_as_the_header_says(verb: str) -> None:
    path = lua_folder() / f"{verb}.lua"
    said = dict(re.findall(r"(\w+) \(msgpack: ([\w,; ]+)\)", header_of(path)["ARGV"]))
    bound = re.findall(r"^local ([\w,\s]+?) = cmsgpack\.unpack\((\w+)\)", body_of(path), re.MULTILINE)
    assert [stream for _, stream in bound] == ["how"]
    for names, stream in bound:
        assert re.findall(r"\w+", names) == re.findall(r"\w+", said[stream])
        for name in re.findall(r"\w+", names):
            assert len(re.findall(rf"\b{name}\b", body_of(path))) > 1, f"{name} is bound and not used"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_no_bare_number_stands_below_the_names(path: Path) -> None:
    body = body_of(path)
    below = body[body.index("local now = now_ms()") :]
    assert not re.search(r"(KEYS|ARGV)\[\d", below)
    follows = re.search(r"(?:tail_follows\(|KEYS_NAMED = )(\d+)", body)
    if follows:
        assert int(follows.group(1)) == len(names_bound(body, "KEYS"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_name_is_used(path: Path) -> None:
    body = body_of(path)
    for name in (*names_bound(body, "KEYS"), *names_bound(body, "ARGV")):
        assert len(re.findall(rf"\b{name}\b", body)) > 1, f"{name} is bound and not used"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_writing_script_knows_when_it_is_late_and_a_reading_one_writes_nothing(path: Path) -> None:
    header, body = header_of(path), body_of(path)
    if header["Writes"] == "nothing":
        texts = [body, *((lua_folder() / "parts" / f"{part}.lua").read_text() for part in parts_of(path.read_text()))]
        assert not any(re.search(rf'redis\.call\("({WRITES})"', text) for text in texts)
        return
    assert names_bound(body, "ARGV")[0] == "not_after_ms"
    assert body.index('return {"late", now}') < re.search(rf'redis\.call\("({WRITES})"', body).start()  # type: ignore[union-attr]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_nothing_is_written_before_all_is_checked(path: Path) -> None:
    """The main path writes below its mark; above it stand only refusals that return at once."""
    lines = body_of(path).splitlines() if "All writes" not in path.read_text() else path.read_text().splitlines()
    below = next((at for at, line in enumerate(lines) if line.startswith("-- All writes")), 0)
    for line in lines[:below]:
        if re.search(rf'redis\.call\("({WRITES})"', line):
            assert line.startswith("  "), f"written on the main path before all is checked: {line}"


def test_a_script_is_its_parts_and_its_body() -> None:
    hold = script("hold")
    assert hold.text.endswith((lua_folder() / "hold.lua").read_bytes())
    assert b"local function now_ms()" in hold.text


def test_the_key_table_names_every_key() -> None:
    """`lua/README.md` is the truth about keys: each prefix that the code spells is in it, and no other."""
    spelled = set(re.findall(r'_key\(f?"(\w+)', (Path(lua_folder()).parent / "service/store/keys.py").read_text()))
    spelled |= {"ping", "test", "pool", "lent", "retired"}
    told = set(re.findall(r"\{a\}:(\w+)", (lua_folder() / "README.md").read_text()))
    assert told == spelled


def test_the_proofs_of_the_invariants_are_tests() -> None:
    """`lua/README.md` names a test for each of the nine, and every test that it names is there."""
    told = (lua_folder() / "README.md").read_text().split("## Invariants")[1].split("\n## ")[0]
    rows = [line for line in told.splitlines() if re.match(r"\| \d ", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 10))
    defined: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        defined |= set(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE))
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert set(named) <= defined, set(named) - defined
