"""A call finds its buyer, moves on, lives and ends, in whatever order its events come."""

import asyncio
from struct import Struct
from typing import Any

import pytest
from msgspec.structs import replace

from service.model.catalog import Cap
from service.model.lead import Bid
from service.store import events
from service.store.asks import CallEvent, EventTaken, Sale
from tests.store.world import CALLER, ENDPOINT, NUMBERS, OWN_NUMBERS, World, bid

ONCE: dict[str, Any] = {"dedup_days": 30, "dedup_on": (("caller_id",),), "caps": (Cap("day", 5),)}


@pytest.fixture
def bids() -> list[Bid]:
    return [bid(1, 2, **ONCE), bid(2, 2), bid(3, 2)]


async def sold(world: World, bids: list[Bid], decision_id: str = "d1", **more: Any) -> Sale:
    world.redis.may_leave("sale:*", "caps", "sales", "lent:*", "call:*", "bought:*", "slots:*", "leases:*")
    await world.store.stock([world.pool])
    made = (await world.post_only(decision_id, bids, **more)).sale
    assert made is not None
    return made


_WORDS = Struct("<qqq")


def _caps(world: World, contract: str) -> bytes:
    found: bytes = world.redis.client.execute_command("HGET", "{demo}:caps", contract, NEVER_DECODE=True)
    return found


def events_on_record(world: World) -> list[str]:
    return [fields["event"] for _, fields in world.redis.client.xrange("{demo}:sales")]


async def test_a_call_is_routed_to_its_sales_buyer_and_the_same_question_gets_the_same_answer(
    world: World, bids: list[Bid]
) -> None:
    sale = await sold(world, bids)
    found = await world.store.find_call("edge-1", "c1", sale.number, CALLER, [world.pool], False)
    assert found.sale_of == "d1"
    first = await world.route(sale, bids)
    assert (first.reason, first.position) == ("", 0)
    assert await world.route(sale, bids) == first
    assert await world.leases(bids[0]) == (1, 0)


async def test_many_copies_of_a_route_take_one_slot(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    answers = await asyncio.gather(*(world.route(sale, bids, attempt=at // 10) for at in range(20)))
    assert {answer.position for answer in answers[:10]} <= {0, 1}
    assert sum([(await world.leases(one))[0] for one in bids]) == 1


async def test_the_next_attempt_gives_everything_back_and_takes_the_next_buyer(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    await world.route(sale, bids)
    moved = await world.route(sale, bids, attempt=1)
    assert (moved.reason, moved.position) == ("", 1)
    assert [await world.leases(one) for one in bids] == [(0, 0), (1, 0), (0, 0)]
    (use,) = (await world.store.usage([bids[0].buyer], [], [bids[0].contract])).buyers
    assert use.contracts[0].caps[0].sold == 0
    assert not world.redis.client.keys("*bought*")
    assert events_on_record(world) == ["sold", "moved"]
    assert (await world.route(sale, bids, attempt=0)).position == 0, "an attempt's answer stays"
    now = await world.store.sale("d1")
    assert now is not None
    assert (now.position, now.sold_position) == (1, 0), "a repeat of the post is still told whom it sold to"


async def test_a_sale_is_given_back_only_to_the_periods_it_was_counted_in(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    periods = list(_WORDS.iter_unpack(_caps(world, "1-auto")))
    assert [words[1:] for words in periods] == [(1, 25_000_000)] * 5
    day_ms = periods[1][0]
    periods[1] = (day_ms + 86_400_000, 3, 75_000_000)  # the next day has begun, and others were sold
    world.redis.client.hset("{demo}:caps", "1-auto", b"".join(_WORDS.pack(*words) for words in periods))
    await world.route(sale, bids)
    await world.route(sale, bids, attempt=1)
    assert list(_WORDS.iter_unpack(_caps(world, "1-auto"))) == [
        (start_ms, *((3, 75_000_000) if start_ms == day_ms + 86_400_000 else (0, 0))) for start_ms, *_ in periods
    ]
    assert [words[1:] for words in _WORDS.iter_unpack(_caps(world, "2-auto"))] == [(1, 25_000_000)] * 5


async def test_what_contracts_sold_is_found_without_walking_past_the_others(world: World, bids: list[Bid]) -> None:
    await sold(world, bids)
    assert world.redis.client.object("encoding", "{demo}:caps") == "hashtable"


async def test_a_next_buyer_without_room_is_passed_over(world: World) -> None:
    bids = [bid(1, 2), bid(2, 0), bid(3, 2)]
    sale = await sold(world, bids)
    await world.route(sale, bids)
    assert (await world.route(sale, bids, attempt=1)).position == 2


async def test_when_nobody_is_left_the_sale_is_void_and_all_of_it_given_back(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids[:1], fields_key="f")
    await world.route(sale, bids)
    last = await world.route(sale, bids, attempt=1)
    assert last.reason == "no_buyer_left"
    assert last.sale is not None
    assert last.sale.state == "void"
    assert await world.leases(bids[0]) == (0, 0)
    assert (await world.numbers()).cooling == 1
    assert not world.redis.client.keys("*bought*")
    assert not world.redis.client.keys("*fields*")
    assert events_on_record(world) == ["sold", "voided"]
    assert (await world.route(sale, bids, call="c2")).reason == "no_buyer_left"
    assert (await world.route(sale, bids, attempt=1)).reason == "no_buyer_left"


async def test_a_call_has_five_attempts(world: World) -> None:
    bids = [bid(at) for at in range(1, 9)]
    sale = await sold(world, bids)
    answers = [await world.route(sale, bids, attempt=at) for at in range(6)]
    assert [answer.position for answer in answers] == [0, 1, 2, 3, 4, -1]
    assert answers[5].reason == "no_buyer_left"


async def test_an_attempt_whose_first_route_was_lost_goes_to_the_current_buyer(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    assert (await world.route(sale, bids, attempt=1)).position == 0


async def test_a_sale_carries_one_live_call(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    await world.route(sale, bids)
    before = {name: value for name, value in world.stands().items() if not name.startswith("call:")}
    assert (await world.route(sale, bids, call="c2")).reason == "number_busy"
    assert {name: value for name, value in world.stands().items() if not name.startswith("call:")} == before
    assert (await world.event("ended", bids, call="c2")).status == "taken"
    assert await world.leases(bids[0]) == (1, 0), "the refused call's end is not the live one's"


async def test_a_number_whose_time_is_over_leads_nowhere(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    world.travel(120)
    assert (await world.route(sale, bids)).reason == "number_expired"


async def test_a_foreign_caller_is_turned_away_where_that_is_asked_for(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    assert (await world.route(sale, bids, caller_matches=False)).reason == "caller_mismatch"
    assert (await world.route(sale, bids, call="c2")).position == 0


async def test_leases_follow_the_call_from_ringing_to_heartbeats(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    await world.route(sale, bids)
    world.travel(25)
    assert await world.leases(bids[0]) == (1, 0)
    assert (await world.event("answered", bids, attempt=0)).status == "taken"
    for _ in range(5):
        world.travel(40)
        assert (await world.event("heartbeat", bids)).status == "taken"
    world.travel(40)
    assert await world.leases(bids[0]) == (1, 0)
    assert (await world.numbers()).lent == 1, "a number never changes hands under a live call"
    world.travel(5)
    assert await world.leases(bids[0]) == (0, 0)


async def test_a_ringing_call_that_nobody_hears_of_again_frees_its_slot(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    await world.route(sale, bids)
    world.travel(30)
    assert await world.leases(bids[0]) == (0, 0)


async def test_an_edge_without_heartbeats_gets_the_longest_call(world: World, bids: list[Bid]) -> None:
    quiet = replace(ENDPOINT, edge_heartbeats=False, max_call_seconds=600)
    sale = await sold(world, bids)
    await world.route(sale, bids, endpoint=quiet)
    world.travel(595)
    assert (await world.leases(bids[0]), (await world.numbers()).lent) == ((1, 0), 1)
    world.travel(5)
    assert await world.leases(bids[0]) == (0, 0)


async def test_an_answered_call_frees_its_slot_and_its_number_cools(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    await world.route(sale, bids)
    await world.event("answered", bids)
    ended = await world.event("ended", bids, outcome="answered", duration_ms=61_000)
    assert ended == EventTaken(status="taken", endpoint="my_endpoint", decision_id="d1")
    use = await world.numbers()
    assert (await world.leases(bids[0]), use.lent, use.cooling) == ((0, 0), 0, 1)
    assert (await world.event("ended", bids)).status == "repeat"
    assert not (await world.store.find_call("edge-1", "c2", sale.number, CALLER, [world.pool], False)).sale_of
    world.travel(60)
    assert (await world.numbers()).free == 3


async def test_ended_alone_suffices(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    await world.route(sale, bids)
    await world.event("ended", bids, outcome="answered")
    assert (await world.numbers()).cooling == 1


@pytest.mark.parametrize("attempt", [None, 1])
async def test_a_heartbeat_makes_good_an_answered_that_was_lost(
    world: World, bids: list[Bid], attempt: int | None
) -> None:
    sale = await sold(world, bids)
    await world.route(sale, bids)
    await world.route(sale, bids, attempt=1)
    assert (await world.event("heartbeat", bids, attempt=0)).status == "stale"
    assert (await world.event("heartbeat", bids, attempt=attempt)).status == "taken"
    assert (await world.event("answered", bids)).status == "repeat"
    await world.event("ended", bids)
    assert (await world.numbers()).cooling == 1


async def test_an_event_whose_call_moves_on_after_it_was_read_changes_nothing_and_is_taken_anew(world: World) -> None:
    bids = [bid(1), bid(2)]
    sale = await sold(world, bids)
    runner, pools = world.store._runner, world.store._stock.pools
    ended = CallEvent(event="ended", edge="edge-1", call="c1", outcome="answered")
    answered = CallEvent(event="answered", edge="edge-1", call="c1")
    buyers = {one.buyer.id: one.buyer for one in bids}
    key = runner.keys.call("edge-1", "c1")
    unrouted = await events._read(runner, key)
    await world.route(sale, bids)
    routed = await events._read(runner, key)
    await world.route(sale, bids, attempt=1)
    before = world.stands()
    for known in (unrouted, routed):
        assert await events._release(runner, pools, ended, known) == b"changed"
    assert await events._renew(runner, pools, answered, routed, buyers) == b"changed"
    assert world.stands() == before
    assert (await world.event("ended", bids, outcome="answered")).status == "taken"
    assert [await world.leases(one) for one in bids] == [(0, 0), (0, 0)]


@pytest.mark.parametrize("outcome", ["", "busy", "no_answer", "failed", "unavailable", "cancelled", "ANSWERED?"])
async def test_an_end_of_any_word_but_answered_keeps_the_number_lent(
    world: World, bids: list[Bid], outcome: str
) -> None:
    sale = await sold(world, bids)
    await world.route(sale, bids)
    await world.event("ended", bids, outcome=outcome)
    assert (await world.numbers()).lent == 1


async def test_after_an_unanswered_end_a_redial_reaches_the_sale_while_there_is_room(world: World) -> None:
    bids = [bid(1, 1), bid(2, 1)]
    sale = await sold(world, bids)
    await world.route(sale, bids)
    await world.event("ended", bids, outcome="no_answer")
    assert await world.leases(bids[0]) == (0, 0)
    assert (await world.numbers()).lent == 1
    again = await world.route(sale, bids, call="c2")
    assert (again.reason, again.position) == ("", 0)
    await world.event("ended", bids, call="c2", outcome="cancelled")
    await sold(world, bids[:1], "d2")
    assert (await world.route(sale, bids, call="c3")).position == 1, "its buyer is full by now"


async def test_an_end_that_overtakes_its_route_leaves_a_tombstone(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    assert (await world.event("ended", bids, outcome="cancelled")).status == "tombstone"
    late = await world.route(sale, bids)
    assert late.reason == "call_ended"
    assert await world.leases(bids[0]) == (0, 0), "the late route gives back what the sale held"
    assert (await world.route(sale, bids, call="c2")).position == 0


async def test_a_late_route_of_an_ended_call_leaves_the_live_ones_slot(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    await world.event("ended", bids, call="c1")
    await world.route(sale, bids, call="c2")
    assert (await world.route(sale, bids, call="c1")).reason == "call_ended"
    assert await world.leases(bids[0]) == (1, 0)


async def test_events_of_an_older_attempt_or_after_the_end_change_nothing(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids)
    await world.route(sale, bids)
    await world.route(sale, bids, attempt=1)
    before = world.stands()
    assert (await world.event("answered", bids, attempt=0)).status == "stale"
    assert (await world.event("ended", bids, attempt=0)).status == "stale"
    assert world.stands() == before
    await world.event("ended", bids, attempt=1, outcome="answered")
    before = world.stands()
    assert (await world.event("heartbeat", bids)).status == "stale"
    assert world.stands() == before


async def test_events_of_calls_nobody_knows_take_nothing(world: World, bids: list[Bid]) -> None:
    before = world.stands()
    assert (await world.event("answered", bids)).status == "unknown"
    assert (await world.event("heartbeat", bids)).status == "unknown"
    assert world.stands() == before


async def test_a_heartbeat_on_a_lapsed_slot_takes_it_again_only_while_there_is_room(world: World) -> None:
    bids = [bid(1, 1)]
    sale = await sold(world, bids)
    await world.route(sale, bids)
    world.travel(30)
    assert (await world.event("heartbeat", bids)).status == "taken"
    assert await world.leases(bids[0]) == (1, 0)
    world.travel(45)
    await sold(world, bids, "d2")
    assert (await world.event("heartbeat", bids)).status == "overrun"
    assert await world.leases(bids[0]) == (1, 0)
    assert (await world.route(sale, bids, call="c2")).reason == "number_busy", "the call goes on all the same"
    assert (await world.event("ended", bids, outcome="answered")).status == "taken"
    assert await world.leases(bids[0]) == (1, 0), "the slot is the other sale's"


async def test_a_call_on_a_publishers_own_number_keeps_its_pointer_until_it_was_answered(world: World) -> None:
    bids = [bid(1)]
    own = "+18665550150"
    made = (await world.post_only("d1", bids, OWN_NUMBERS, own_number=own)).sale
    assert made is not None
    world.redis.may_leave("sale:*", "caps", "sales", "call:*", "slots:*", "leases:*")
    world.travel(115)
    await world.route(made, bids, endpoint=OWN_NUMBERS)
    world.travel(20)
    found = await world.store.find_call("edge-1", "c9", own, CALLER, [], True)
    assert found.sale_of == "d1"
    await world.event("ended", bids, outcome="answered")
    assert not (await world.store.find_call("edge-1", "c9", own, CALLER, [], True)).sale_of


async def test_a_call_stays_with_its_sale_though_the_number_is_lent_again(world: World) -> None:
    bids = [bid(1)]
    sale = await sold(world, bids)
    await world.route(sale, bids)
    world.travel(200)
    for at in range(2, 5):
        await sold(world, bids, f"d{at}")
    before = world.redis.client.zscore("{demo}:pool:toll_free", NUMBERS[0])
    await world.event("heartbeat", bids)
    assert world.redis.client.zscore("{demo}:pool:toll_free", NUMBERS[0]) == before
    found = await world.store.find_call("edge-1", "c1", sale.number, CALLER, [world.pool], False)
    assert found.sale_of == "d1"
    assert (await world.route(sale, bids, attempt=1)).reason == "number_expired"
    await world.event("ended", bids, outcome="answered")
    assert world.redis.client.zscore("{demo}:pool:toll_free", NUMBERS[0]) == before


@pytest.mark.parametrize("last", ["heartbeat", "ended", "void", "move"])
async def test_a_late_call_leaves_the_fields_shield_of_a_later_sale_alone(world: World, last: str) -> None:
    bids = [bid(1), bid(2)]
    sale = await sold(world, bids, fields_key="f")
    await world.route(sale, bids)
    world.travel(120)
    await sold(world, bids, "d2", fields_key="f")
    assert world.redis.client.get("{demo}:fields:f") == "sd2"
    world.redis.may_leave("fields:f")
    match last:
        case "void":
            await world.route(sale, bids, attempt=1)
            assert (await world.route(sale, bids, attempt=2)).reason == "no_buyer_left"
        case "move":
            assert (await world.route(sale, bids, attempt=1)).position == 1
        case _:
            assert (await world.event(last, bids, outcome="answered")).status == "taken"
    assert world.redis.client.get("{demo}:fields:f") == "sd2"
    assert world.redis.client.pttl("{demo}:fields:f") > 110_000, "it lives as long as its own sale's number"


async def test_a_fields_shield_lives_as_long_as_its_call_and_ends_with_it(world: World, bids: list[Bid]) -> None:
    sale = await sold(world, bids, fields_key="f")
    await world.route(sale, bids)
    for _ in range(4):
        world.travel(40)
        await world.event("heartbeat", bids)
    assert (await world.post_only("d2", bids, fields_key="f")).elsewhere == "d1"
    await world.event("ended", bids)
    assert not world.redis.client.exists("{demo}:fields:f")
