"""What the comparison of an account is made of, and when each unit has something to do. Pure (semantics 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recon.ledger.fees.rate_table import RateTable
from recon.ledger.units import UnitKey
from recon.reconciliation.trellis.awaited_cash import AwaitedCash
from recon.reconciliation.trellis.costs import NEVER, STEP_US
from recon.reconciliation.trellis.judgement import next_judgement
from recon.reconciliation.trellis.late_entries import place_entry
from recon.reconciliation.trellis.learning import Samples
from recon.reconciliation.trellis.process import judged_at, settles_at
from recon.reconciliation.trellis.rate_view import RateView
from recon.reconciliation.trellis.shadows import ShadowedFill, Shadows
from recon.reconciliation.trellis.steps import Told
from recon.reconciliation.trellis.trimming import short_keep
from recon.reconciliation.trellis.unit import UnitTrellis


def _step_at(us: int) -> int:
    """Return the log time of the first step at a time or later."""
    return us if us >= NEVER else -(-us // STEP_US) * STEP_US


class AccountParts:
    """The units of an account and what they share; times in microseconds of log time."""

    __slots__ = (
        "account",
        "cash",
        "changed",
        "judged",
        "keep_until",
        "learnt_from",
        "next_step",
        "number",
        "odd",
        "playing",
        "rates",
        "resolution",
        "resolving",
        "samples",
        "shadows",
        "units",
        "unsaved",
        "wakes",
        "window",
        "working",
    )

    def __init__(self, account: str, table: RateTable, window: int) -> None:
        """Take the account's name, its rates, and its settlement window in microseconds."""
        self.account = account
        self.window = window
        self.rates = RateView(table)
        self.units: dict[UnitKey, UnitTrellis] = {}
        self.cash = AwaitedCash()
        self.shadows = Shadows()
        self.samples = Samples()
        #: The finest resolution of a stamp, 0 before the first; the number of the last entry.
        self.resolution = 0
        self.number = 0
        #: The revision of the samples that were last looked at.
        self.learnt_from = self.samples.revision
        #: True if rates changed and parked edges were not looked at since.
        self.resolving = False
        #: Until when more is kept because of odd edges.
        self.keep_until = 0
        #: Units with odd edges, open breaks or parked edges.
        self.odd: set[UnitKey] = set()
        #: Units that were judged, so that their undecided steps may be others.
        self.judged: set[UnitKey] = set()
        #: When each unit with something to do is due, and the log time of the first step that has something to do.
        self.wakes: dict[UnitKey, int] = {}
        self.next_step = NEVER
        #: The unit that is worked on, and those of the step that is played.
        self.working: UnitKey | None = None
        self.playing: list[UnitKey] = []
        #: Units that changed since the last call of `take_changed`; and since they were stored whole.
        self.changed: set[UnitKey] = set()
        self.unsaved: set[UnitKey] = set()

    def unit(self, key: UnitKey) -> UnitTrellis:
        """Return a unit, a new one at its first use, to be changed."""
        unit = self.units.get(key)
        if unit is None:
            unit = self.units[key] = UnitTrellis(key, self.rates, self.window)
        self.changed.add(key)
        return unit

    def forget(self, key: UnitKey) -> None:
        """Forget a unit; it begins anew at its next use."""
        if self.units.pop(key, None) is not None:
            self.changed.add(key)
        self.odd.discard(key)
        self.wakes.pop(key, None)

    def take_changed(self) -> list[UnitKey]:
        """Return the units that changed since the last call, by key."""
        changed = sorted(self.changed)
        self.unsaved |= self.changed
        self.changed.clear()
        return changed

    def kept(self) -> int:
        """Count the entries, and the states of reports, that are kept."""
        states = sum(len(column.states) for unit in self.units.values() for column in unit.columns)
        return states + sum(len(unit.entries.items) for unit in self.units.values())

    def set_window(self, window: int, now: int) -> None:
        """Change the settlement window; what is kept is worked out anew."""
        self.window = window
        for unit in self.units.values():
            unit.window = unit.entries.window = window
            unit.rates_changed()
            self.changed.add(unit.key)
            self.wake(unit, now)

    def rates_changed(self, now: int) -> None:
        """Have all assets worked out anew at the rates that are known now."""
        self.resolving = True
        for unit in self.units.values():
            if unit.is_asset and (unit.columns or unit.entries.items):
                unit.rates_changed()
                self.changed.add(unit.key)
                self.wake(unit, now)

    # -- when there is something to do

    def over(self, units: Iterable[UnitTrellis]) -> Iterator[UnitTrellis]:
        """Yield units, and note which of them is worked on: a defect that shows is its alone."""
        for unit in units:
            self.working = unit.key
            yield unit

    def fail(self, now: int) -> UnitKey | None:
        """Forget the unit that was worked on, and have the others that were due looked at again; return its key."""
        failed = self.working
        if failed is not None:
            self.working = None
            self.forget(failed)
            for key in self.playing:
                if key in self.units:
                    self.wakes[key] = now
            self.next_step = _step_at(min(self.wakes.values(), default=NEVER))
        return failed

    def wake(self, unit: UnitTrellis, at: int) -> None:
        """Have a unit looked at, at the next step at a time or later."""
        key = unit.key
        if at < self.wakes.get(key, NEVER):
            self.wakes[key] = at
            self.changed.add(key)
            self.next_step = min(self.next_step, _step_at(at))

    def wake_odd(self, at: int) -> None:
        """Have all assets with odd edges looked at."""
        for key in self.odd:
            if key[1] == "asset":
                self.wake(self.units[key], at)

    def touch_for_entry(self, unit: UnitTrellis, now: int) -> None:
        """Have a unit that got an entry looked at, if an entry may change anything there."""
        if unit.redo_from is not None or unit.key in self.odd:
            self.wake(unit, now)

    def take_due(self, now: int) -> list[UnitTrellis]:
        """Return the units that are due, by key; each has to be scheduled anew."""
        due = sorted(key for key, at in self.wakes.items() if at <= now)
        self.playing, self.working = due, None
        for key in due:
            del self.wakes[key]
        self.next_step = _step_at(min(self.wakes.values(), default=NEVER))
        self.changed.update(due)
        return [self.units[key] for key in due]

    def schedule(self, unit: UnitTrellis, now: int) -> None:
        """Note when a unit that was just looked at has something to do next."""
        times = [settles_at(unit), unit.wake]
        if unit.odd_tail:
            times.append(judged_at(unit))
        if unit.is_odd():
            times.append(next_judgement(unit, now))
        if unit.queue:
            times.append(unit.queue[0].at + unit.window)
        if unit.columns and (len(unit.columns) > 1 or unit.entries.items):
            times.append(max(unit.columns[-1].at + short_keep(unit), self.keep_until) + 1)
        if self.cash.fills and unit.is_asset and unit.key in self.odd:
            times.append(self.cash.next_end(self.window))
        later = [at for at in times if at is not None and at > now]
        if unit.redo_from is not None:
            later.append(now + 1)
        if later:
            self.wake(unit, min(later))

    # -- fees in assets that no fill moves

    def end_shadows(self) -> None:
        """Take the assumed entries out of the assets that fills began to move."""
        for code in sorted(self.shadows.ending):
            self.shadows.end(self.unit((self.account, "asset", code)))

    def assume_fees_in(self, unit: UnitTrellis, now: int, told: list[Told]) -> None:
        """Let the fills of late have paid their fee in an asset whose report changed."""
        if unit.key[2] in self.shadows.assumed:
            return
        self.shadows.assumed.add(unit.key[2])
        for fill in self.shadows.recent(now):
            self._shadow(unit, fill, now, told)

    def add_shadows(self, fill: ShadowedFill, now: int, told: list[Told]) -> None:
        """Let a fill have paid its fee in each asset where that may be."""
        for code in sorted(self.shadows.assumed):
            self._shadow(self.unit((self.account, "asset", code)), fill, now, told)

    def _shadow(self, unit: UnitTrellis, fill: ShadowedFill, now: int, told: list[Told]) -> None:
        entry = self.shadows.entry(unit, fill)
        if entry is not None:
            place_entry(unit, entry, now, told)
            self.touch_for_entry(unit, now)
