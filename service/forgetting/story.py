"""The story of a person who is forgotten, while everything goes on.

Rounds are made until one finds nothing: what was in flight while the first looked elsewhere is found by the next. The
audit is dropped only behind the archive, so that what was decided is counted, and so that no batch which the archive
has read already brings the person back into the ledger after they were erased there.
"""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct

from service import ledger
from service.errors import LedgerDown, StoreDown
from service.forgetting.telling import answer_of
from service.ledger import Ledger, Receipt
from service.match.people import EVERYWHERE
from service.model.catalog import Catalog
from service.model.fields import contact_fields
from service.model.lead import Lead
from service.model.person import Person
from service.store import Store
from service.store.erasing import Eraser
from service.store.streams import id_of
from service.wire.privacy_answers import ForgetAnswer

ROUNDS_MAX = 5
SETTLE_SECONDS = 0.5
"""Before a further round: who was at work on the person's lead has ended by then, for no answer takes half of it."""
ARCHIVE_SECONDS_MAX = 10.0
"""How long the archive may take to pass what is to be dropped; as a rule it has within a second."""
ARCHIVE_LOOK_SECONDS = 0.1
TELL_KEYS = 50_000

Tell = Callable[[str], None]


class ForgetAsk(Struct, frozen=True):
    """`suppress`: they are put on the account's suppression list first, so that nobody pings them meanwhile."""

    person: Person
    suppress: bool = False


class _Case(Struct):
    """What is known of one person so far."""

    eraser: Eraser
    to: Ledger
    tell: Tell
    at_ms: int
    caller_hashes: frozenset[str]
    has_ledger: bool = False
    """An archive has made its tables: it may do so while we are at it."""
    erased: int = 0
    """Decisions of the ledger."""
    refused: int = 0
    is_behind: bool = False
    """The archive did not pass the audit's entries in time."""


async def forget(store: Store, to: Ledger, catalog: Catalog, ask: ForgetAsk, tell: Tell) -> ForgetAnswer:
    """Erases a person. `tell` is given sentences on the way. To be asked again after a fault, and as often as one
    likes. Raises StoreDown, LedgerDown, LedgerUnfit."""
    if ask.suppress:
        await store.suppress(EVERYWHERE, ask.person, reason="forgotten")
    case = _Case(
        store.eraser(ask.person, _mark_fields(catalog)), to, tell, store.now_ms(), _caller_hashes(store, ask.person)
    )
    for number in range(1, ROUNDS_MAX + 1):
        before = case.eraser.counts.total()
        await _round(case, number)
        if case.eraser.counts.total() == before:
            break  # nobody is left, or was there at all
        await asyncio.sleep(SETTLE_SECONDS)
    receipts = await asyncio.to_thread(_erase_from_ledger, case) if case.has_ledger else []
    kept = await _scrub(store, case)
    counts = {**case.eraser.counts, "decisions": case.erased, "refused": case.refused}
    return answer_of(catalog, ask.person, case.eraser, receipts, counts, kept, suppressed=ask.suppress)


async def _look_into_ledger(case: _Case) -> None:
    """Whose caller they were is indexed; where else they are named is looked for in every record, once."""
    is_first, case.has_ledger = not case.has_ledger, await asyncio.to_thread(_has_tables, case.to)
    if not case.has_ledger:
        case.tell("there is no ledger yet: only Redis is looked through")
        return
    case.eraser.decisions |= await asyncio.to_thread(ledger.decisions_of_caller, case.to, case.caller_hashes)
    if not is_first:
        return
    parts, looked_at = ledger.decisions_naming(case.to, case.eraser.traces), 0
    while (part := await asyncio.to_thread(next, parts, None)) is not None:
        case.eraser.decisions |= part[0]
        looked_at += part[1]
        if looked_at > part[1]:
            case.tell(f"ledger: about {looked_at} decisions looked at")


def _has_tables(to: Ledger) -> bool:
    if not ledger.is_made(to):
        return False
    ledger.check(to)
    return True


async def _round(case: _Case, number: int) -> None:
    eraser = case.eraser
    await _look_into_ledger(case)
    entry_ids = [entry_id async for page in eraser.find_audit() for entry_id in page]
    looked_at, told_at = 0, TELL_KEYS
    async for keys_count in eraser.keys():
        looked_at += keys_count
        if looked_at >= told_at:
            case.tell(f"redis: {looked_at} keys looked at")
            told_at += TELL_KEYS
    if case.has_ledger and entry_ids and not case.is_behind:
        case.is_behind = not await _is_archived(case.to, entry_ids[0].decode())
    await eraser.drop_audit(entry_ids)
    await eraser.note(eraser.decisions)
    case.tell(f"redis, round {number}: {eraser.counts.total()} erased so far")


def _erase_from_ledger(case: _Case) -> list[Receipt]:
    """Who was sold the person. Comes last: after a fault on the way the ledger still knows whose sales these were."""
    to, eraser = case.to, case.eraser
    receipts = ledger.receipts_of(to, eraser.decisions)
    case.refused = ledger.erase_refused(to, eraser.traces)
    case.erased = ledger.erase_decisions(to, eraser.decisions, eraser.traces, case.at_ms)
    return receipts


async def _is_archived(to: Ledger, newest_id: str) -> bool:
    """Waits until the archive has passed an entry of the audit."""
    for _ in range(int(ARCHIVE_SECONDS_MAX / ARCHIVE_LOOK_SECONDS)):
        if id_of(await asyncio.to_thread(ledger.cursor, to, "audit")) >= id_of(newest_id):
            return True
        await asyncio.sleep(ARCHIVE_LOOK_SECONDS)
    return False


async def _scrub(store: Store, case: _Case) -> list[str]:
    """Has the files on disk written anew. What could not be done, and what must stay a while, in sentences."""
    kept = []
    if case.is_behind:
        kept.append("The archive has not caught up: forget them once more when it has.")
    if case.eraser.kept_for_live:
        count = len(case.eraser.kept_for_live)
        kept.append(f"Keyed hashes lead to {count} sale(s) whose number is lent; they go by themselves with the call.")
    if case.eraser.counts["audit"] and not await _tried(store.rewrite_audit()):
        kept.append("The audit was not written anew: bytes of what was deleted stay in its blocks until they are full.")
    if case.eraser.counts.total() and not await _tried(store.rewrite_file()):
        kept.append("Redis was not told to write its append-only file anew: what it holds on disk goes with its next.")
    if case.erased and not await _tried(asyncio.to_thread(ledger.scrub, case.to)):
        kept.append("The ledger's file was not written anew: what it holds on disk goes when it is next used.")
    return kept


async def _tried(work: Awaitable[bool]) -> bool:
    """What is erased by now is told in any case: who was sold them could not be found out a second time."""
    try:
        return await work
    except (StoreDown, LedgerDown):
        return False


def _caller_hashes(store: Store, person: Person) -> frozenset[str]:
    """Under which the ledger keeps whose caller it was."""
    leads: list[Lead] = [{"caller_id": number} for number in person.numbers]
    return frozenset(hashed for lead in leads if (hashed := store.caller_hash(lead)) is not None)


def _mark_fields(catalog: Catalog) -> frozenset[str]:
    """Fields that marks can be of alone. Marks of several are found by the decision that left them."""
    contracts = [contract for buyer in catalog.buyers.values() for contract in buyer.contracts]
    alone = {group[0] for contract in contracts for group in contract.dedup_on if len(group) == 1}
    return frozenset(alone.union(*(contact_fields(offer) for offer in catalog.offers.values())))
