"""Every rule of the catalog, by the line that is printed where it is broken."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from service.catalog import Mistake, load

CASES = Path(__file__).parent.parent / "cases"
EXAMPLE = (CASES / "catalog.example.toml").read_text()
MISTAKES = tomllib.loads((CASES / "catalog_mistakes.toml").read_text())["cases"]


def lines_for(folder: Path, text: str | bytes) -> list[str]:
    (folder / "catalog.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    return lines_of(folder)


def lines_of(path: Path) -> list[str]:
    found = load(path)
    return [str(mistake) for mistake in found] if isinstance(found, list) else []


@pytest.mark.parametrize("case", MISTAKES, ids=[case["name"] for case in MISTAKES])
def test_a_mistake_is_told_with_its_file_path_and_value(tmp_path: Path, case: dict[str, Any]) -> None:
    if "old" in case:
        assert EXAMPLE.count(case["old"]) == 1
    text = EXAMPLE.replace(case["old"], case["new"]) if "old" in case else f"{EXAMPLE}\n{case['add']}\n"
    assert lines_for(tmp_path, text) == case["mistakes"]


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(EXAMPLE.replace("bid = 22.50", "bid = -5").replace("tier = 1", "tier = 0"))
    (tmp_path / "b.toml").write_text('[[buyers]]\nid = 1\nname = ""\n[[buyers]]\nid = "x"\nname = "X"\n')
    assert lines_of(tmp_path) == [
        "a.toml: buyers[0].contracts[0].tier: 0 is not a whole number from 1 to 1000000",
        "a.toml: buyers[2].contracts[0].bid: -5 is not a price above 0",
        'b.toml: buyers[0].name: "" is not a text of 1 to 200 characters',
        "b.toml: buyers[0].id: 1 is already the id of a.toml: buyers[0].id",
        'b.toml: buyers[1].id: "x" is not a whole number from 1 to 9007199254740992',
    ]


def test_a_file_that_is_not_toml_is_told_with_the_line(tmp_path: Path) -> None:
    assert lines_for(tmp_path, '[account]\nid = "demo') == [
        "catalog.toml: is not TOML: Unterminated string (at end of document)"
    ]


def test_every_unreadable_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b'[account]\nid = "\xff"\n')
    (tmp_path / "b.toml").mkdir()
    (tmp_path / "c.toml").write_text("x = " + "[" * 5000)
    assert lines_of(tmp_path) == [
        "a.toml: is not UTF-8 (byte 16)",
        "b.toml: cannot be read: Is a directory",
        "c.toml: is nested too deep",
    ]


def test_an_integer_longer_than_python_reads_is_a_mistake(tmp_path: Path) -> None:
    (line,) = lines_for(tmp_path, "x = " + "1" * 5000)
    assert line.startswith("catalog.toml: is not TOML: ")


def test_an_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    assert load(tmp_path) == [Mistake(tmp_path.name, "", "holds no *.toml file")]


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    assert lines_of(tmp_path / "none") == ["none: cannot be read: No such file or directory"]


def test_an_empty_file_lacks_an_account(tmp_path: Path) -> None:
    assert lines_for(tmp_path, "") == ["catalog.toml: account: is missing, here and in every other file"]


def test_a_second_account_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(EXAMPLE)
    (tmp_path / "b.toml").write_text('[account]\nid = "second"\n')
    assert lines_of(tmp_path) == ['b.toml: account: "account" is already a table of a.toml: account']


@pytest.mark.parametrize("table", ["offers", "endpoints", "ring_pools", "buyers", "traffic_sources", "static_numbers"])
@pytest.mark.parametrize("content", ["1", '"text"', "[1, [], 2026-01-01]", "{ id = [[]] }", "[{ id = {}, x = nan }]"])
def test_nonsense_in_a_table_is_a_mistake_and_never_an_exception(tmp_path: Path, table: str, content: str) -> None:
    lines = lines_for(tmp_path, f'{table} = {content}\n[account]\nid = "demo"\n')
    assert lines
    assert all(line.startswith(f"catalog.toml: {table}") for line in lines)


def test_wrong_lines_of_a_list_of_values_are_told_once(tmp_path: Path) -> None:
    (tmp_path / "zips.txt").write_text("# west\n90210\n\nnowhere\n")
    text = EXAMPLE.replace('zip = { prefix = ["9", "10"] }', 'zip = { file = "zips.txt" }')
    text = text.replace('{ state = ["FL"] }', '{ zip = { file = "zips.txt" } }')
    assert lines_for(tmp_path, text) == [
        'catalog.toml: buyers[1].contracts[0].where.zip.file: line 4: "nowhere" is not a five-digit zip code'
    ]


def test_a_mistake_in_one_thing_makes_none_of_what_refers_to_it(tmp_path: Path) -> None:
    text = EXAMPLE.replace('delivery = "call"', 'delivery = "carrier pigeon"').replace("bid = 25.00", 'bid = "?"')
    assert lines_for(tmp_path, text) == [
        'catalog.toml: offers[0].delivery: "carrier pigeon" is not one of call, data',
        'catalog.toml: buyers[0].contracts[0].bid: "?" is not a price',
    ]
