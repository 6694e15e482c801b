"""The index of an offer: a lead's values in, its contracts in rank order out, in time that hardly grows with them.

Every line (see `lines`) is one bit; every value of a field has a mask of the lines it suits; ANDing the masks of a
lead's values leaves the lines that want it, the best at the lowest bit. Built by asking `rules` about the values that
the catalog names, when the catalog is loaded.
"""

from msgspec import Struct, field, structs

from service.match.asked import Asked
from service.match.conditions import AllOf, AnyOf, all_of, any_of
from service.match.lines import Line, Roster, roster_of, runs_of_bids
from service.match.masks import mask_of
from service.match.opening import Opening, opening_of
from service.match.ranking import Ranking
from service.match.rules import GEO_FIELDS, any_is_geo
from service.match.selling import Selling
from service.match.standing import Ready, Stages, Standing
from service.match.suppression import Suppressions, suppressions_of
from service.model.catalog import Catalog, Test
from service.model.distribution import Mode, floor_in, modes_of, winners_in
from service.model.lead import Bid, Lead, Lot

STANDINGS_MAX = 1024
LOTS_MAX = 1024
"""What is kept of leads alike: 3 KiB for a standing of 10,000 contracts, 5 for a lot with all that rooms keep on it."""


class Index(Struct):
    """An offer's contracts, ready to be asked. One thread only: it remembers masks as it goes."""

    roster: Roster
    unpaused: int
    opening: Opening
    suppressions: Suppressions
    geo: AllOf
    geo_any: AnyOf
    filters: AllOf
    filters_any: AnyOf
    rules_any: AnyOf
    selling: Selling
    winners: int = 1
    """Most buyers of one lead."""
    otherwise: "Index | None" = None
    """The same contracts in the mode that is tried where nobody takes the lead in this one."""
    ready: Ready = Ready()
    standings: dict[tuple[int, int, int], Standing] = field(default_factory=dict)
    """While `ready` stays: by terms (a standing keeps its own alive), lines in the area, lines that match."""
    lots: dict[tuple[int, ...], Lot] = field(default_factory=dict)
    """By the identities of their bids, which a ranking makes once and a lot keeps alive."""

    def with_paused(self, buyer_ids: frozenset[int]) -> "Index":
        """The same index with these buyers, and no others, paused on top of those that the catalog pauses. Cheap: all
        but one mask is shared."""
        roster = self.roster
        lines = (line for buyer_id in buyer_ids for line in roster.buyers.get(buyer_id, ()))
        paused = roster.catalog_paused | mask_of(lines, len(roster.lines))
        otherwise = self.otherwise.with_paused(buyer_ids) if self.otherwise else None
        return structs.replace(
            self, unpaused=roster.everyone ^ paused, otherwise=otherwise, ready=Ready(), standings={}
        )

    def rank(self, asked: Asked) -> Ranking:
        """The contracts of the offer, as a lead finds them."""
        values = asked.facts.values
        self.look(asked.now_ms)
        ready = self.ready
        on_terms = self.selling.on_terms_of(asked)
        suppressed = self.suppressions.mask(values) if self.suppressions.any_list else 0
        if asked.on_lists:
            suppressed |= self.suppressions.mask_of_lists(asked.on_lists)
        unsuppressed = ready.lines & ~suppressed if suppressed else ready.lines
        in_area = self.geo_any.left(values, self.geo.left(values, unsuppressed))
        abstaining = self.roster.abstaining
        buying = in_area & ~abstaining if abstaining else in_area
        matched = self.rules_any.left(values, self.filters_any.left(values, self.filters.left(values, buying)))
        key = (id(on_terms), in_area, matched)
        standing = None if suppressed else self.standings.get(key)
        if standing is None:
            takes_lead = suppressed != 0 and self.suppressions.takes_lead(values, asked.on_lists)
            stages = Stages(ready, unsuppressed, in_area, matched, suppressed, takes_lead)
            standing = Standing(self.roster, stages, on_terms)
            if not suppressed:
                if len(self.standings) >= STANDINGS_MAX:
                    self.standings.clear()
                self.standings[key] = standing
        return Ranking(standing, asked.decision_id, self.lot)

    def lot(self, bids: tuple[Bid, ...]) -> Lot:
        """The lot of these bids, the same one for the same bids as far as there is room to keep it."""
        key = tuple(map(id, bids))
        lot = self.lots.get(key)
        if lot is None:
            if len(self.lots) >= LOTS_MAX:
                self.lots.clear()
            lot = self.lots[key] = Lot(bids)
        return lot

    def kept_from(self, lead: Lead, on_lists: frozenset[str]) -> frozenset[int]:
        """Buyers that suppression lists keep a lead from; almost always none."""
        suppressed = self.suppressions.mask(lead) | self.suppressions.mask_of_lists(on_lists)
        if not suppressed:
            return frozenset()
        buyers = self.roster.buyers.items()
        return frozenset(buyer_id for buyer_id, lines in buyers if any(suppressed >> line & 1 for line in lines))

    def look(self, now_ms: int) -> None:
        """See who is open. `rank` does it by itself; done before the first lead, this spares it the reading of holidays
        and the first look at every schedule."""
        if self.ready.from_ms <= now_ms < self.ready.until_ms:
            return
        self.opening.look(now_ms)
        own = self.roster.own
        lines = self.unpaused & self.opening.open
        unpaused_count, open_count = (self.unpaused & own).bit_count(), (lines & own).bit_count()
        self.standings.clear()
        self.ready = Ready(
            lines=lines,
            unpaused=self.unpaused,
            paused=own.bit_count() - unpaused_count,
            closed=unpaused_count - open_count,
            open=open_count,
            from_ms=self.opening.from_ms,
            until_ms=self.opening.until_ms,
        )


def build(catalog: Catalog, offer_id: str) -> Index:
    """The index of an offer. 10,000 contracts take a second or so: nothing for a serving process' event loop."""
    index = None
    for mode in reversed(modes_of(catalog.offers[offer_id])):
        index = _build(catalog, offer_id, mode, index)
    assert index is not None
    return index


def _build(catalog: Catalog, offer_id: str, mode: Mode, otherwise: Index | None) -> Index:
    offer = catalog.offers[offer_id]
    roster = roster_of(catalog, offer, mode)
    lines, everyone, width = roster.lines, roster.everyone, len(roster.lines)
    tests = [(at, _tests_of(line)) for at, line in enumerate(lines)]
    anys = [(at, line.contract.where.any, any_is_geo(line.contract.where)) for at, line in enumerate(lines)]
    rules = [(at, line.rule.where.any) for at, line in enumerate(lines) if line.rule]
    return Index(
        roster=roster,
        unpaused=everyone ^ roster.catalog_paused,
        opening=_opening(lines, everyone=everyone),
        suppressions=suppressions_of(catalog, offer_id, roster.buyers, everyone=everyone),
        geo=all_of(((at, _on_geo(own, True)) for at, own in tests), everyone=everyone, width=width),
        geo_any=any_of([(at, tables) for at, tables, geo in anys if geo], everyone=everyone, width=width),
        filters=all_of(((at, _on_geo(own, False)) for at, own in tests), everyone=everyone, width=width),
        filters_any=any_of([(at, tables) for at, tables, geo in anys if not geo], everyone=everyone, width=width),
        rules_any=any_of(rules, everyone=everyone, width=width),
        selling=Selling(
            floor_micros=floor_in(offer, mode),
            bids=tuple(line.bid_micros for line in lines),
            runs=runs_of_bids(lines, offer),
        ),
        winners=winners_in(offer, mode),
        otherwise=otherwise,
    )


def _tests_of(line: Line) -> tuple[Test, ...]:
    return line.contract.where.tests + (line.rule.where.tests if line.rule else ())


def _on_geo(tests: tuple[Test, ...], wanted: bool) -> tuple[Test, ...]:
    return tuple(test for test in tests if (test.field in GEO_FIELDS) is wanted)


def _opening(lines: tuple[Line, ...], *, everyone: int) -> Opening:
    contracts = [(at, line.contract.schedule) for at, line in enumerate(lines)]
    rules = [(at, line.rule.hours) for at, line in enumerate(lines) if line.rule]
    scheduled = [(at, schedule) for at, schedule in contracts + rules if schedule is not None]
    return opening_of(scheduled, everyone=everyone, width=len(lines))
