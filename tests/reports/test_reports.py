"""Reports against a ledger on real databases: each figure, by each group, in local time."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.errors import LedgerDown
from service.ledger.reader import LedgerReader
from service.model.decline import Decline
from service.reports import sheets
from service.reports.asking import OPERATOR, Question, Viewer, narrowed, read
from service.reports.report import TooWide, report_on
from tests.reports.books import NEW_YORK, Books, at

NOON = at("2026-11-20T12:00")


def asked(books: Books, viewer: Viewer = OPERATOR, zone: ZoneInfo = NEW_YORK, **params: str) -> dict[str, Any]:
    """The report as JSON would have it."""
    told = {name.removesuffix("_"): text for name, text in params.items()}
    question = read({"period": "2026-11", **told} if not {"from", "days"} & told.keys() else told, NOON, zone)
    assert isinstance(question, Question), question
    allowed = narrowed(question, viewer)
    assert isinstance(allowed, Question), allowed
    reader = LedgerReader(books.url)
    try:
        report = report_on(reader, allowed)
    finally:
        reader.close()
    assert not isinstance(report, TooWide), report
    return sheets.report_dict(report, "USD")


def test_every_figure_of_an_ordinary_day(books: Books) -> None:
    books.volume(NOON, pings=100, pings_offered=80, posts=20, posts_sold=16)
    books.interest(NOON, candidates=90, bids=50, bid_micros=1_100_000_000)
    books.interest(NOON, buyer_id=2, candidates=60, bids=40, bid_micros=800_000_000)
    for _ in range(8):
        books.sale(NOON)
    books.sale(NOON, state="returned")
    books.sale(NOON, buyer_id=2, bid_micros=20_000_000, payout_micros=15_000_000, call=None)
    books.sale(NOON, converted_at_ms=NOON + 1)
    books.sale(NOON, made_by="converted", converted_at_ms=NOON + 1)
    books.sale(NOON, state="pending", made_at_ms=None, call=None)
    books.sale(NOON, state="lapsed", made_at_ms=None, call=None)
    books.sale(NOON, state="void", call=None)
    books.sale(NOON, number="", call=None)
    total = asked(books)["total"]
    assert total == {
        "pings": 100,
        "pings_offered": 80,
        "posts": 20,
        "posts_sold": 16,
        "acceptance_rate": Decimal("0.8000"),
        "post_ping_ratio": Decimal("0.2000"),
        "candidates": 150,
        "bids": 90,
        "average_bid": Decimal("21.111111"),
        "sales": 13,
        "win_rate": Decimal("0.1444"),
        "pending": 1,
        "returned": 1,
        "no_call": 2,
        "conversions": 2,
        "conversion_rate": Decimal("0.1538"),
        "revenue": Decimal("295.00"),
        "payout": Decimal("235.00"),
        "margin": Decimal("60.00"),
        "revenue_per_lead": Decimal("22.692308"),
        "cost_per_lead": Decimal("18.076923"),
    }


def test_nothing_is_divided_by_nothing(books: Books) -> None:
    said = asked(books)
    assert said["rows"] == []
    assert said["total"]["pings"] == 0
    assert [said["total"][name] for name in ("acceptance_rate", "average_bid", "win_rate", "cost_per_lead")] == [
        None
    ] * 4


def test_a_lead_that_two_buyers_bought_is_one_lead(books: Books) -> None:
    for buyer_id in (1, 2):
        books.sale(NOON, decision_id="d" * 32, sale_id=f"s{buyer_id}", buyer_id=buyer_id)
    assert asked(books)["total"]["revenue_per_lead"] == Decimal("50.00")
    by_buyer = asked(books, by="buyer")
    assert [row["revenue_per_lead"] for row in by_buyer["rows"]] == [Decimal("25.00")] * 2
    assert by_buyer["total"]["revenue_per_lead"] == Decimal("50.00")


@pytest.mark.parametrize(
    ("by", "label"),
    [
        ("hour", "2026-11-20T12:00-05:00"),
        ("day", "2026-11-20"),
        ("week", "2026-11-16"),
        ("month", "2026-11"),
        ("endpoint", "calls"),
        ("source", "abc"),
    ],
)
def test_rows_are_by_what_was_asked(books: Books, by: str, label: str) -> None:
    books.volume(NOON, pings=3)
    books.interest(NOON, candidates=3)
    books.sale(NOON)
    (row,) = asked(books, by=by)["rows"]
    assert (row[by], row["pings"], row["candidates"], row["sales"]) == (label, 3, 3, 1)


def test_rows_can_be_by_time_and_more(books: Books) -> None:
    for day, buyer_id in ((18, 2), (18, 1), (17, 2)):
        books.sale(at(f"2026-11-{day}T09:00"), buyer_id=buyer_id)
    rows = asked(books, by="contract,day,buyer")["rows"]
    assert [(row["day"], row["buyer"], row["contract"]) for row in rows] == [
        ("2026-11-17", 2, "2-calls"),
        ("2026-11-18", 1, "1-calls"),
        ("2026-11-18", 2, "2-calls"),
    ]
    assert "pings" not in rows[0]


def test_declines_are_counted_by_reason(books: Books) -> None:
    books.declined(NOON, Decline.CONCURRENCY, 4)
    books.declined(NOON, Decline.CAP_DAY, 3)
    books.declined(NOON, Decline.CAP_DAY, 2, buyer_id=2)
    books.declined(NOON, 999, 1)
    said = asked(books, by="reason")
    assert said["rows"] == [
        {"reason": "999", "declines": 1},
        {"reason": "cap_day", "declines": 5},
        {"reason": "concurrency", "declines": 4},
    ]
    assert said["total"] == {"declines": 10}
    assert asked(books, by="reason", buyer="2")["total"] == {"declines": 2}


def test_only_what_is_asked_for_is_counted(books: Books) -> None:
    for name, other in (("endpoint", "leads"), ("source_id", "xyz")):
        books.volume(NOON, pings=5, **{name: other})
        books.sale(NOON, **{name: other})
    books.volume(NOON, pings=7)
    books.sale(NOON, buyer_id=2)
    assert asked(books, endpoint="leads")["total"]["pings"] == 5
    assert asked(books, source="xyz")["total"]["sales"] == 1
    assert asked(books, source="xyz", endpoint="leads")["total"]["pings"] == 0
    assert asked(books, buyer="2")["total"]["sales"] == 1
    assert asked(books, contract="2-calls")["total"]["sales"] == 1
    assert asked(books)["total"]["pings"] == 17
    # One moment before the month, and the first one after it.
    books.sale(at("2026-10-31T23:59:59.999"))
    books.sale(at("2026-12-01T00:00"))
    assert asked(books)["total"]["sales"] == 3


def test_the_day_with_an_hour_twice_is_one_day_of_25_hours(books: Books) -> None:
    for hour in range(25):
        moment = at("2026-11-01T00:00") + hour * 3_600_000
        books.volume(moment, pings=1)
        books.sale(moment + 1)
    day = asked(books, period="2026-11-01", by="day")["rows"]
    assert [(row["day"], row["pings"], row["sales"]) for row in day] == [("2026-11-01", 25, 25)]
    hours = asked(books, period="2026-11-01", by="hour")["rows"]
    assert len(hours) == 25
    assert all((row["pings"], row["sales"]) == (1, 1) for row in hours)
    assert [row["hour"] for row in hours[:4]] == [
        "2026-11-01T00:00-04:00",
        "2026-11-01T01:00-04:00",
        "2026-11-01T01:00-05:00",
        "2026-11-01T02:00-05:00",
    ]


def test_the_hour_that_berlin_has_twice_stands_in_order(books: Books) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for moment in ("2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"):
        books.sale(at(moment))
    rows = asked(books, zone=berlin, period="2026-10-25", by="hour")["rows"]
    assert [row["hour"] for row in rows] == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]


def test_the_day_that_misses_an_hour_has_23(books: Books) -> None:
    books.sale(at("2026-03-08T01:59:59"))
    books.sale(at("2026-03-08T03:00:00"))
    books.sale(at("2026-03-08T23:59:59"))
    said = asked(books, period="2026-03-08", by="day")
    assert (said["from"], said["to"]) == ("2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00")
    assert [(row["day"], row["sales"]) for row in said["rows"]] == [("2026-03-08", 3)]
    hours = [row["hour"] for row in asked(books, period="2026-03-08", by="hour")["rows"]]
    assert hours == ["2026-03-08T01:00-05:00", "2026-03-08T03:00-04:00", "2026-03-08T23:00-04:00"]


def test_half_an_hour_off_is_right_for_sales(books: Books) -> None:
    kolkata = ZoneInfo("Asia/Kolkata")
    books.sale(at("2026-11-20T00:10", kolkata))
    books.sale(at("2026-11-19T23:50", kolkata))
    rows = asked(books, zone=kolkata, by="day")["rows"]
    assert [(row["day"], row["sales"]) for row in rows] == [("2026-11-19", 1), ("2026-11-20", 1)]


# -- who may see what


def test_a_buyer_sees_its_own_contracts_and_nobodys_payout(books: Books) -> None:
    books.volume(NOON, pings=9)
    books.interest(NOON, candidates=5, bids=4, bid_micros=100_000_000)
    books.interest(NOON, buyer_id=2, candidates=50, bids=40, bid_micros=1_000_000_000)
    books.sale(NOON)
    books.sale(NOON, buyer_id=2)
    total = asked(books, Viewer("buyer", buyer_id=1))["total"]
    assert (total["sales"], total["bids"], total["average_bid"], total["revenue"]) == (1, 4, 25, 25)
    assert not {"pings", "payout", "margin", "cost_per_lead"} & total.keys()


def test_a_source_sees_its_own_traffic_and_never_a_bid(books: Books) -> None:
    books.volume(NOON, pings=9, posts=3, posts_sold=1)
    books.volume(NOON, pings=90, source_id="xyz")
    books.interest(NOON, candidates=5, bids=4, bid_micros=100_000_000)
    books.sale(NOON, bid_micros=33_330_000)
    books.sale(NOON, source_id="xyz")
    said = asked(books, Viewer("source", source_id="abc"), by="day")
    assert said["total"] == {
        "pings": 9, "pings_offered": 0, "posts": 3, "posts_sold": 1, "acceptance_rate": Decimal("0.3333"),
        "post_ping_ratio": Decimal("0.3333"), "sales": 1, "pending": 0, "returned": 0, "no_call": 0, "conversions": 0,
        "conversion_rate": Decimal("0.0000"), "payout": Decimal("20.00"), "cost_per_lead": Decimal("20.00"),
    }  # fmt: skip
    assert b"33.33" not in sheets.encode(said)


# -- weather


def test_a_ledger_that_is_not_there_is_not_made(books: Books, tmp_path: Any) -> None:
    reader = LedgerReader(f"sqlite:///{tmp_path / 'none.sqlite'}")
    with pytest.raises(LedgerDown):
        reader.account(1, 0, 1)
    assert not (tmp_path / "none.sqlite").exists()


def test_a_question_that_takes_too_long_is_given_up(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.ledger.reader.ANSWER_SECONDS_MAX", 0.001)
    monkeypatch.setattr("service.ledger.reader.STEPS_BETWEEN_LOOKS", 1)
    monkeypatch.setattr("service.ledger.reader.account_of", _slow)
    reader = LedgerReader(books.url)
    with pytest.raises(LedgerDown):
        reader.account(1, 0, 1)
    reader.close()


def _slow(connection: Any, *_: object) -> None:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT sum(i) FROM n"
    connection.exec_driver_sql(slow).all()


def test_too_many_rows_are_refused_in_words(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.ledger.totals.ROWS_MAX", 1)
    books.sale(NOON)
    books.sale(NOON, buyer_id=2)
    question = read({"period": "2026-11", "by": "buyer"}, NOON, NEW_YORK)
    assert isinstance(question, Question)
    reader = LedgerReader(books.url)
    assert isinstance(report_on(reader, question), TooWide)
    reader.close()
