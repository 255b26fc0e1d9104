"""One step of an account's comparison: units take reports, rates are learnt, breaks are told. Pure (semantics 5)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from recon.ledger.fees.fee_key import RATES, FeeKey, third
from recon.reconciliation.trellis.judgement import Charge, Surroundings, judge
from recon.reconciliation.trellis.late_entries import find_late, restamp
from recon.reconciliation.trellis.learning import SAMPLE_AGE_US, Paid, learn, mix_habits
from recon.reconciliation.trellis.parts import AccountParts
from recon.reconciliation.trellis.path import stamps_before_tier, steps_that_paid
from recon.reconciliation.trellis.process import process
from recon.reconciliation.trellis.sampling import count_mixing, notice_cutting, sample
from recon.reconciliation.trellis.steps import RateLearnt, Told
from recon.reconciliation.trellis.suspense import resolve
from recon.reconciliation.trellis.trimming import keep_until, trim
from recon.reconciliation.trellis.unit import UnitTrellis

#: Most rounds of learning in one step: what is adopted may let other samples agree.
MAX_ROUNDS = 6


def play_step(parts: AccountParts, now: int, told: list[Told]) -> None:
    """Work out what is due at a log time, and tell it."""
    if parts.shadows.ending:
        parts.end_shadows()
    units = parts.take_due(now)
    changed = [unit for unit in parts.over(units) if process(unit, now, told)]
    late = _restamp_late(parts, now, told) if changed and parts.resolution != 1 else []
    changed += late
    _note_odd(parts, (*units, *changed))
    # Nearly always all edges are exact: then nothing is learnt, resolved or judged, and no unit becomes odd.
    if late or parts.odd or parts.resolving or parts.samples.revision != parts.learnt_from:
        units = _learn_and_resolve(parts, now, told, units, changed)
    long = _keeps_long(parts, now)
    for unit in parts.over(units):
        awaited = parts.cash.times(unit.key[2], now, parts.window) if unit.is_asset and parts.cash.fills else ()
        if trim(unit, now, long=long, awaited=awaited):
            parts.changed.add(unit.key)
    if parts.odd:
        _judge(parts, now, told, units)
    for unit in parts.over(units):
        parts.schedule(unit, now)


def _learn_and_resolve(
    parts: AccountParts, now: int, told: list[Told], due: list[UnitTrellis], changed: list[UnitTrellis]
) -> list[UnitTrellis]:
    """Learn what edges that are not exact say, and forget the parked edges that it explains; return what to look at."""
    if changed or any(unit.wake is not None and unit.wake <= now for unit in due):
        _learn(parts, now, told, changed)
    touched = {unit.key: unit for unit in (*due, *changed)}
    if parts.resolving:
        _resolve(parts, told)
        touched.update((key, unit) for key, unit in parts.units.items() if unit.is_asset)
    units = [touched[key] for key in sorted(touched)]
    _note_odd(parts, units)
    return units


def _judge(parts: AccountParts, now: int, told: list[Told], units: list[UnitTrellis]) -> None:
    """Tell which steps are breaks."""
    opened = len(told)
    for unit in parts.over(units):
        if unit.key in parts.odd:
            judge(unit, now, _surroundings(parts, unit, now), told)
    if len(told) > opened:
        parts.wake_odd(now + 1)  # a break explains fees elsewhere
    _note_odd(parts, units)


def _resolve(parts: AccountParts, told: list[Told]) -> None:
    """Rates changed: forget the parked edges that they explain."""
    parts.resolving = False
    for unit in parts.over([parts.units[key] for key in sorted(parts.odd)]):
        if unit.parked:
            resolve(unit, told)
            parts.changed.add(unit.key)


def _note_odd(parts: AccountParts, units: Iterable[UnitTrellis]) -> None:
    """Note which units have odd edges, open breaks or parked edges, and until when more is kept."""
    odd = parts.odd
    for unit in units:
        if unit.odd_final or unit.odd_tail or unit.parked or unit.breaks:
            odd.add(unit.key)
            parts.judged.add(unit.key)
            parts.keep_until = max(parts.keep_until, keep_until(unit))
        elif odd and unit.key in odd:
            odd.discard(unit.key)
            parts.judged.add(unit.key)


def _keeps_long(parts: AccountParts, now: int) -> bool:
    """True if odd edges, or fees at no known rate in suspense, have the account keep more."""
    if now <= parts.keep_until:
        return True
    return any(not edge.told for key in parts.odd for edge in parts.units[key].parked)


def _restamp_late(parts: AccountParts, now: int, told: list[Told]) -> list[UnitTrellis]:
    """Move a fill without a stamp to the break that it explains; return the units that changed."""
    odd = [parts.units[key] for key in sorted(parts.odd)]
    found = find_late(odd)
    if found is None:
        return []
    units = [parts.units[key] for key in sorted(parts.units)]
    restamp(units, *found, now, told)
    again = [unit for unit in units if unit.redo_from is not None]
    for unit in again:
        parts.changed.add(unit.key)
        process(unit, now, told)
    return again


# -- learning ---------------------------------------------------------------------------------------------------------


def _learn(parts: AccountParts, now: int, told: list[Told], changed: list[UnitTrellis]) -> None:
    """Learn habits and rates from what the units say now; all assets are worked out anew where anything is learnt."""
    again = bool(changed) and _learn_habits(parts, now, changed)
    if again:
        _work_out_anew(parts, now, told)
    fresh = {unit.key for unit in changed}
    for number in range(MAX_ROUNDS):
        for unit in parts.over([parts.units[key] for key in sorted(parts.odd)]):
            key = unit.key
            if unit.is_asset and unit.columns and (number or again or key in fresh or unit.wake is not None):
                sample(unit, parts.samples, now)
                parts.changed.add(key)
        if parts.samples.revision == parts.learnt_from:
            return
        parts.samples.forget_before(now - SAMPLE_AGE_US)
        table = parts.rates.table
        paid = Paid(partial(_still_paid, parts), partial(_tier_began, parts))
        adopted = learn(table, parts.samples, paid, table.most)
        told += [RateLearnt(each.key, each.rate, each.since_us, each.kind) for each in adopted]
        parts.learnt_from = parts.samples.revision
        if not adopted:
            return
        _work_out_anew(parts, now, told)


def _learn_habits(parts: AccountParts, now: int, changed: list[UnitTrellis]) -> bool:
    """Learn what the venue does beside rates: it cuts instead of rounding, it mixes rates in a class."""
    again = False
    for unit in parts.over(changed):
        if unit.is_asset and unit.odd():
            again |= notice_cutting(unit)
    if not any(unit.is_asset and unit.odd_final for unit in changed):
        return again
    counts = count_mixing(parts.units[key] for key in sorted(parts.odd) if key[1] == "asset")
    return bool(counts and mix_habits(parts.rates.table, counts, now)) or again


def _work_out_anew(parts: AccountParts, now: int, told: list[Told]) -> None:
    parts.rates_changed(now)
    units = [parts.units[key] for key in sorted(parts.units) if parts.units[key].redo_from is not None]
    for unit in parts.over(units):
        process(unit, now, told)
    _note_odd(parts, units)


def _still_paid(parts: AccountParts, key: FeeKey, rate: int, since: int) -> int:
    """Count the exact steps of the account since a time that paid a rate of a key."""
    return sum(steps_that_paid(unit, key, rate, since) for unit in parts.units.values() if unit.is_asset)


def _tier_began(parts: AccountParts, key: FeeKey, since: int, *, cheaper: bool) -> int:
    """Return since when a key may have paid a new rate: the first fill after the last one that paid the old rate.

    It must be on an edge that fits no known rate; else the new rate begins where it was seen first.
    """
    found = [stamps_before_tier(unit, key, since, cheaper=cheaper) for unit in parts.units.values() if unit.is_asset]
    last = max(last for last, _ in found)
    return min((stamp for _, novel in found for stamp in novel if stamp > last), default=since)


# -- what bears on a unit's steps -------------------------------------------------------------------------------------


def _surroundings(parts: AccountParts, unit: UnitTrellis, now: int) -> Surroundings:
    if not unit.is_asset:
        return Surroundings()
    return Surroundings(_charges(parts, unit), parts.cash.times(unit.key[2], now, parts.window))


def _charges(parts: AccountParts, unit: UnitTrellis) -> list[Charge]:
    """Return what fills missing elsewhere in the account would have been charged in an asset that no fill moves."""
    code = unit.key[2]
    shadows = parts.shadows
    mine = shadows.prices.get(code)
    if not mine or code in shadows.traded or not any(odd.kind == "novel" for odd in unit.odd()):
        return []
    table = parts.rates.table
    rates = {each.rate for key, known in table.known.items() if key.role == third(code) for each in known if each.rate}
    for line in table.told.values():
        rates.update(rate for rate in (line.maker, line.taker) if rate and line.asset == code)
    found = []
    for key in sorted(parts.odd):
        theirs = shadows.prices.get(key[2])
        if key == unit.key or key[1] != "asset" or not theirs:
            continue
        for known in parts.units[key].breaks:
            worth = abs(known.amount) * theirs // mine
            found += [Charge(known.after, known.at, rate * worth // RATES) for rate in sorted(rates)]
    return found
