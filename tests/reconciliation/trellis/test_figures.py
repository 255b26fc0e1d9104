"""The figures of a unit at its last report: what fills moved in it, and what is explained in it, is told apart.

Each leg moves another power of two, so the sum of those that are not in the report says which they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import ZERO
from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.fees.rate_table import Evidence, RateTable
from recon.ledger.legs import FillPart, Leg, Stamp
from recon.ledger.rules import FeeRule
from recon.ledger.units import UnitKey
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.column import Report
from recon.reconciliation.trellis.costs import MAX_UNREPORTED
from tests.reconciliation.trellis.desk import Desk
from tests.reconciliation.trellis.kept import Kept
from tests.reconciliation.trellis.synthetic_day import BASE, MARKET, QUANTUM, QUOTE, SECOND, START, WINDOW
from tests.support.properties import steady

COIN: Final[UnitKey] = ("desk", "asset", "BNB")
_UNITS: Final = (BASE, QUOTE)
_OPENING: Final = Decimal(10)
_LATE: Final = st.sampled_from([10, 300, 300, 1_500, 30_000, 700_000])
_RESOLUTION: Final = st.sampled_from([0, 1, 1, 1_000_000])
_UNIT: Final = st.sampled_from(_UNITS)
_SIGN: Final = st.sampled_from([-1, 1])
#: What comes: the kind, its unit, a sign, how late it comes in milliseconds, the resolution of its stamp.
_TOLD: Final = st.tuples(st.just("told"), _UNIT, _SIGN, _LATE, _RESOLUTION)
_FILL: Final = st.tuples(st.just("fill"), _UNIT, _SIGN, _LATE, _RESOLUTION)
_LOSS: Final = st.tuples(st.just("loss"), _UNIT, _SIGN, st.just(0), st.just(0))
#: A report that lacks the last so many movements.
_REPORT: Final = st.tuples(st.just("report"), _UNIT, st.sampled_from([0, 0, 1, 2]), st.just(0), st.just(0))
_PAUSE: Final = st.sampled_from([1, 50, 400, 400, 1_000, 1_000, 4_000, 60_000, 400_000])
_EVENTS: Final = st.lists(
    st.tuples(_PAUSE, st.one_of(_TOLD, _TOLD, _FILL, _LOSS, *[_REPORT] * 6)), min_size=10, max_size=40
)
_What = tuple[str, UnitKey, int, int, int]


class _Audited:
    """A comparison whose legs are known, and whose figures are held against them."""

    def __init__(self, *, told: bool) -> None:
        table = RateTable()
        if told:
            table.tell([FeeRule(maker=Decimal("0.0002"), taker=Decimal("0.0005"))])
        self.kept = Kept(table)
        self.kept.table = table
        self.trellis = AccountTrellis("desk", table, WINDOW)
        self.now, self.seq = START, 0
        self.legs: dict[UnitKey, list[Leg]] = {key: [] for key in _UNITS}
        self.moved: dict[UnitKey, list[Decimal]] = {key: [] for key in _UNITS}

    def play(self, milliseconds: int, what: _What) -> None:
        """Play one event."""
        self.now += milliseconds * 1_000
        self.seq += 1
        kind, key, number, late, resolution = what
        moved = self.moved[key]
        if kind == "report":
            value = _OPENING + sum(moved[: len(moved) - number], ZERO)
            self.trellis.report(key, Report(self.seq, self.now, (value,), QUANTUM))
        elif kind == "loss":
            moved.append(number * Decimal("0.5"))
        else:
            self._leg(key, number * Decimal(2) ** len(self.legs[key]), late, resolution, explains=kind == "told")

    def _leg(self, key: UnitKey, amount: Decimal, late: int, resolution: int, *, explains: bool) -> None:
        at = self.now - late * 1_000
        stamp = Stamp(at // resolution * resolution, resolution) if resolution else Stamp(self.now)
        leg = Leg(amount, stamp, self.now, explains=explains)
        if not explains:
            role, side = ("base" if key == BASE else "quote"), 1 if amount > 0 else -1
            fee_key, fee = FeeKey(role, side, "post_only", MARKET), abs(amount) * Decimal("0.0002")
            leg = Leg(amount, stamp, self.now, f"o{self.seq}", amount, fee_key, booked_fee=fee)
        self.legs[key].append(leg)
        self.moved[key].append(amount - leg.booked_fee)
        self.trellis.add_leg(key, leg, self.now)

    def check(self) -> None:
        """Hold the figures of each unit against its legs; those that are stored are the same."""
        self.trellis.advance(self.now)
        self.kept.save(self.trellis)
        again = self.kept.load()
        for key in _UNITS:
            figures = self.trellis.figures(key)
            assert again.figures(key) == figures
            if figures is None:
                continue
            legs = self.legs[key]
            after = _which([leg.amount for leg in legs], figures.amount_after)
            seen = [leg for number, leg in enumerate(legs) if number not in after]
            fills, told = [leg for leg in legs if not leg.explains], [leg for leg in legs if leg.explains]
            booked = sum((leg.booked_fee for leg in fills), ZERO)
            fills_in = figures.fills_in(sum((leg.amount for leg in fills), ZERO))
            explained_in = figures.explained_in(sum((leg.amount for leg in told), ZERO) - booked)
            assert fills_in == sum((leg.amount for leg in seen if not leg.explains), ZERO)
            told_in = sum((leg.amount for leg in seen if leg.explains), ZERO)
            assert explained_in == told_in - sum((leg.booked_fee for leg in seen), ZERO)
            assert fills_in + explained_in == sum((leg.amount - leg.booked_fee for leg in seen), ZERO)

    def restart(self) -> None:
        """Go on with what is stored."""
        self.trellis = self.kept.load()


def _which(amounts: Sequence[Decimal], total: Decimal) -> set[int]:
    """Return which of some signed powers of two, the first one of 1, come to a total."""
    bits = int(total - sum((each for each in amounts if each < 0), ZERO))
    found = {number for number, each in enumerate(amounts) if bool(bits >> number & 1) == (each > 0)}
    assert sum((amounts[number] for number in found), ZERO) == total
    return found


@steady(80)
@given(_EVENTS, st.booleans(), st.integers(1, 4))
def test_figures_are_those_of_the_legs_in_the_cut(events: list[tuple[int, _What]], told: bool, every: int) -> None:
    desk = _Audited(told=told)
    for number, event in enumerate(events):
        desk.play(*event)
        desk.check()
        if number % every == 0:
            desk.restart()


@pytest.mark.parametrize("told", ["0", "3"])
def test_legs_that_merge_are_told_apart_as_before(told: str) -> None:
    """No report speaks of them for long, so the oldest become one entry, less the fees expected of them."""
    table = RateTable()
    table.adopt(FeeKey("base", 1, "post_only", MARKET), 10_000, 0, Evidence(3, 2_000))
    desk = Desk(table)
    desk.reports(range(30), BASE, "10")
    desk.advance(30)
    for number in range(count := 3 * MAX_UNREPORTED):
        desk.leg(31 + number / 10, BASE, "0.01", role="base", booked_fee=Decimal("0.00001"))
        if number % 7 == 0 and told != "0":
            desk.leg(31.05 + number / 10, BASE, told, explains=True)
    figures = desk.trellis.figures(BASE)
    assert figures is not None
    assert len(desk.trellis._parts.units[BASE].entries.items) <= MAX_UNREPORTED + 1
    all_told = -(-count // 7) * Decimal(told)
    assert figures.fills_in(count * Decimal("0.01")) == 0
    assert figures.explained_in(all_told - count * Decimal("0.00001")) == 0


def test_a_split_entry_that_is_explained_stays_so_in_both_parts() -> None:
    desk = Desk()
    desk.reports(range(20), BASE, "10")
    for key in (BASE, QUOTE, COIN):
        desk.report(20, key, "10")
    desk.advance(25)
    desk.fill(26, "4", "-400", "o", arrived=27)
    desk.leg(26, COIN, "-8", arrived=27, order="o", explains=True)
    part = FillPart("desk", "o", Stamp(START + 25 * SECOND, 1), ("BTC", "USDT"), (Decimal(3), Decimal(-300)))
    desk.trellis.split_fill(part, START + 28 * SECOND)
    entries = desk.trellis._parts.units[COIN].entries
    assert [each.explained == each.amount != 0 for each in entries.items] == [True, True]
    assert entries.explaining == 2
    figures = desk.trellis.figures(COIN)
    assert figures is not None
    assert figures.amount_after == figures.explained_after == -8
