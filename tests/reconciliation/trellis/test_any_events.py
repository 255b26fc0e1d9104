"""Whatever comes, in whatever order: the comparison goes on, and says the same stored, restored or called otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from recon.exact import ZERO
from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.fees.rate_table import RateTable
from recon.ledger.legs import Leg, Stamp
from recon.ledger.rules import FeeRule
from recon.ledger.units import UnitKey
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.column import Report
from recon.reconciliation.trellis.steps import Cleared, Moved, Opened, Told
from recon.reconciliation.trellis.unit import UnitTrellis
from tests.reconciliation.trellis.desk import CONTRACT
from tests.reconciliation.trellis.kept import Kept
from tests.reconciliation.trellis.synthetic_day import BASE, MARKET, QUANTUM, QUOTE, SECOND, START, WINDOW

COIN: UnitKey = ("desk", "asset", "BNB")
_UNITS = [BASE, QUOTE, COIN, CONTRACT]
_HUGE = Decimal(10) ** 12

#: What comes: the kind, its unit, an amount, how late it comes in milliseconds, the resolution of its stamp.
_REPORT = st.tuples(st.just("report"), st.just(BASE), st.integers(0, 1), st.just(0), st.just(0))
_LOSS = st.tuples(st.just("loss"), st.sampled_from(_UNITS), st.integers(-3, 3), st.just(0), st.just(0))
_FOUND = st.tuples(st.just("found"), st.just(BASE), st.integers(0, 2), st.integers(0, 300), st.sampled_from([0, 1, 1]))
_LEG = st.tuples(
    st.just("leg"),
    st.sampled_from(_UNITS),
    st.integers(-3, 3),
    st.sampled_from([10, 300, 300, 1_500, 30_000, 700_000]),
    st.sampled_from([0, 1, 1, 1_000_000]),
)
_FILL = st.tuples(
    st.just("fill"), st.just(BASE), st.sampled_from([-2, -1, 1, 2]), st.sampled_from([10, 300, 2_000]), st.just(1)
)
_PAUSE = st.sampled_from([1, 50, 400, 400, 1_000, 1_000, 1_000, 4_000, 60_000, 400_000])
_EVENT = st.tuples(_PAUSE, st.one_of(*[_REPORT] * 8, _FILL, _FILL, _LOSS, _FOUND, _LEG))
_EVENTS = st.lists(_EVENT, min_size=20, max_size=120)

_What = tuple[str, UnitKey, int, int, int]


class _Player:
    """Plays events on a comparison; reports tell what legs moved, and what was lost."""

    def __init__(self, *, told: bool, huge: bool) -> None:
        self.table = RateTable()
        if told:
            self.table.tell([FeeRule(maker=Decimal("0.0002"), taker=Decimal("0.0005"))])
        self.trellis = AccountTrellis("desk", self.table, WINDOW)
        self.now, self.seq = START, 0
        self.one = _HUGE if huge else Decimal(1)
        self.held = dict.fromkeys(_UNITS, 10 * self.one)
        #: What reports showed and no leg told: unit, amount, time.
        self.lost: list[tuple[UnitKey, Decimal, int]] = []
        self.told: list[Told] = []

    def play(self, milliseconds: int, what: _What) -> None:
        """Play one event."""
        self.now += milliseconds * 1_000
        self.seq += 1
        kind, key, amount, late, resolution = what
        if kind == "report":
            self._report(readings=amount)
        elif kind == "loss":
            self.held[key] += amount * self.one
            self.lost.append((key, amount * self.one, self.now))
        elif kind == "found" and self.lost:
            unit, moved, at = self.lost[amount % len(self.lost)]
            self.trellis.add_leg(unit, Leg(moved, Stamp(at - late * 1_000, resolution), self.now, None), self.now)
        elif kind == "leg":
            self.held[key] += amount * self.one
            self._leg(key, amount * self.one, late, resolution)
        elif kind == "fill":
            self._fill(amount, late)

    def _report(self, *, readings: int) -> None:
        for key, value in self.held.items():
            self.seq += 1
            values = (value + 7, value) if readings and key == CONTRACT else (value,)
            price = {BASE: Decimal(50_000), QUOTE: Decimal(1), COIN: Decimal(500)}.get(key)
            self.trellis.report(key, Report(self.seq, self.now, values, QUANTUM, ZERO, price))

    def _leg(self, key: UnitKey, amount: Decimal, late: int, resolution: int) -> None:
        at = self.now - late * 1_000
        stamp = Stamp(at // resolution * resolution, resolution) if resolution else Stamp(self.now)
        self.trellis.add_leg(key, Leg(amount, stamp, self.now, None), self.now)

    def _fill(self, amount: int, late: int) -> None:
        stamp, order, side = Stamp(self.now - late * 1_000, 1), f"o{self.seq}", 1 if amount > 0 else -1
        quantity = amount * self.one
        cash = -quantity * 50
        fee = abs(cash) * Decimal("0.0002" if amount % 2 else "0.0003")
        base, quote = FeeKey("base", side, "post_only", MARKET), FeeKey("quote", -side, "post_only", MARKET)
        self.held[BASE] += quantity
        self.held[QUOTE] += cash - fee
        self.trellis.add_leg(BASE, Leg(quantity, stamp, self.now, order, quantity, base), self.now)
        leg = Leg(cash, stamp, self.now, order, cash, quote, rounded=True, booked_fee=fee)
        self.trellis.add_leg(QUOTE, leg, self.now)

    def ask(self) -> None:
        """Take what there is to tell."""
        self.told += self.trellis.advance(self.now)

    def end(self) -> list[Told]:
        """Return all that was told, an hour later."""
        self.now += 4_000 * SECOND
        self.ask()
        return self.told


class _Restarting(_Player):
    """Lives in its stored form between some events."""

    def __init__(self, *, told: bool, huge: bool) -> None:
        super().__init__(told=told, huge=huge)
        self.kept = Kept(self.table)
        self.kept.save(self.trellis)

    def restart(self) -> None:
        """Store and restore everything."""
        self.ask()
        self.kept.save(self.trellis)
        self.trellis = self.kept.load()
        self.table = self.kept.table


def _straight(events: Sequence[tuple[int, _What]], *, told: bool, huge: bool) -> list[Told]:
    player = _Player(told=told, huge=huge)
    for event in events:
        player.play(*event)
    return player.end()


@settings(max_examples=60, deadline=None)
@given(_EVENTS, st.booleans(), st.booleans(), st.integers(1, 3))
def test_restarts_change_nothing(events: list[tuple[int, _What]], told: bool, huge: bool, every: int) -> None:
    player = _Restarting(told=told, huge=huge)
    for number, event in enumerate(events):
        player.play(*event)
        if number % every == 0:
            player.restart()
    assert player.end() == _straight(events, told=told, huge=huge)


@settings(max_examples=60, deadline=None)
@given(_EVENTS, st.booleans(), st.sets(st.integers(0, 60)))
def test_the_times_of_calls_change_nothing(events: list[tuple[int, _What]], told: bool, asked: set[int]) -> None:
    player = _Player(told=told, huge=False)
    for number, event in enumerate(events):
        player.play(*event)
        if number in asked:
            player.ask()
            player.trellis.pending(BASE)
            player.trellis.figures(QUOTE)
    assert player.end() == _straight(events, told=told, huge=False)


@settings(max_examples=60, deadline=None)
@given(_EVENTS, st.booleans())
def test_what_is_told_of_breaks_follows_from_what_was_told_before(events: list[tuple[int, _What]], told: bool) -> None:
    said = _straight(events, told=told, huge=False)
    for unit in _UNITS:
        _check_breaks(unit, said)


def _check_breaks(unit: UnitKey, told: Iterable[Told]) -> None:
    """A break opens once, moves and clears only while it is open."""
    open_: set[int] = set()
    for each in told:
        if isinstance(each, Opened) and each.step.unit == unit:
            assert each.step.seq not in open_
            assert each.step.after_us <= each.step.at_us
            open_.add(each.step.seq)
        elif isinstance(each, Moved) and each.step.unit == unit:
            assert each.old_seq in open_
            open_.remove(each.old_seq)
            open_.add(each.step.seq)
        elif isinstance(each, Cleared) and each.unit == unit:
            open_.remove(each.seq)


@settings(max_examples=60, deadline=None)
@given(_EVENTS, st.booleans())
def test_the_path_that_is_kept_is_the_one_that_the_columns_tell(events: list[tuple[int, _What]], told: bool) -> None:
    player = _Player(told=told, huge=False)
    for event in events:
        player.play(*event)
        player.ask()
        for unit in player.trellis._parts.units.values():
            if unit.columns and unit.redo_from is None and not unit.stale:
                _check_path(unit)


def _check_path(unit: UnitTrellis) -> None:
    """The path goes back from the last report to the final ones, and has its odd edges; all states descend from it."""
    columns, first = unit.columns, unit.final + 1
    assert len(unit.tail) == len(columns) - first
    path = [next(iter(column.states)) for column in columns[:first]] + unit.tail
    for index in range(1, len(columns)):
        assert columns[index].states[path[index]][1] == path[index - 1]
        assert all(value[1] in columns[index - 1].states for value in columns[index].states.values())
    odd = [unit.odd_edge(index, path[index]) for index in range(first, len(columns))]
    assert unit.odd_tail == [edge for edge in odd if edge is not None]
