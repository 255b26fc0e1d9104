"""The cheapest edge to a state of a report, from the states of the report before. Pure (semantics 5.2).

Nearly all edges that are tried are jumps, and what is left over says so at once: it is beyond all that the entries
between allow (`Entries.limit`). Only the others are explained one by one.
"""

from __future__ import annotations

from recon.reconciliation.trellis.amounts import digits_of
from recon.reconciliation.trellis.column import FEE, HOLDS, PASSED, EdgeKind, StateKey, StateValue
from recon.reconciliation.trellis.costs import HOLD, JUMP, NEVER, OPENING_JUMP
from recon.reconciliation.trellis.edges import edge_between
from recon.reconciliation.trellis.unit import UnitTrellis

#: A state of the report before, made to be sorted: its cost, less its entries, itself, its level, that with the
#: expected fees, and the limit of its entries.
Source = tuple[int, int, StateKey, int, int, int]


class EdgeSearch:
    """The edges from one report to the next."""

    __slots__ = ("_before", "_column", "_jump", "_surcharge", "_unit", "soon", "sources")

    def __init__(self, unit: UnitTrellis, index: int) -> None:
        """Take a column, by its index, and the states of the one before."""
        self._unit = unit
        before, column = unit.columns[index - 1], unit.columns[index]
        self._before, self._column = before, column
        #: True if the report comes within a hold of the one before.
        self.soon = column.at - before.at <= HOLD * unit.window
        #: What it costs more to come from a report that was passed over: nothing followed it, so it was right.
        self._surcharge = 0 if self.soon else JUMP
        at_opening = index == 1 and self.soon and not unit.trimmed and unit.opened == before.at
        self._jump = OPENING_JUMP if at_opening else JUMP
        sums, limit, sets = unit.entries.sums, unit.entries.limit, before.sets
        #: The states before, the cheapest first, of equal ones that with the most entries.
        self.sources: list[Source] = [
            (cost, -key[0], key, level, level + (sets[key[:2]] if key[1] else sums[key[0]])[FEE], limit[key[0]])
            for key, (cost, _, _, _, level) in before.states.items()
        ]
        self.sources.sort()

    def cheapest(self, cut: int, later_in: int, base: int, level: int) -> StateValue | None:
        """Return the cheapest way to a set with a level, which itself costs `base`; None if no state is within it."""
        entries = self._unit.entries
        sums = self._column.sets[cut, later_in] if later_in else entries.sums[cut]
        net, limit = level + sums[FEE], entries.limit[cut] + self._unit.tolerance
        best: StateValue | None = None
        least = NEVER
        for source in self.sources:
            cost, _, key, _, net_before, limit_before = source
            total = cost + base
            if total >= least:
                break
            first_out, inside, state, _ = key
            if first_out > cut or (inside and (inside >> (cut - first_out)) & ~later_in):
                continue
            if state == PASSED:
                total += self._surcharge
            left, most = net - net_before, limit - limit_before
            if inside or later_in or -most <= left <= most:
                dearer, kind, left = self._explained(source, (cut, later_in, HOLDS, 0), level)
                if total + dearer < least:
                    least = total + dearer
                    best = least, key, kind, left, level
            elif total + self._jump < least:
                total += self._jump + digits_of(left)
                if total < least:
                    least = total
                    best = total, key, "jump", left, level
        return best

    def _explained(self, source: Source, target: StateKey, level: int) -> tuple[int, EdgeKind, int]:
        unit = self._unit
        key = source[2]
        before, after = unit.totals(self._before, key), unit.totals(self._column, target)
        cost, kind, left = edge_between(unit.entries, (key, before), (target, after), level - source[3], unit.tolerance)
        return (self._jump - JUMP + cost if kind == "jump" else cost), kind, left
