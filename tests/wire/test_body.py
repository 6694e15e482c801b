"""Bytes to names and values: three ways to write the same, and everything that is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.wire import Refusal, params
from service.wire.body import EMPTY_TEXT, FIELDS_MAX, EmptyText

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

UNDERSTOOD = [
    ("json", b'{"zip": "90210", "age": 42}', JSON, "", {"zip": "90210", "age": 42}),
    ("json with a charset", b'{"a": "\xc3\xa9"}', "application/json; charset=UTF-8", "", {"a": "é"}),
    ("json of a kind", b'{"a": 1}', "application/vnd.lead+json", "", {"a": 1}),
    ("json with a byte order mark", b'\xef\xbb\xbf{"a": 1}', JSON, "", {"a": 1}),
    ("json as curl -d sends it", b' {"a": 1}', FORM, "", {"a": 1}),
    ("json without a type", b'{"a": 1}', "", "", {"a": 1}),
    ("form", b"zip=90210&name=Ann+Lee&mail=a%40b.example", FORM, "",
     {"zip": "90210", "name": "Ann Lee", "mail": "a@b.example"}),
    ("form without a type", b"a=1", "", "", {"a": "1"}),
    ("form, names in any case of the type", b"a=1", "Application/X-WWW-Form-URLencoded", "", {"a": "1"}),
    ("form with empty pieces", b"&a=1&&=2&b", FORM, "", {"a": "1", "b": ""}),
    ("a percent sign that is none", b"a=100%&b=%zz", FORM, "", {"a": "100%", "b": "%zz"}),
    ("query", b"", "", "caller_id=%2B18005551234&zip=", {"caller_id": "+18005551234", "zip": ""}),
    ("query with bytes as they came", b"", "", "a=\udcc3\udca9", {"a": "é"}),
    ("nothing", b"", "text/plain", "", {}),
    ("blank body", b" \r\n", JSON, "", {}),
    ("the body wins", b'{"a": 1, "b": 2}', JSON, "a=9&c=3", {"a": 1, "b": 2, "c": "3"}),
    ("but not where it is empty", b'{"a": null, "b": ""}', JSON, "a=9&b=8", {"a": "9", "b": "8"}),
    ("colons in values", b'{"url": "https://a.example", "t": "10:30", "o": {"a": 1}}', JSON, "",
     {"url": "https://a.example", "t": "10:30", "o": {"a": 1}}),
    ("a value that looks like a name", b'{"a": "\\":", "b": "\\"a\\":"}', JSON, "", {"a": '":', "b": '"a":'}),
    ("the same name in two objects", b'{"a": {"x": 1}, "b": {"x": 2}}', JSON, "", {"a": {"x": 1}, "b": {"x": 2}}),
    ("a huge number beside colons", b'{"a": ' + b"1" * 5000 + b"0e-5000" + b', "b": "::"}', JSON, "", None),
]  # fmt: skip

REFUSED = [
    ("broken json", b'{"a": ', JSON, "", "malformed_body"),
    ("json under the form's type, broken", b'{"a": ', FORM, "", "malformed_body"),
    ("an array", b"[1]", JSON, "", "malformed_body"),
    ("an array as a form", b"[1]", FORM, "", "malformed_body"),
    ("null", b"null", JSON, "", "malformed_body"),
    ("text", b'"a"', JSON, "", "malformed_body"),
    ("not a number", b'{"a": NaN}', JSON, "", "malformed_body"),
    ("half a surrogate pair", b'{"a": "\\ud800"}', JSON, "", "malformed_body"),
    ("latin-1", b'{"a": "\xe9"}', JSON, "", "malformed_body"),
    ("utf-16", '{"a": 1}'.encode("utf-16"), JSON, "", "malformed_body"),
    ("latin-1 in a form", b"a=%e9", FORM, "", "malformed_body"),
    ("latin-1 in a query", b"", "", "a=%e9", "malformed_body"),
    ("latin-1 in a query beside a body", b"{}", JSON, "a=%e9", "malformed_body"),
    ("a name twice", b'{"a": 1, "a": 2}', JSON, "", "malformed_body"),
    ("a name twice, spelled otherwise", b'{"a": 1, "\\u0061": 2}', JSON, "", "malformed_body"),
    ("a name twice, further down", b'{"a": {"b": 1, "b": 1}}', JSON, "", "malformed_body"),
    ("a name twice, in a list", b'{"a": [{"b": 1, "b": 1}]}', JSON, "", "malformed_body"),
    ("a name twice beside a colon", b'{"u": "a:b", "a": 1, "a": 1}', JSON, "", "malformed_body"),
    ("a name twice in a form", b"a=1&b=2&a=1", FORM, "", "malformed_body"),
    ("a name twice in a form, spelled otherwise", b"a=1&%61=1", FORM, "", "malformed_body"),
    ("a name twice in a query", b"", "", "a=1&a=2", "malformed_body"),
    ("too deep", b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", JSON, "", "malformed_body"),
    ("too deep to look for names", b'{"a": ' + b'{"b":' * 1000 + b"1" + b"}" * 1000 + b"}", JSON, "", "malformed_body"),
    ("plain text", b"a=1", "text/plain", "", "unsupported_media_type"),
    ("multipart", b"--x", "multipart/form-data; boundary=x", "", "unsupported_media_type"),
    ("xml", b"<a/>", "application/xml", "", "unsupported_media_type"),
    ("another charset", b'{"a": 1}', "application/json; charset=iso-8859-1", "", "unsupported_media_type"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "content_type", "query", "expected"), [c[1:] for c in UNDERSTOOD], ids=[c[0] for c in UNDERSTOOD]
)
def test_these_writings_are_understood(body: bytes, content_type: str, query: str, expected: object) -> None:
    found = params(body, content_type, query)
    assert not isinstance(found, Refusal), found
    if expected is not None:
        assert found == expected


@pytest.mark.parametrize(
    ("body", "content_type", "query", "status"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_these_are_refused_in_words(body: bytes, content_type: str, query: str, status: str) -> None:
    found = params(body, content_type, query)
    assert isinstance(found, Refusal), found
    assert found.status == status
    assert isinstance(found.errors, list)
    assert len(found.errors) == 1
    assert found.errors[0].endswith(".")
    assert len(found.errors[0]) < 250


def test_a_name_that_stands_twice_is_named() -> None:
    found = params(b'{"zip": 1, "zip": 2}', JSON, "")
    assert found == Refusal("malformed_body", ['The body has the name "zip" twice.'])


@pytest.mark.parametrize("query", ["ping_id=", "ping_id", "ping_id=&a=1"])
def test_an_empty_text_of_a_query_can_be_told_from_that_of_json(query: str) -> None:
    found = params(b"", "", query)
    assert isinstance(found, dict)
    assert found["ping_id"] is EMPTY_TEXT
    of_json = params(b'{"ping_id": ""}', FORM, "")
    assert isinstance(of_json, dict)
    assert not isinstance(of_json["ping_id"], EmptyText)


@pytest.mark.parametrize("count", [FIELDS_MAX, FIELDS_MAX + 1])
def test_names_are_counted_in_body_and_query(count: int) -> None:
    names = [f"n{i}" for i in range(count)]
    form = "&".join(f"{n}=1" for n in names)
    half = json.dumps(dict.fromkeys(names[: count // 2], 1)).encode()
    rest = "&".join(f"{n}=1" for n in names[count // 2 :])
    for found in (
        params(json.dumps(dict.fromkeys(names, 1)).encode(), JSON, ""),
        params(form.encode(), FORM, ""),
        params(b"", "", form),
        params(half, JSON, rest),
    ):
        assert isinstance(found, Refusal) == (count > FIELDS_MAX)


def test_a_body_of_nothing_but_separators_is_no_work() -> None:
    assert isinstance(params(b"&" * 65536, FORM, ""), Refusal)


@given(
    st.binary(max_size=200),
    st.sampled_from([JSON, FORM, "", "application/json; charset=utf-8"]),
    st.binary(max_size=50),
)
def test_no_bytes_raise(body: bytes, content_type: str, query: bytes) -> None:
    found = params(body, content_type, query.decode("utf-8", "surrogateescape"))
    assert isinstance(found, (dict, Refusal))


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a":\\ ', max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.text('a":\\,{ ', max_size=4), values, max_size=5),
    st.sampled_from([(", ", ": "), (",", ":"), (" ,", "\n:")]),
)
def test_every_object_comes_back_as_it_was_written(sent: dict[str, object], separators: tuple[str, str]) -> None:
    assert params(json.dumps(sent, separators=separators).encode(), JSON, "") == sent


@given(st.lists(st.tuples(st.sampled_from(["a", "b", 'c":', "d\\"]), values), max_size=5))
def test_a_name_twice_is_always_found_and_never_invented(pairs: list[tuple[str, object]]) -> None:
    body = "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}"
    twice = len({name for name, _ in pairs}) < len(pairs)
    assert isinstance(params(body.encode(), JSON, ""), Refusal) == twice
