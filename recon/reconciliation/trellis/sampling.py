"""What the best paths of an account say of rates, and of the venue's habits. Pure (semantics 8.5)."""

from __future__ import annotations

from collections.abc import Iterable

from recon.ledger.fees.fee_key import FeeKey
from recon.reconciliation.trellis.costs import HOLD
from recon.reconciliation.trellis.cuts import added
from recon.reconciliation.trellis.learning import OddEdge as SampledEdge
from recon.reconciliation.trellis.learning import Sample, Samples, samples_of_novel, samples_of_unknown
from recon.reconciliation.trellis.suspense import charged_legs, edge_id, sampled_edge, slack_of
from recon.reconciliation.trellis.unit import UnitTrellis


def sample(unit: UnitTrellis, samples: Samples, now: int) -> None:
    """Replace the samples of a unit by what its odd edges say now; the youngest wait for what follows them."""
    table = unit.entries.rates.table
    found: dict[int, tuple[int, list[Sample]]] = {}
    for edge in unit.parked:
        if edge.at > unit.samples_from:
            found[edge.seq] = edge.at, samples_of_novel(table, sampled_edge(unit, edge), table.most)
    unit.wake = None
    for odd in unit.odd():
        at = odd.column.at
        if odd.kind not in {"unknown", "novel"} or at <= unit.samples_from:
            continue
        if at > now - 2 * unit.window:
            due = at + HOLD * unit.window
            unit.wake = due if unit.wake is None else min(unit.wake, due)
            continue
        name = edge_id(unit, at, odd.column.seq)
        read = SampledEdge(name, charged_legs(unit, odd), odd.left, slack_of(unit, odd), unit.quantum)
        of_kind = samples_of_unknown if odd.kind == "unknown" else samples_of_novel
        found[odd.column.seq] = at, of_kind(table, read, table.most)
    _replace(unit, samples, found)


def _replace(unit: UnitTrellis, samples: Samples, found: dict[int, tuple[int, list[Sample]]]) -> None:
    """Write the samples of edges; those of edges that are odd no more go, those of forgotten columns stay."""
    oldest = unit.columns[0].at if unit.columns else 0
    for seq, at in list(unit.sampled.items()):
        if seq not in found and (at > oldest or at <= unit.samples_from):
            samples.replace(edge_id(unit, at, seq), ())
            del unit.sampled[seq]
    for seq, (at, each) in found.items():
        if each or seq in unit.sampled:
            samples.replace(edge_id(unit, at, seq), each)
            unit.sampled[seq] = at


def notice_cutting(unit: UnitTrellis) -> bool:
    """Note that the venue cuts instead of rounding, if two steps a little beyond rounding say so."""
    if unit.rounding > 1 or not unit.quantum:
        return False
    small = 0
    for odd in unit.odd():
        if odd.kind in {"novel", "jump", "other_rate", "tier", "unknown"} and odd.left:
            fills = sum(1 for index in added(odd.source, odd.target) if unit.entries.items[index].turnover)
            small += abs(odd.left) <= 2 * unit.quantum * fills
    if small < 2:
        return False
    unit.rounding = 2
    unit.rates_changed()
    return True


def count_mixing(units: Iterable[UnitTrellis]) -> dict[FeeKey, int]:
    """Count, by key, the final edges that need another rate where one key alone can be meant."""
    count: dict[FeeKey, int] = {}
    for unit in units:
        entries = unit.entries
        for odd in unit.odd_final:
            if odd.kind in {"other_rate", "tier"}:
                indices = added(odd.source, odd.target)
                keys = {entries.items[index].key for index in indices if entries.others[index + 1][0]}
                if len(keys) == 1:
                    (key,) = keys
                    if key is not None:
                        count[key] = count.get(key, 0) + 1
    return count
