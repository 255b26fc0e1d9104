"""What the comparison of an account was told since it was stored whole: stored instead of all that follows. Pure.

1. The comparison depends on what it was told and on nothing else, so its last whole form and the calls since then are
   the same as its whole form now, and much less to store (semantics 5.10).
2. Only what comes all the time is a call here: legs, reports, cash to come, log time. Whatever else changes the
   comparison has it stored whole again.
3. It is stored whole again after half as many calls as it keeps entries and states of reports, so the cost of that for
   each call does not grow with what is kept, and a restart plays a bounded number of calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.legs import Leg, Stamp
from recon.ledger.units import UnitKey
from recon.reconciliation.trellis.column import Report

#: Calls that are kept at least before an account is stored whole again.
MIN_CALLS: Final = 64
#: One call for so many entries and states that are kept.
KEPT_PER_CALL: Final = 2

#: Amount, stamp, resolution, lateness, order, turnover, key, error, rounded, unmodelled, booked fee, taken back.
_Leg = tuple[
    Decimal, int, int, int, str | None, Decimal, FeeKey | None, Decimal, bool, Decimal, Decimal, bool
]  # fmt: skip
#: Position, time, readings, quantum, tolerance, price.
_Report = tuple[int, int, tuple[Decimal, ...], Decimal | None, Decimal, Decimal | None]


class LegCall(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=0):
    """A leg of a unit, booked at a log time; hardly ever one that explains."""

    key: UnitKey
    leg: _Leg
    now_us: int
    explains: bool = False


class ReportCall(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """A report of a unit."""

    key: UnitKey
    report: _Report


class CashCall(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=2):
    """The cash of an order's fills is to come in a unit."""

    key: UnitKey
    order: str


class TimeCall(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=3):
    """Log time passed, and a step was played."""

    now_us: int


Call = LegCall | ReportCall | CashCall | TimeCall


class StoredCalls(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Calls that follow a whole form, given by its number; `paused`: no step is played meanwhile."""

    whole: int
    paused: bool
    calls: list[Call]


class NumberedCalls(NamedTuple):
    """Some calls in their stored form, and their number among those since the whole form, from 0 on."""

    number: int
    data: bytes


class StoredTrellis(NamedTuple):
    """What there is to store of an account since the last time: everything that changed, or the calls since then.

    `changed` are the units that changed since the last time, whatever is stored of them.
    """

    changed: Sequence[UnitKey]
    shared: bytes | None
    units: Mapping[UnitKey, bytes]
    calls: NumberedCalls | None


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(StoredCalls)


def leg_call(key: UnitKey, leg: Leg, now_us: int) -> LegCall:
    """Return a leg as a call."""
    stamp = leg.stamp
    return LegCall(
        key,
        (
            leg.amount,
            stamp.us,
            stamp.resolution_us,
            leg.arrived_us - stamp.us,
            leg.order,
            leg.turnover,
            leg.fee_key,
            leg.error,
            leg.rounded,
            leg.unmodelled,
            leg.booked_fee,
            leg.takes_back,
        ),
        now_us,
        leg.explains,
    )


def leg_of_call(call: LegCall) -> Leg:
    """Return the leg of a call."""
    amount, us, resolution, lateness, order, turnover, key, error, rounded, unmodelled, booked_fee, back = call.leg
    stamp = Stamp(us, resolution)
    arrived_us, explains = us + lateness, call.explains
    return Leg(amount, stamp, arrived_us, order, turnover, key, error, rounded, unmodelled, booked_fee, back, explains)


def report_call(key: UnitKey, report: Report) -> ReportCall:
    """Return a report as a call."""
    return ReportCall(key, (report.seq, report.us, report.values, report.quantum, report.tolerance, report.price))


class Journal:
    """The calls since an account was stored whole; see the module."""

    __slots__ = ("_calls", "_count", "_most", "_number", "whole")

    def __init__(self) -> None:
        """Begin with an account that was never stored."""
        #: The number of the last whole form; it grows with each.
        self.whole = 0
        #: Calls that are not stored yet; None: the account is to be stored whole.
        self._calls: list[Call] | None = None
        #: How many calls there are since the whole form, how many there may be, and the number of the next stored ones.
        self._count = self._most = self._number = 0

    def add(self, call: Call) -> None:
        """Note a call; too many of them are none worth keeping."""
        calls = self._calls
        if calls is not None:
            calls.append(call)
            self._count += 1
            if self._count > self._most:
                self._calls = None

    def spoil(self) -> None:
        """Have the account stored whole: something changed that is no call."""
        self._calls = None

    @property
    def is_spoilt(self) -> bool:
        """True if the account is to be stored whole."""
        return self._calls is None

    @property
    def has_calls(self) -> bool:
        """True if there are calls to store."""
        return bool(self._calls)

    def begin(self, kept: int) -> int:
        """Begin anew after a whole form with so many entries and states; return the number of that form."""
        self.whole += 1
        self._calls, self._count, self._number = [], 0, 0
        self._most = max(MIN_CALLS, kept // KEPT_PER_CALL)
        return self.whole

    def go_on(self, whole: int, kept: int, stored: Sequence[StoredCalls]) -> None:
        """Go on after a whole form, and the calls since it that are stored."""
        self.whole = whole - 1
        self.begin(kept)
        self._number = len(stored)
        self._count = sum(len(each.calls) for each in stored)

    def take(self, *, paused: bool) -> NumberedCalls | None:
        """Return the calls since the last time in their stored form; None without any."""
        if not self._calls:
            return None
        taken = NumberedCalls(self._number, _ENCODER.encode(StoredCalls(self.whole, paused, self._calls)))
        self._calls = []
        self._number += 1
        return taken


def calls_since(whole: int, stored: Sequence[bytes]) -> list[StoredCalls]:
    """Return the stored calls that follow a whole form; others are left over from an earlier one."""
    found = (_DECODER.decode(each) for each in stored)
    return [each for each in found if each.whole == whole]
