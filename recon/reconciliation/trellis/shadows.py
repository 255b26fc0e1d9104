"""Fees that may be taken in an asset that no fill moves. Pure (semantics 8.5).

Once a report of such an asset changes, each fill may have paid its fee there: it gets an entry of nothing with the
fill's worth as turnover. Where the schedule names the asset, the books tell these entries themselves.
"""

from __future__ import annotations

from collections import deque

import msgspec

from recon.ledger.fees.fee_key import FeeKey, third
from recon.reconciliation.trellis.amounts import ONE
from recon.reconciliation.trellis.costs import KEEP_US, MAX_SHADOWED_FILLS
from recon.reconciliation.trellis.entries import ASSUMED_SHADOW, Entry
from recon.reconciliation.trellis.unit import UnitTrellis


class ShadowedFill(msgspec.Struct, frozen=True, gc=False):
    """A fill as a fee in a third asset needs it; `worth` is in units of 1e-40 of the asset `code`."""

    stamp_us: int
    arrived_us: int
    resolution_us: int
    number: int
    order: str | None
    code: str
    worth: int
    order_class: str
    market: str


class Shadows:
    """The last fills of an account, which assets fills move, and what the assets are worth."""

    __slots__ = ("assumed", "ending", "fills", "prices", "traded")

    def __init__(self) -> None:
        """Begin without fills."""
        self.fills: deque[ShadowedFill] = deque(maxlen=MAX_SHADOWED_FILLS)
        #: Codes of assets that fills move, and of others whose reports changed: a fee may be taken there.
        self.traded: set[str] = set()
        self.assumed: set[str] = set()
        #: Codes of assets that fills began to move: their assumed entries are to go.
        self.ending: set[str] = set()
        #: Price by code, in units of 1e-40 US dollars.
        self.prices: dict[str, int] = {}

    def note_traded(self, unit: UnitTrellis) -> None:
        """Note that a fill moves an asset: fees in it are charged on its own legs."""
        code = unit.key[2]
        if code not in self.traded:
            self.traded.add(code)
            if code in self.assumed:
                self.assumed.discard(code)
                self.ending.add(code)

    def end(self, unit: UnitTrellis) -> None:
        """Take the assumed entries out of an asset that fills move after all."""
        self.ending.discard(unit.key[2])
        gone = [entry for entry in unit.entries.items if entry.shadow == ASSUMED_SHADOW]
        if gone:
            remove_entries(unit, gone)

    def take_fill(self, entry: Entry, code: str, key: FeeKey) -> ShadowedFill:
        """Remember a fill by its leg of cash."""
        fill = ShadowedFill(
            entry.stamp_us,
            entry.arrived_us,
            entry.resolution_us,
            entry.number,
            entry.order,
            code,
            abs(entry.turnover),
            key.order_class,
            key.market,
        )
        self.fills.append(fill)
        return fill

    def recent(self, now: int) -> list[ShadowedFill]:
        """Return the fills whose fee a report that changed just now may show."""
        return [fill for fill in self.fills if fill.arrived_us >= now - KEEP_US]

    def entry(self, unit: UnitTrellis, fill: ShadowedFill) -> Entry | None:
        """Return a fill's entry in an asset; None where a price is not known, or the unit has one already."""
        code = unit.key[2]
        mine, theirs = self.prices.get(code), self.prices.get(fill.code, ONE)
        if not mine or _has_shadow(unit, fill):
            return None
        key = FeeKey(third(code), 0, fill.order_class, fill.market)
        return Entry(
            fill.stamp_us,
            fill.arrived_us,
            fill.resolution_us,
            fill.number,
            fill.order,
            0,
            turnover=-(fill.worth * theirs // mine),
            key=key,
            shadow=ASSUMED_SHADOW,
        )


def find_assumed(unit: UnitTrellis, order: str | None, stamp_us: int, arrived_us: int) -> Entry | None:
    """Return the first entry that was assumed for a fill of an order, if any; the books tell one of each fill.

    A fill from before the oldest report kept may have been placed at its arrival.
    """
    for at in sorted({stamp_us, arrived_us}):
        for entry in unit.entries.stamped(at):
            same = entry.order == order and entry.arrived_us == arrived_us
            if same and entry.shadow == ASSUMED_SHADOW:
                return entry
    return None


def _has_shadow(unit: UnitTrellis, fill: ShadowedFill) -> bool:
    """True if a fill has an entry already, assumed or told."""
    return any(
        entry.shadow and (entry.number == fill.number or (entry.shadow != ASSUMED_SHADOW and entry.order == fill.order))
        for entry in unit.entries.stamped(fill.stamp_us)
    )


def remove_entries(unit: UnitTrellis, gone: list[Entry]) -> None:
    """Take entries out of a unit; what is kept is worked out anew.

    An entry stays if the oldest report kept holds it and not all before it: its place in that report's set is final.
    """
    first_out, held = _held_by_first(unit)
    ids = {id(entry) for entry in gone}
    kept, indices = [], []
    for index, entry in enumerate(unit.entries.items):
        if id(entry) not in ids or first_out <= index < held:
            kept.append(entry)
        else:
            indices.append(index)
    unit.entries.replace(kept)
    unit.drop_from_states(indices)
    unit.redo(0)


def _held_by_first(unit: UnitTrellis) -> tuple[int, int]:
    """Return how many entries the oldest report kept has from the first on, and where its last one is."""
    if not unit.is_open:
        return 0, 0
    first_out, later_in = min(unit.columns[0].states)[:2]
    return first_out, first_out + later_in.bit_length()
