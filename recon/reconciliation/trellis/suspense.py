"""A fee at no known rate may be the first of a new tier: until when it is no break. Pure (semantics 8.5).

1. It waits 60 windows, and as long as it may still be a tier; an hour at most (of windows of a second).
2. It is no tier once three exact steps after it paid rates from before it, or each key of its fills is refuted: six
   fills of the key came since, or two exact steps paid the key's old rate, or no short rate fits.
3. When its column is forgotten it stays as a parked edge, for a day at most.
"""

from __future__ import annotations

from recon.ledger.fees.fee_key import RATES, FeeKey
from recon.reconciliation.trellis.column import FEE, SLACK, OddEdge
from recon.reconciliation.trellis.costs import (
    MAX_DECIMALS,
    MAX_PARKED,
    MAX_PARKED_EDGES,
    MAX_SUSPENSE,
    REFUTED_FILLS,
    REFUTED_PAID,
    REFUTED_STEPS,
    SUSPENSE,
)
from recon.reconciliation.trellis.cuts import added
from recon.reconciliation.trellis.edges import cost_of_other_rates
from recon.reconciliation.trellis.learning import ChargedLeg, Edge, samples_of_novel, shortest
from recon.reconciliation.trellis.learning import OddEdge as SampledEdge
from recon.reconciliation.trellis.path import exact_steps
from recon.reconciliation.trellis.steps import Cleared, Told
from recon.reconciliation.trellis.unit import ParkedEdge, ToldBreak, UnitTrellis


def charged_legs(unit: UnitTrellis, odd: OddEdge) -> list[ChargedLeg]:
    """Return the fills on an edge that may bear a fee."""
    items = (unit.entries.items[index] for index in added(odd.source, odd.target))
    return [
        ChargedLeg(entry.key, entry.turnover, entry.stamp_us, bool(entry.shadow))
        for entry in items
        if entry.turnover and entry.key is not None
    ]


def slack_of(unit: UnitTrellis, odd: OddEdge) -> int:
    """Return what rounding may come to on an edge."""
    sums = unit.entries.sums
    return sum(sums[index + 1][SLACK] - sums[index][SLACK] for index in added(odd.source, odd.target)) + unit.tolerance


def edge_id(unit: UnitTrellis, at: int, seq: int) -> Edge:
    """Return the name of the edge to a report for samples of rates."""
    return Edge(at, unit.key[1], unit.key[2], seq)


def sampled_edge(unit: UnitTrellis, edge: ParkedEdge) -> SampledEdge:
    """Return a fee at no known rate as learning reads it, at the rates now known."""
    return SampledEdge(edge_id(unit, edge.at, edge.seq), edge.legs, left_of(unit, edge), edge.slack, unit.quantum)


def after_seq(unit: UnitTrellis, after: int) -> int:
    """Return the log position of the last kept report received at a time or before; 0 if none is kept."""
    for column in reversed(unit.columns):
        if column.at <= after:
            return column.seq
    at, seq = unit.earlier
    return seq if at <= after else 0


def parked_edge(unit: UnitTrellis, odd: OddEdge) -> ParkedEdge:
    """Return what is needed to tell or resolve an edge once its column is forgotten."""
    sums = unit.entries.sums
    fees = sum(sums[index + 1][FEE] - sums[index][FEE] for index in added(odd.source, odd.target))
    return ParkedEdge(
        odd.column.at,
        odd.before_at,
        after_seq(unit, odd.before_at - unit.window),
        odd.column.seq,
        odd.left,
        odd.left - fees,
        slack_of(unit, odd),
        charged_legs(unit, odd),
    )


def left_of(unit: UnitTrellis, edge: ParkedEdge) -> int:
    """Return what an edge leaves over at the rates now known."""
    rates = unit.entries.rates
    fees = ((rates.expected(leg.key, leg.stamp_us) or 0) * abs(leg.leg) // RATES for leg in edge.legs)
    return edge.delta + sum(fees)


def watch(unit: UnitTrellis, edge: ParkedEdge) -> int:
    """Count the exact steps after an edge that paid rates from before it, and by key the final ones."""
    before = edge.at - MAX_SUSPENSE * unit.window
    fresh = 0
    for step in exact_steps(unit):
        if step.oldest_us <= edge.at or step.at <= edge.counted_to:
            continue
        old = {key for key, _ in step.paid if _is_old(unit, key, before)}
        paid_fee = any(fee and key in old for key, fee in step.paid)
        if not step.final:
            fresh += paid_fee
            continue
        edge.counted_to = step.at
        edge.steps += paid_fee
        for key in old:
            edge.paid[key] = edge.paid.get(key, 0) + 1
    return edge.steps + fresh


def _is_old(unit: UnitTrellis, key: FeeKey, before: int) -> bool:
    """True if the rate of a key has not changed since a time."""
    rates = unit.entries.rates.table.rates(key)
    return len(rates) < 2 or rates[-1].since_us < before


def suspended(unit: UnitTrellis, edge: ParkedEdge, now: int) -> bool:
    """True if later fills may still make a fee at no known rate that of a new tier."""
    span = MAX_SUSPENSE * unit.window
    if now - edge.at >= span:
        return False
    table = unit.entries.rates.table
    if watch(unit, edge) >= REFUTED_STEPS and not table.moved(edge.at - span):
        return False
    open_keys: dict[FeeKey, bool] = {}
    for sample in samples_of_novel(table, sampled_edge(unit, edge), table.most):
        if edge.paid.get(sample.key, 0) >= REFUTED_PAID or shortest(sample.lowest, sample.highest)[1] > MAX_DECIMALS:
            continue
        if sample.key not in open_keys:
            open_keys[sample.key] = _fills_since(unit, edge, sample.key) < REFUTED_FILLS
        if open_keys[sample.key]:
            return True
    return False


def _fills_since(unit: UnitTrellis, edge: ParkedEdge, key: FeeKey) -> int:
    kept = sum(1 for entry in unit.entries.items if entry.arrived_us > edge.at and entry.key == key)
    return edge.later.get(key, 0) + kept


def may_be_cut(unit: UnitTrellis, edge: ParkedEdge) -> bool:
    """True if cutting cash and fees, instead of rounding them, may come to what is left: that is no break."""
    return abs(edge.left) <= edge.slack + (2 - unit.rounding) * unit.quantum * len(edge.legs)


def tell_parked(unit: UnitTrellis, now: int) -> list[ToldBreak]:
    """Return the parked edges that are breaks by now; forget those of more than a day ago, and the oldest of many."""
    found = []
    surplus = len(unit.parked) - MAX_PARKED_EDGES
    for number, edge in enumerate(list(unit.parked)):
        drop = number < surplus
        if drop or now - edge.at > MAX_PARKED * unit.window:
            unit.parked.remove(edge)
        aged = now - edge.at >= SUSPENSE * unit.window
        if not aged or edge.told or may_be_cut(unit, edge):
            continue
        if drop or not suspended(unit, edge, now):
            edge.told = True
            found.append(break_of(unit, edge))
    return found


def break_of(unit: UnitTrellis, edge: ParkedEdge) -> ToldBreak:
    """Return the break that a parked edge is, once it is told."""
    return ToldBreak(edge.at, edge.seq, edge.left, edge.before_at - unit.window, edge.after_seq, "novel")


def resolve(unit: UnitTrellis, told: list[Told]) -> None:
    """Forget the parked edges that the rates now explain; breaks told of them are none."""
    for edge in list(unit.parked):
        if not _explained(unit, edge):
            continue
        unit.parked.remove(edge)
        for known in unit.breaks:
            if known.open and known.seq == edge.seq:
                known.open = False
                told.append(Cleared(unit.key, known.seq, "rates"))


def _explained(unit: UnitTrellis, edge: ParkedEdge) -> bool:
    """True if the rates now known explain an edge, as expected or as other rates of some fills."""
    left = left_of(unit, edge)
    if abs(left) <= edge.slack:
        return True
    rates = unit.entries.rates
    fills = []
    for leg in edge.legs:
        read = rates.of(leg.key)
        rate, turnover = read.at(leg.stamp_us) or 0, abs(leg.leg)
        fee = rate * turnover // RATES
        others = [(other * turnover // RATES - fee, cost) for other, cost in read.alternatives if other != rate]
        if others:
            fills.append(others)
    return bool(fills) and bool(cost_of_other_rates(fills, -left, edge.slack))
