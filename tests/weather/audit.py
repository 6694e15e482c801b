"""Whether what publishers were told, what the ledger has and what Redis counts are one and the same. Pure: sentences
out, none where all adds up."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tests.weather.books import Books
from tests.weather.market import OFFERS, PREPAID, PRICES, SOURCE, Limit, contract_id
from tests.weather.publisher import Journal, Sale

SHOWN_MAX = 5
"""Of things alike, in one sentence."""


def faults(journals: Sequence[Journal], books: Books, limits: Sequence[Limit]) -> list[str]:
    seen = {sale.sale_id: sale for journal in journals for sale in journal.sales}
    return [
        *(fault for journal in journals for fault in journal.faults),
        *_answers(journals),
        *_sales(seen, books),
        *_money(seen, books),
        *_balances(journals, books),
        *_caps(books, limits),
        *_record(books),
        *_declines(journals, books),
    ]


def _answers(journals: Sequence[Journal]) -> Iterator[str]:
    """However often a lead was posted: one sale, and one answer."""
    by_lead: dict[str, set[Sale]] = defaultdict(set)
    by_sale: dict[str, set[Sale]] = defaultdict(set)
    for journal in journals:
        for sale in journal.sales:
            by_lead[sale.request_id].add(sale)
            by_sale[sale.sale_id].add(sale)
    for what, by in (("leads with several sales or answers", by_lead), ("sales of several leads", by_sale)):
        yield from _some(what, (name for name, sales in by.items() if len(sales) > 1))


def _sales(seen: dict[str, Sale], books: Books) -> Iterator[str]:
    kept = {sale.sale_id: sale for sale in books.sales}
    yield from _some("sales that were answered and are not in the ledger", seen.keys() - kept.keys())
    yield from _some("sales in the ledger that nobody was told of", kept.keys() - seen.keys())
    leads = Counter(sale.request_id for sale in books.sales)
    yield from _some("leads that the ledger has sold twice", (lead for lead, count in leads.items() if count > 1))
    yield from _some("sales that are not in state sold", (sale.sale_id for sale in books.sales if sale.state != "sold"))
    for sale_id in seen.keys() & kept.keys():
        told, has = seen[sale_id], kept[sale_id]
        if (told.request_id, told.buyer_id, told.payout_micros) != (has.request_id, has.buyer_id, has.payout_micros):
            yield f"sale {sale_id} was answered as {told} and stands in the ledger as {has}"


def _money(seen: dict[str, Sale], books: Books) -> Iterator[str]:
    keys: Counter[str] = Counter()
    charged, owed, margin = 0, 0, 0
    for entry in books.entries:
        keys[entry.key] += entry.amount_micros
        if entry.kind == "sale":
            charged -= entry.amount_micros if entry.account.startswith("buyer:") else 0
            owed += entry.amount_micros if entry.account == f"publisher:{SOURCE}" else 0
            margin += entry.amount_micros if entry.account == "margin" else 0
    yield from _some("keys whose entries do not sum to 0", (key for key, micros in keys.items() if micros))
    prices, payouts = sum(PRICES[sale.buyer_id] for sale in seen.values()), sum(s.payout_micros for s in seen.values())
    yield from _same("charged to buyers, and the prices of the sales that were answered", charged, prices)
    yield from _same("owed to the publisher, and what it was answered", owed, payouts)
    yield from _same("margin, and what is between the two", margin, prices - payouts)


def _balances(journals: Sequence[Journal], books: Books) -> Iterator[str]:
    account, top_ups, charges, lowest = f"buyer:{PREPAID}", {}, 0, 0
    balance = 0
    for entry in books.entries:
        if entry.account == account:
            balance += entry.amount_micros
            lowest = min(lowest, balance)
            if entry.kind == "top_up":
                top_ups[entry.key.removeprefix("credit:")] = entry.amount_micros
            else:
                charges -= entry.amount_micros
    answered = {key: micros for journal in journals for key, micros in journal.top_ups.items()}
    # In the order of the ledger, which is that of Redis: so this holds at every moment there was.
    yield from _same("lowest balance there ever was, and nothing", lowest, 0)
    yield from _some("top-ups that differ", (key for key, _ in top_ups.items() ^ answered.items()))
    yield from _same("balance in the ledger, and top-ups less charges", balance, sum(answered.values()) - charges)
    expected = {PREPAID: balance} if answered else {}
    if books.balances != expected:
        yield f"balances in Redis are {books.balances}, by the ledger {expected}"


def _caps(books: Books, limits: Sequence[Limit]) -> Iterator[str]:
    for contract, periods in books.caps.items():
        made = [(sale.made_at_ms, sale.bid_micros) for sale in books.sales if sale.contract == contract]
        if made and not periods:
            yield f"{contract} has {len(made)} sales and counts none"
        for per, (start_ms, sold, micros) in periods.items():
            within = [bid for at_ms, bid in made if at_ms >= start_ms]
            kept = len(within), sum(within)
            if (sold, micros) != kept:
                yield f"{contract} counts this {per} {sold} sales of {micros} micros; the ledger {kept[0]} of {kept[1]}"
    for limit in limits:
        for offer in OFFERS:
            contract = contract_id(limit.buyer_id, offer)
            _, sold, micros = books.caps[contract].get(limit.per, (0, 0, 0))
            taken = sold if limit.counts == "sales" else micros
            if taken > limit.most:
                yield f"{contract} has {taken} {limit.counts} a {limit.per}, capped at {limit.most}"


def _record(books: Books) -> Iterator[str]:
    yield from _same("entries of the streams that were refused, and none", books.refused, 0)
    yield from _same("posts on record as sold, and sales", books.decided, len(books.sales))
    yield from _same("posts counted as sold, and sales", books.counted, len(books.sales))


def _declines(journals: Sequence[Journal], books: Books) -> Iterator[str]:
    """One buyer takes all that others do not, and there are numbers enough."""
    declined = sum((Counter(journal.declined) for journal in journals), Counter[str]())
    declined.pop("ping_expired", None)  # the service was away for that long
    if declined:
        yield f"leads were declined as {dict(declined)}; unsold posts on record: {books.unsold}"


def _same(what: str, one: int, other: int) -> Iterator[str]:
    if one != other:
        yield f"{what}: {one} and {other}"


def _some(what: str, found: Iterable[str]) -> Iterator[str]:
    names = sorted(found)
    if names:
        more = f" and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else ""
        yield f"{what}: {', '.join(names[:SHOWN_MAX])}{more}"
