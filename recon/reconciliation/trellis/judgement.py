"""Which steps of the best path are breaks, and since when. Pure (semantics 5.3).

1. A jump is a break once it is a hold old and a later report came, or none came for the unit's usual time.
2. A fee at no known rate is one once its suspense is over, or if a break elsewhere would have cost just this fee.
3. Jumps that undo each other are races and no breaks; those within the opening are told as uncertain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from recon.reconciliation.model.step import Step, StepKind
from recon.reconciliation.trellis.amounts import to_decimal, to_int
from recon.reconciliation.trellis.awaited_cash import may_explain
from recon.reconciliation.trellis.column import OddEdge
from recon.reconciliation.trellis.costs import HOLD, MAX_GAP, MAX_PARKED, MAX_SUSPENSE, NEAR_NOVEL, SUSPENSE
from recon.reconciliation.trellis.path import in_opening, races
from recon.reconciliation.trellis.steps import Cleared, Moved, Opened, OpeningUncertain, Told
from recon.reconciliation.trellis.suspense import (
    after_seq,
    break_of,
    may_be_cut,
    parked_edge,
    suspended,
    tell_parked,
)
from recon.reconciliation.trellis.unit import ToldBreak, UnitTrellis

#: A break's fee is that of a fee at no known rate if they differ by a part of so many at most.
SAME_FEE = 33
#: Most breaks that are remembered open; of more the oldest can no longer clear.
MAX_BREAKS = 64


class Charge(NamedTuple):
    """A fee that a fill missing elsewhere in the account would have cost here, and when that fill happened."""

    after: int
    at: int
    fee: int


class Surroundings(NamedTuple):
    """What else in the account bears on a unit's steps: charges, and the times of fills whose cash is to come."""

    charges: Sequence[Charge] = ()
    awaited: Sequence[int] = ()


class _Candidate(NamedTuple):
    odd: OddEdge
    due: bool


def step_of(unit: UnitTrellis, odd: OddEdge, kind: StepKind | None = None) -> Step:
    """Return an odd edge as a step."""
    after = odd.before_at - unit.window
    return Step(
        unit.key,
        odd.column.seq,
        odd.column.at,
        after,
        after_seq(unit, after),
        to_decimal(odd.left),
        kind or ("novel" if odd.kind == "novel" else "jump"),
        tuple(to_decimal(each) for each in odd.alternatives),
    )


def _step_of_break(unit: UnitTrellis, known: ToldBreak) -> Step:
    return Step(unit.key, known.seq, known.at, known.after, known.after_seq, to_decimal(known.amount), known.kind)


def pending_steps(unit: UnitTrellis) -> list[Step]:
    """Return the steps of the best path that are not told: they may still be breaks."""
    odd = unit.odd()
    parked = [_step_of_break(unit, break_of(unit, edge)) for edge in unit.parked if not edge.told]
    if not odd:
        return parked
    racing = races(unit, odd)
    told = {known.seq for known in unit.breaks if known.open}
    return parked + [
        step_of(unit, each)
        for each in odd
        if each.kind in {"jump", "novel"}
        and each.column.seq not in told
        and each.column.seq not in racing
        and not in_opening(unit, each.column)
    ]


def judge(unit: UnitTrellis, now: int, around: Surroundings, told: list[Told]) -> None:
    """Tell the breaks that opened, moved and cleared, and the openings that are not sure."""
    if not unit.columns:
        return
    for known in tell_parked(unit, now):
        _open(unit, known, told)
    odd = unit.odd()
    if not odd and not any(known.open for known in unit.breaks):
        return
    left = list(_candidates(unit, odd, now, around, told))
    for known in unit.breaks:
        if known.open:
            _follow(unit, known, left, told)
    for each in left:
        if each.due:
            step = each.odd
            after = step.before_at - unit.window
            known = ToldBreak(
                step.column.at,
                step.column.seq,
                step.left,
                after,
                after_seq(unit, after),
                "novel" if step.kind == "novel" else "jump",
            )
            unit.breaks.append(known)
            told.append(Opened(step_of(unit, step)))
    _bound_breaks(unit)


def _open(unit: UnitTrellis, known: ToldBreak, told: list[Told]) -> None:
    unit.breaks.append(known)
    told.append(Opened(_step_of_break(unit, known)))


def tell_step(unit: UnitTrellis, step: Step) -> None:
    """Take a step as told: an entry explains it already."""
    for edge in unit.parked:
        if edge.seq == step.seq:
            edge.told = True
    amount = to_int(step.amount)
    unit.breaks.append(ToldBreak(step.at_us, step.seq, amount, step.after_us, step.after_seq, step.kind))
    _bound_breaks(unit)


def _bound_breaks(unit: UnitTrellis) -> None:
    if len(unit.breaks) > MAX_BREAKS:
        unit.breaks = [each for each in unit.breaks if each.open][-MAX_BREAKS:]


def _candidates(
    unit: UnitTrellis, odd: list[OddEdge], now: int, around: Surroundings, told: list[Told]
) -> Iterator[_Candidate]:
    """Yield the steps that may be breaks, and whether they are due; tell those of the opening."""
    racing = races(unit, odd)
    for each in odd:
        if each.kind not in {"jump", "novel"} or each.column.seq in racing:
            continue
        at, before = each.column.at, each.before_at
        if may_explain(around.awaited, before, at, unit.window):
            continue  # the books do not know yet what was paid
        due = _jump_is_due(unit, each, odd, now) if each.kind == "jump" else _novel_is_due(unit, each, now, around)
        if not in_opening(unit, each.column):
            yield _Candidate(each, due)
            continue
        seq = each.column.seq
        held = now - at >= unit.hold() if each.kind == "jump" else due
        if held and seq not in unit.told_openings:
            unit.told_openings.add(seq)
            told.append(OpeningUncertain(step_of(unit, each, "opening"), each.kind == "novel"))


def silence_of(unit: UnitTrellis) -> int:
    """Return how long nothing may come before the jump of the last report counts."""
    return max(unit.window, 3 * unit.gap // 2) if unit.gap <= MAX_GAP * unit.window else unit.window


def _jump_is_due(unit: UnitTrellis, jump: OddEdge, odd: list[OddEdge], now: int) -> bool:
    at, hold = jump.column.at, unit.hold()
    age = now - at
    if age < hold:
        return False
    if age < 2 * hold and any(
        each.kind == "novel" and abs(each.column.at - at) <= NEAR_NOVEL * unit.window for each in odd
    ):
        return False  # near a fee at no known rate the path may be wrong: wait for what follows
    last = odd[-1]
    newest = last.kind == "passed_over" and last.column is unit.columns[-1] and last.column.at - at <= 2 * hold
    if newest and now - last.column.at < HOLD * unit.window:
        return False  # the last report may undo it: then both were a race
    return unit.columns[-1].at > at or age >= max(hold, silence_of(unit))


def _novel_is_due(unit: UnitTrellis, novel: OddEdge, now: int, around: Surroundings) -> bool:
    at, seq = novel.column.at, novel.column.seq
    age = now - at
    if age < unit.hold():
        return False
    edge = parked_edge(unit, novel)
    if may_be_cut(unit, edge):
        return False
    if age >= SUSPENSE * unit.window and (seq in unit.unsuspended or not suspended(unit, edge, now)):
        unit.unsuspended.add(seq)
        return True
    return any(
        charge.after - unit.window <= at
        and novel.before_at - unit.window <= charge.at
        and abs(abs(novel.left) - charge.fee) * SAME_FEE <= charge.fee
        for charge in around.charges
    )


def _follow(unit: UnitTrellis, known: ToldBreak, left: list[_Candidate], told: list[Told]) -> None:
    """Find the step that an open break is now; without one it is none any more."""
    same = next((each for each in left if each.odd.column.at == known.at), None)
    if same is None:
        near = 2 * unit.window
        same = next(
            (each for each in left if abs(each.odd.column.at - known.at) <= near and each.odd.left == known.amount),
            None,
        )
    if same is None:
        first = unit.columns[0].at
        if known.at > first or (known.at == first and not unit.trimmed):
            known.open = False
            told.append(Cleared(unit.key, known.seq, "path"))
        return
    left.remove(same)
    step = same.odd
    if (known.seq, known.amount) != (step.column.seq, step.left):
        old = known.seq
        known.at, known.seq, known.amount = step.column.at, step.column.seq, step.left
        known.after = step.before_at - unit.window
        known.after_seq = after_seq(unit, known.after)
        told.append(Moved(old, step_of(unit, step)))


def next_judgement(unit: UnitTrellis, now: int) -> int | None:
    """Return when time alone may change what is judged; None where it does not."""
    if not unit.is_odd():
        return None
    odd = [each for each in unit.odd() if each.kind in {"jump", "novel"}]
    window, hold = unit.window, unit.hold()
    times = []
    for each in odd:
        spans = (hold, 2 * hold, max(hold, silence_of(unit)))
        if each.kind == "novel":
            spans = (*spans[:1], SUSPENSE * window, MAX_SUSPENSE * window)
        times += [each.column.at + span for span in spans]
    for parked in unit.parked:
        if not parked.told:
            times += [parked.at + SUSPENSE * window, parked.at + MAX_SUSPENSE * window]
        times.append(parked.at + MAX_PARKED * window + 1)
    return min((time for time in times if time > now), default=None)
