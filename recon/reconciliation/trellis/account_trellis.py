"""The comparison of an account: its units share their rates, their fills and their breaks. Pure (semantics 5).

1. Time advances in steps of 100 ms of log time; what is told depends on events and their log times alone, not on how
   they are cut into calls: an event first plays the steps before it.
2. Only units with something due are touched. Rates are adopted at steps, and nowhere else.
3. Whoever changes the account's rates, or calls for a time, does so in the order of the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from recon.ledger.fees.fee_key import BASE, QUOTE, FeeKey
from recon.ledger.fees.rate_table import RateTable
from recon.ledger.legs import FillPart, Leg
from recon.ledger.units import UnitKey
from recon.reconciliation.model.path_evidence import PathEvidence
from recon.reconciliation.model.step import Step
from recon.reconciliation.trellis.account_state import decode_account, encode_account, encode_unsaved
from recon.reconciliation.trellis.account_step import play_step
from recon.reconciliation.trellis.amounts import to_decimal, to_int
from recon.reconciliation.trellis.column import Report
from recon.reconciliation.trellis.entries import TOLD_SHADOW, Entry
from recon.reconciliation.trellis.explanation import explain
from recon.reconciliation.trellis.figures import figures_of
from recon.reconciliation.trellis.journal import (
    CashCall,
    Journal,
    LegCall,
    ReportCall,
    StoredCalls,
    StoredTrellis,
    TimeCall,
    calls_since,
    leg_call,
    leg_of_call,
    report_call,
)
from recon.reconciliation.trellis.judgement import pending_steps, tell_step
from recon.reconciliation.trellis.late_entries import place_entry
from recon.reconciliation.trellis.parts import AccountParts
from recon.reconciliation.trellis.path import fees_of_race
from recon.reconciliation.trellis.process import begin_at, cut_of_newest, judged_at
from recon.reconciliation.trellis.shadows import find_assumed
from recon.reconciliation.trellis.slices import queue_report
from recon.reconciliation.trellis.splitting import split_fill
from recon.reconciliation.trellis.steps import Figures, Told
from recon.reconciliation.trellis.unit import UnitTrellis


class AccountTrellis:
    """The comparison of one account; see the module."""

    __slots__ = ("_journal", "_parts", "_rates_revision", "_told", "account", "failures", "paused", "rates")

    def __init__(self, account: str, rates: RateTable, window_us: int) -> None:
        """Take the account's name, its rates, and its settlement window in microseconds."""
        self.account = account
        self.rates = rates
        self._parts = AccountParts(account, rates, window_us)
        self._told: list[Told] = []
        #: Units that a defect of recon showed in, each with what was raised; they are forgotten.
        self.failures: list[tuple[UnitKey, Exception]] = []
        #: While true no step is played: the books may lack what a gap hid. The steps are played later, in order.
        self.paused = False
        self._journal = Journal()
        #: The revision of the rates that the last whole form was stored with.
        self._rates_revision = rates.revision

    @classmethod
    def restore(
        cls,
        account: str,
        rates: RateTable,
        window_us: int,
        stored: bytes,
        units: Mapping[UnitKey, bytes],
        calls: Sequence[bytes] = (),
    ) -> AccountTrellis:
        """Return a comparison that goes on from its stored form and those of **all** its units.

        `calls` are what was stored of it since then, in order. Raise `UnknownVersion` if another version stored it.
        """
        trellis = cls(account, rates, window_us)
        trellis._parts, whole = decode_account(account, rates, window_us, stored, units)
        since = calls_since(whole, calls)
        trellis._journal.go_on(whole, trellis._parts.kept(), since)
        trellis._play_again(since)
        return trellis

    def store(self) -> StoredTrellis:
        """Return what there is to store since the last call.

        What was told and not taken is not stored: call `advance` before.
        """
        parts, journal = self._parts, self._journal
        changed = parts.take_changed()
        if self._rates_revision != parts.rates.table.revision:
            journal.spoil()
        if not journal.is_spoilt:
            return StoredTrellis(changed, None, {}, journal.take(paused=self.paused))
        self._rates_revision = parts.rates.table.revision
        shared = encode_account(parts, journal.begin(parts.kept()))
        return StoredTrellis(changed, shared, encode_unsaved(parts), None)

    def _play_again(self, stored: Iterable[StoredCalls]) -> None:
        """Play calls that were stored; what they tell was written down with them."""
        for each in stored:
            self.paused = each.paused
            for call in each.calls:
                match call:
                    case LegCall():
                        self._add_leg(call.key, leg_of_call(call), call.now_us)
                    case ReportCall():
                        self._report(call.key, Report(*call.report))
                    case CashCall():
                        self._parts.cash.without_cash(call.order, call.key[2])
                    case TimeCall():
                        self._catch_up(call.now_us)
            self._told.clear()
        self._parts.judged.clear()
        self._parts.take_changed()

    def pause(self, *, on: bool) -> None:
        """Begin or end that no step is played."""
        self.paused = on
        self._journal.spoil()

    # -- events, in the order of the log

    def add_leg(self, key: UnitKey, leg: Leg, now_us: int) -> None:
        """Take what a fill or a told movement moved in a unit, booked at a log time in microseconds."""
        if not self._journal.is_spoilt:
            self._journal.add(leg_call(key, leg, now_us))
        self._add_leg(key, leg, now_us)

    def _add_leg(self, key: UnitKey, leg: Leg, now_us: int) -> None:
        parts = self._parts
        if parts.next_step <= now_us:
            self._catch_up(now_us)
        unit = parts.unit(key)
        entry, fee_key = self._entry(leg), leg.fee_key
        if leg.explains:
            entry.explained = unit.entries.take_back(entry.amount) if leg.takes_back else entry.amount
        if fee_key is not None and not entry.amount and fee_key.role not in {BASE, QUOTE}:
            self._add_shadow(unit, entry, now_us)
        else:
            place_entry(unit, entry, now_us, self._told, absorb=unit.is_asset and unit.opened == now_us)
            if fee_key is not None and unit.is_asset:
                self._note_fill(unit, leg, fee_key, entry, now_us)
        if unit.redo_from is not None or key in parts.odd:
            parts.wake(unit, now_us)

    def split_fill(self, part: FillPart, now_us: int) -> None:
        """Take a part of a fill that was told in one."""
        self._journal.spoil()
        self._catch_up(now_us)
        split_fill(self._parts, part, now_us, self._told)

    def report(self, key: UnitKey, report: Report) -> None:
        """Take what a venue says a unit holds."""
        if not self._journal.is_spoilt:
            self._journal.add(report_call(key, report))
        self._report(key, report)

    def _report(self, key: UnitKey, report: Report) -> None:
        parts, now_us = self._parts, report.us
        if parts.next_step <= now_us:
            self._catch_up(now_us)
        unit, plain = parts.unit(key), to_int(report.values[0])
        values = (plain,) if len(report.values) == 1 else tuple(map(to_int, report.values))
        self._note_rules(unit, report)
        if unit.last_report_at is not None and (passed := now_us - unit.last_report_at) > 0:
            unit.gap = (3 * unit.gap + passed) // 4 if unit.gap else passed
        changed = unit.last_value is not None and plain != unit.last_value
        unit.last_report_at, unit.last_value = now_us, plain
        if changed and unit.is_asset and key[2] not in parts.shadows.traded and not parts.rates.table.told:
            parts.assume_fees_in(unit, now_us, self._told)
        queue_report(parts, unit, report, values)

    def set_window(self, window_us: int, now_us: int) -> None:
        """Change the settlement window, in microseconds."""
        if window_us != self._parts.window:
            self._journal.spoil()
            self._catch_up(now_us)
            self._parts.set_window(window_us, now_us)

    def rates_changed(self, now_us: int) -> None:
        """Read the rates anew, after a schedule was told; call `advance` for that time before telling it."""
        self._journal.spoil()
        self._parts.rates_changed(now_us)

    def await_cash(self, key: UnitKey, order: str) -> None:
        """Say that the cash of an order's fills is to come in a unit: it may explain what changes there until then."""
        self._journal.add(CashCall(key, order))
        self._parts.cash.without_cash(order, key[2])

    def awaits_cash(self, key: UnitKey) -> bool:
        """True if the cash of a spot fill is to come in a unit."""
        return key[1] == "asset" and self._parts.cash.is_paid_in(key[2])

    def open_at(self, key: UnitKey, seq: int, us: int, level: Decimal) -> None:
        """Begin a unit anew with a level that is known, as of a log position and a log time in microseconds."""
        self.forget(key)
        unit = self._parts.unit(key)
        begin_at(unit, seq, us, to_int(level))

    def drop_reports(self, key: UnitKey) -> None:
        """Forget the reports of a unit that are not compared yet; of a unit without an opening, all reports."""
        unit = self._parts.units.get(key)
        if unit is None or not (unit.queue or (unit.columns and not unit.sure and not unit.trimmed)):
            return
        self._journal.spoil()
        unit.queue.clear()
        if not unit.trimmed and not unit.sure and (not unit.columns or unit.columns[0].committed is None):
            unit.columns.clear()
            unit.unfix(-1)
            unit.opened, unit.stale, unit.redo_from = None, True, None
        self._parts.changed.add(key)

    def knows(self, key: UnitKey) -> bool:
        """True if anything is known of a unit."""
        return key in self._parts.units

    def forget(self, key: UnitKey) -> None:
        """Forget all that is known of a unit."""
        self._journal.spoil()
        self._parts.forget(key)

    def note_told(self, step: Step) -> None:
        """Note that a step is told before it is decided: it opens no more, and moves and clears as breaks do."""
        self._journal.spoil()
        unit = self._parts.unit(step.unit)
        tell_step(unit, step)
        self._parts.odd.add(step.unit)
        self._parts.changed.add(step.unit)

    # -- time

    def advance(self, now_us: int) -> list[Told]:
        """Play the steps up to a log time, in microseconds; return what there is to tell since the last call."""
        if not self.paused and self._parts.next_step <= now_us:
            self._journal.add(TimeCall(now_us))
        self._catch_up(now_us)
        told, self._told = self._told, []
        return told

    def take_judged(self) -> list[UnitKey]:
        """Return the units whose undecided steps may have changed since the last call."""
        judged = sorted(self._parts.judged)
        self._parts.judged.clear()
        return judged

    def due(self, now_us: int) -> bool:
        """True if there is something to tell, or a step to play by a log time."""
        return bool(self._told or self.failures or self._parts.judged) or self._parts.next_step <= now_us

    def decides_by(self, us: int) -> bool:
        """True if time alone may decide something by a log time: a report waits, or a step that is not told."""
        parts = self._parts
        return any(at <= us and (parts.units[key].queue or key in parts.odd) for key, at in parts.wakes.items())

    def _catch_up(self, now_us: int) -> None:
        parts = self._parts
        while (at := parts.next_step) <= now_us and not self.paused:
            try:
                play_step(parts, at, self._told)
            except MemoryError:
                raise  # the machine's doing, not a unit's
            except Exception as error:
                self._journal.spoil()
                failed = parts.fail(at)
                if failed is None:
                    raise
                self.failures.append((failed, error))

    # -- what is known

    @property
    def has_changed(self) -> bool:
        """True if there is something to store."""
        return bool(self._parts.changed) or self._journal.has_calls

    def is_waiting(self, key: UnitKey) -> bool:
        """True if the latest report of a unit is not just what is booked, and waits: for its window, or for another."""
        unit = self._parts.units.get(key)
        if unit is None:
            return False
        return cut_of_newest(unit) is None if unit.queue else judged_at(unit) is not None

    def pending(self, key: UnitKey) -> list[Step]:
        """Return the steps of a unit that are not told and may still be breaks."""
        unit = self._parts.units.get(key)
        return [] if unit is None else pending_steps(unit)

    def figures(self, key: UnitKey) -> Figures | None:
        """Return a unit at its last report: the newest one if it is just what is booked, else the last one taken.

        None before one was taken.
        """
        unit = self._parts.units.get(key)
        return None if unit is None else figures_of(unit)

    def fees_of_race(self, key: UnitKey, seq: int) -> Decimal | None:
        """Return what fees and rounding may come to in the race that a report is of; None where it is of none."""
        unit = self._parts.units.get(key)
        fees = None if unit is None else fees_of_race(unit, seq)
        return None if fees is None else to_decimal(fees)

    def explain(self, step: Step) -> PathEvidence | None:
        """Return why a step is on the best path; None once its reports are forgotten."""
        unit = self._parts.units.get(step.unit)
        return None if unit is None else explain(unit, step)

    def window_of(self) -> int:
        """Return the settlement window in microseconds."""
        return self._parts.window

    # -- what legs and reports bring

    def _entry(self, leg: Leg) -> Entry:
        parts, stamp, order = self._parts, leg.stamp, leg.order
        parts.number += 1
        resolution = stamp.resolution_us
        if resolution and resolution != parts.resolution:
            parts.resolution = resolution = min(parts.resolution or resolution, resolution)
        amount, turnover, key = to_int(leg.amount), 0, None
        if leg.turnover:
            key, turnover = leg.fee_key, amount if leg.turnover is leg.amount else to_int(leg.turnover)
        entry = Entry(stamp.us, leg.arrived_us, resolution, parts.number, order, amount, turnover, key)
        entry.rounded = leg.rounded
        if leg.error:
            entry.slack = to_int(leg.error)
        if leg.unmodelled:
            entry.unmodelled = to_int(leg.unmodelled)
        if leg.booked_fee:
            entry.booked_fee = to_int(leg.booked_fee)
        return entry

    def _add_shadow(self, unit: UnitTrellis, entry: Entry, now_us: int) -> None:
        """Take the books' entry of nothing for a fee in a third asset; an assumed one of the fill gives way."""
        assumed = find_assumed(unit, entry.order, entry.stamp_us, entry.arrived_us)
        if assumed is None:
            entry.shadow = TOLD_SHADOW
            place_entry(unit, entry, now_us, self._told)
            return
        assumed.shadow = TOLD_SHADOW
        unit.entries.book(assumed, entry.booked_fee)

    def _note_fill(self, unit: UnitTrellis, leg: Leg, key: FeeKey, entry: Entry, now_us: int) -> None:
        parts = self._parts
        if unit.key[2] not in parts.shadows.traded:
            parts.shadows.note_traded(unit)
        if key.role == BASE and leg.order is not None:
            parts.cash.quantity(leg.order, entry.stamp_us)
        elif key.role == QUOTE:
            if leg.order is not None and leg.order in parts.cash.fills:
                parts.cash.cash(leg.order)
                if parts.odd:
                    parts.wake_odd(now_us)
            if not leg.unmodelled and not parts.rates.table.told:
                fill = parts.shadows.take_fill(entry, unit.key[2], key)
                if parts.shadows.assumed:
                    parts.add_shadows(fill, now_us, self._told)

    def _note_rules(self, unit: UnitTrellis, report: Report) -> None:
        known, unit.noted = unit.noted, report
        if report.price is not None and report.price > 0 and (known is None or report.price != known.price):
            self._parts.shadows.prices[unit.key[2]] = to_int(report.price)
        if known is None or report.tolerance != known.tolerance:
            unit.tolerance = to_int(report.tolerance)
        if report.quantum is not None and (known is None or report.quantum != known.quantum):
            quantum = to_int(report.quantum)
            if quantum and (not unit.quantum or quantum < unit.quantum):
                unit.quantum = quantum
                unit.rates_changed()
                self._parts.wake(unit, report.us)
