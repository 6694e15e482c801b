"""Values of a lead's fields, as publishers send them and as they are kept."""

import sys
from datetime import datetime
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.model.catalog import Field, FieldType, Value
from service.model.values import Complaint, compile_parser, e164, parse_type

TYPES: tuple[FieldType, ...] = get_args(FieldType)

KEPT: list[tuple[FieldType, object, Value]] = [
    ("text", "  State Farm\t", "State Farm"),
    ("text", 42, "42"),
    ("text", 42.0, "42"),
    ("text", 1.5, "1.5"),
    ("text", "two\nlines", "two\nlines"),
    ("phone", "18005551234", "+18005551234"),
    ("phone", 8005551234, "+18005551234"),
    ("phone", 18005551234.0, "+18005551234"),
    ("phone", " (800) 555-1234 ", "+18005551234"),
    ("phone", "+1 800.555.1234", "+18005551234"),
    ("phone", "1-800-555-1234", "+18005551234"),
    ("phone", "1 (800) 555 1234 ext. 5", "+18005551234"),
    ("phone", "+44 20 7946 0958", "+442079460958"),
    ("phone", "011 44 20 7946 0958", "+442079460958"),
    ("phone", "(212) 155-1234", "+12121551234"),
    ("integer", "42", 42),
    ("integer", " -42 ", -42),
    ("integer", 42.0, 42),
    ("integer", "42.0", 42),
    ("integer", 2**63 - 1, 2**63 - 1),
    ("decimal", "42.5", 42.5),
    ("decimal", 42, 42.0),
    ("decimal", "-1e3", -1000.0),
    ("boolean", True, True),
    ("boolean", "Yes", True),
    ("boolean", "OFF", False),
    ("boolean", 0, False),
    ("boolean", "1", True),
    ("boolean", "t", True),
    ("date", "2026-02-28", "2026-02-28"),
    ("date", "2/28/2026", "2026-02-28"),
    ("datetime", "2026-02-28", "2026-02-28T00:00:00Z"),
    ("datetime", "2026-02-28T23:30:00-05:00", "2026-03-01T04:30:00Z"),
    ("datetime", "2026-02-28 23:30:00.999 +0100", "2026-02-28T22:30:00Z"),
    ("datetime", "2026-02-28T23:30z", "2026-02-28T23:30:00Z"),
    ("datetime", 1700000000, "2023-11-14T22:13:20Z"),
    ("datetime", "1700000000123", "2023-11-14T22:13:20Z"),
    ("state", "ca", "CA"),
    ("state", " New  York", "NY"),
    ("state", "d.c.", "DC"),
    ("state", "Puerto Rico", "PR"),
    ("state", "U.S. Virgin Islands", "VI"),
    ("state", "ontario", "ON"),
    ("state", "Québec", "QC"),
    ("state", "AE", "AE"),
    ("zip", "01234", "01234"),
    ("zip", "01234-5678", "01234"),
    ("zip", "012345678", "01234"),
    ("zip", 90210, "90210"),
    ("email", " Ann.Lee+x@Example.COM ", "ann.lee+x@example.com"),
    ("url", " https://cert.trustedform.com/abc?x=1#y ", "https://cert.trustedform.com/abc?x=1#y"),
    ("url", "http://[::1]:8080/", "http://[::1]:8080/"),
    ("ip", "192.0.2.1", "192.0.2.1"),
    ("ip", "2001:DB8:0:0::1", "2001:db8::1"),
]

REFUSED: list[tuple[FieldType, object]] = [
    ("text", ""),
    ("text", " \n "),
    ("text", "a\x00b"),
    ("text", "half \ud800"),
    ("text", True),
    ("text", 10**400),
    ("text", float("nan")),
    ("text", "x" * 201),
    ("phone", "212555123"),
    ("phone", "555-1234"),
    ("phone", -8005551234),
    ("phone", "+1234567890123456"),
    ("phone", "8" * 10_000),
    ("phone", True),
    ("integer", True),
    ("integer", "4.5"),
    ("integer", 4.5),
    ("integer", "٤٢"),
    ("integer", 2**63),
    ("integer", "9" * 5000),
    ("integer", 1e300),
    ("decimal", "nan"),
    ("decimal", "inf"),
    ("decimal", "1e999"),
    ("decimal", float("inf")),
    ("decimal", 10**400),
    ("decimal", "1,000"),
    ("boolean", "maybe"),
    ("boolean", 2),
    ("boolean", ""),
    ("date", "2026-02-30"),
    ("date", "28/2/2026"),
    ("date", "2026-W01-1"),
    ("date", 20260228),
    ("datetime", "2026-02-28T25:00:00Z"),
    ("datetime", "0001-01-01T00:00:00+23:00"),
    ("datetime", 1e300),
    ("datetime", "yesterday"),
    ("state", "ZZ"),
    ("state", "Tejas"),
    ("state", ""),
    ("state", 6),
    ("zip", "1234"),
    ("zip", 1234),
    ("zip", -90210),
    ("zip", "9021O"),
    ("email", "ann"),
    ("email", "ann@localhost"),
    ("email", "a..b@example.com"),
    ("email", "x" * 65 + "@example.com"),
    ("email", "ann@" + "x" * 64 + ".com"),
    ("email", "\u212aate@example.com"),
    ("url", "ftp://example.com/"),
    ("url", "https:///path"),
    ("url", "https://exa mple.com/"),
    ("url", "http://[x"),
    ("url", "http://example.com:99999/"),
    ("url", "https://example.com/" + "x" * 2048),
    ("ip", "192.0.2.256"),
    ("ip", "fe80::1%eth0"),
    ("ip", "192.0.2.0/24"),
    ("ip", 1),
]

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.text("0123456789+-. ()/:T@aexX\x00%ext;,", max_size=24)
    | st.datetimes().map(str)
    | st.dates().map(str)
    | st.emails()
    | st.ip_addresses().map(str)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@pytest.mark.parametrize(("type", "raw", "value"), KEPT, ids=[f"{type}-{raw!r}" for type, raw, _ in KEPT])
def test_a_writing_becomes_the_normalised_value(type: FieldType, raw: object, value: Value) -> None:
    parsed = parse_type(type, raw)
    assert parsed == value
    assert parsed.__class__ is value.__class__


@pytest.mark.parametrize(("type", "raw"), REFUSED, ids=[f"{type}-{repr(raw)[:20]!a}" for type, raw in REFUSED])
def test_what_is_no_value_is_complained_of(type: FieldType, raw: object) -> None:
    complaint = parse_type(type, raw)
    assert isinstance(complaint, Complaint)
    assert complaint.text.startswith(("is ", "holds "))


@pytest.mark.parametrize("type", TYPES)
@given(raw=anything)
@example(raw="+39 06 698 12345")
@example(raw="1" * (sys.get_int_max_str_digits() + 1))
def test_whatever_arrives_is_a_value_that_stays_as_it_is_or_a_complaint(type: FieldType, raw: object) -> None:
    value = parse_type(type, raw)
    if not isinstance(value, Complaint):
        assert isinstance(value, (str, int, float, bool))
        assert parse_type(type, value) == value


@given(digits=st.from_regex(r"[2-9][0-9]{2}[2-9][0-9]{6}", fullmatch=True), form=st.sampled_from([
    "{0}", "1{0}", "+1{0}", "({a}) {b}-{c}", "{a}-{b}-{c}", "{a}.{b}.{c}", "+1 ({a}) {b} {c}", "1/{a}/{b}/{c}",
]))  # fmt: skip
def test_every_common_writing_of_a_north_american_number_is_that_number(digits: str, form: str) -> None:
    written = form.format(digits, a=digits[:3], b=digits[3:6], c=digits[6:])
    assert e164(written) == f"+1{digits}"


@given(
    country=st.sampled_from(["44", "49", "33", "61", "20", "52"]), rest=st.from_regex(r"[1-9][0-9]{9}", fullmatch=True)
)
def test_a_number_of_another_country_keeps_its_country(country: str, rest: str) -> None:
    # Its digits without the + may look like a number of ours, with it they never do.
    number = e164(f"+{country}{rest}")
    assert number is None or number.startswith(f"+{country}")


@given(moments=st.lists(st.datetimes(), min_size=2, max_size=2))
def test_times_compare_in_order_as_text(moments: list[datetime]) -> None:
    first, second = (parse_type("datetime", moment.isoformat()) for moment in sorted(moments))
    assert isinstance(first, str)
    assert isinstance(second, str)
    assert first <= second


def test_a_choice_is_answered_in_the_writing_of_the_catalog() -> None:
    field = Field("insurance_company", "text", one_of=("Geico", "State Farm"))
    assert compile_parser(field)(" STATE farm ") == "State Farm"
    assert compile_parser(field)("gecko") == Complaint("is not one of Geico, State Farm")


def test_a_long_list_of_choices_is_told_in_part() -> None:
    field = Field("size", "integer", one_of=tuple(range(12)))
    assert compile_parser(field)(12) == Complaint("is not one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more")
    assert compile_parser(field)("11") == 11


def test_limits_are_inclusive() -> None:
    parser = compile_parser(Field("age", "integer", min=16, max=110))
    assert [parser(age) for age in (15, "16", 110.0, 111)] == [
        Complaint("is below 16"), 16, 110, Complaint("is above 110"),
    ]  # fmt: skip


def test_a_limit_alone_is_enough() -> None:
    assert compile_parser(Field("born", "date", max="2010-12-31"))("1/1/2011") == Complaint("is above 2010-12-31")
    assert compile_parser(Field("bill", "decimal", min=0.0))("-0") == 0.0


def test_length_is_that_of_the_field() -> None:
    assert compile_parser(Field("name", "text", max_length=3))(" abc ") == "abc"
    assert compile_parser(Field("name", "text", max_length=3))("abcd") == Complaint("is longer than 3 characters")
    assert compile_parser(Field("page", "url", max_length=20))("https://example.com/x") == Complaint(
        "is longer than 20 characters"
    )
