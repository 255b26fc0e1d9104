"""The stored form of a unit of the comparison: what is needed to go on with the same result. Pure (semantics 5.10).

1. Totals, sets, odd edges and the path follow from what is stored, and are made anew.
2. Times are relative to one time of the unit, orders and keys are listed once: a quiet unit takes some hundred bytes.
3. An amount beyond 64 bits is stored as text, because the format has no greater integer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.units import UnitKey
from recon.reconciliation.trellis.column import (
    AMOUNT,
    BOOKED,
    HOLDS,
    Column,
    CommittedEdge,
    EdgeKind,
    StateKey,
    StateValue,
)
from recon.reconciliation.trellis.cuts import added
from recon.reconciliation.trellis.entries import Entry
from recon.reconciliation.trellis.learning import ChargedLeg
from recon.reconciliation.trellis.path import keep_path
from recon.reconciliation.trellis.rate_view import RateView
from recon.reconciliation.trellis.steps import CommittedKind
from recon.reconciliation.trellis.stored_unit import (
    VERSION,
    Amount,
    StoredBreak,
    StoredColumn,
    StoredCommitted,
    StoredDetails,
    StoredEntry,
    StoredParked,
    StoredState,
    StoredUnit,
    UnknownVersion,
    pack,
    unpack,
)
from recon.reconciliation.trellis.unit import ParkedEdge, QueuedReport, ToldBreak, UnitTrellis

_EDGES: Final[tuple[EdgeKind, ...]] = (
    "opening",
    "exact",
    "unknown",
    "other_rate",
    "tier",
    "unmodelled",
    "novel",
    "jump",
    "passed_over",
)


class _Lists:
    """Texts and keys that are listed once."""

    def __init__(self) -> None:
        self.orders: dict[str, int] = {}
        self.keys: dict[FeeKey, int] = {}

    def order(self, order: str | None) -> int:
        return -1 if order is None else self.orders.setdefault(order, len(self.orders))

    def key(self, key: FeeKey | None) -> int:
        return -1 if key is None else self.keys.setdefault(key, len(self.keys))


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(StoredUnit)


# -- storing ----------------------------------------------------------------------------------------------------------


def encode_unit(unit: UnitTrellis, due: int | None) -> bytes:
    """Return the stored form of a unit; `due` is when it has something to do next."""
    origin = unit.columns[0].at if unit.columns else unit.last_report_at or 0
    lists = _Lists()
    entries = tuple(_store_entry(entry, origin, unit.grain, lists) for entry in unit.entries.items)
    parked = tuple(_store_parked(edge, lists) for edge in unit.parked)
    stored = StoredUnit(
        VERSION,
        origin,
        pack(unit.quantum),
        unit.grain,
        tuple(_store_columns(unit, origin)),
        entries,
        tuple(lists.orders),
        tuple(lists.keys),
        pack(unit.entries.sums[0][AMOUNT]),
        pack(unit.entries.sums[0][BOOKED]),
        unit.final,
        _index_of_best(unit),
        unit.opened,
        unit.last_report_at,
        None if unit.last_value is None else pack(unit.last_value),
        unit.gap,
        tuple((each.at, each.seq, tuple(map(pack, each.values)), each.booked) for each in unit.queue),
        unit.rounding - 1 | unit.blind << 1 | unit.trimmed << 2 | unit.sure << 3,
        pack(unit.tolerance),
        unit.earlier,
        due,
        unit.wake,
        unit.redo_from,
        unit.samples_from,
        tuple(_store_break(known) for known in unit.breaks),
        parked,
        tuple(sorted(unit.told_openings)),
        tuple(sorted(unit.unsuspended)),
        tuple(sorted(unit.sampled.items())),
    )
    return _ENCODER.encode(stored)


def _store_entry(entry: Entry, origin: int, grain: int, lists: _Lists) -> StoredEntry:
    turnover = entry.amount if entry.key is not None else 0
    return StoredEntry(
        entry.stamp_us - origin,
        entry.arrived_us - entry.stamp_us,
        entry.number,
        lists.order(entry.order),
        pack(entry.amount),
        lists.key(entry.key),
        entry.rounded,
        pack(entry.booked_fee),
        pack(entry.slack),
        None if entry.turnover == turnover else pack(entry.turnover),
        None if entry.resolution_us == grain else entry.resolution_us,
        entry.shadow,
        pack(entry.unmodelled),
        pack(entry.explained),
    )


def _store_columns(unit: UnitTrellis, origin: int) -> Iterable[StoredColumn]:
    alternatives = {id(odd.column): odd.alternatives for odd in unit.odd_final if odd.alternatives}
    before: dict[StateKey, StateValue] = {}
    for column in unit.columns:
        plain = _store_plain(column, before, origin)
        if plain is not None:
            yield plain
        else:
            others = tuple(map(pack, alternatives.get(id(column), ())))
            details = _store_details(column, before, others)
            yield StoredColumn(column.at - origin, column.seq, wide=column.wide, details=details)
        before = column.states


def _store_plain(column: Column, before: dict[StateKey, StateValue], origin: int) -> StoredColumn | None:
    """Return a plain column as it is stored; None for one that is not plain."""
    if len(column.states) > 1 or len(before) != 1 or len(column.values) > 1:
        return None
    ((key, value),) = column.states.items()
    left, known = value[3], column.committed
    if key[1] or key[2] != HOLDS or value[0] or value[2] != "exact":
        return None
    if known is not None and (known != CommittedEdge("exact", 0, left, known.fee, value[4]) or not column.frozen):
        return None
    fee = None if known is None else pack(known.fee)
    return StoredColumn(column.at - origin, column.seq, key[0], pack(column.values[0]), pack(left), fee, column.wide)


def _store_details(
    column: Column, before: dict[StateKey, StateValue], alternatives: tuple[Amount, ...]
) -> StoredDetails:
    indices = {key: index for index, key in enumerate(before)}
    states = tuple(_store_state(key, value, indices) for key, value in column.states.items())
    known = column.committed
    committed = None
    if known is not None:
        amounts = known.jump, known.rounding, known.fee, known.level, known.tolerated
        jump, rounding, fee, level, tolerated = map(pack, amounts)
        committed = known.kind, jump, rounding, fee, level, tolerated
    return StoredDetails(tuple(map(pack, column.values)), states, committed, alternatives)


def _store_state(key: StateKey, value: StateValue, before: dict[StateKey, int]) -> StoredState:
    first_out, later_in, kind, reading = key
    cost, source, edge, left, level = value
    index = -1 if source is None else before[source]
    return first_out, pack(later_in), kind, reading, cost, index, _EDGES.index(edge), pack(left), pack(level)


def _index_of_best(unit: UnitTrellis) -> int:
    """Return which state of the last column the best path ends in; -1 where that is to be looked at anew."""
    if not unit.columns or unit.stale:
        return -1
    return list(unit.columns[-1].states).index(unit.tail[-1]) if unit.tail else 0


def _store_break(known: ToldBreak) -> StoredBreak:
    amount = pack(known.amount)
    return StoredBreak(known.at, known.seq, amount, known.after, known.after_seq, known.kind, known.open)


def _store_parked(edge: ParkedEdge, lists: _Lists) -> StoredParked:
    return StoredParked(
        edge.at,
        edge.before_at,
        edge.after_seq,
        edge.seq,
        pack(edge.left),
        pack(edge.delta),
        pack(edge.slack),
        tuple((lists.key(leg.key), pack(leg.leg), leg.stamp_us, leg.shadow) for leg in edge.legs),
        tuple((lists.key(key), count) for key, count in sorted(edge.later.items())),
        tuple((lists.key(key), count) for key, count in sorted(edge.paid.items())),
        edge.steps,
        edge.counted_to,
        edge.told,
    )


# -- restoring --------------------------------------------------------------------------------------------------------


def decode_unit(key: UnitKey, rates: RateView, window: int, data: bytes) -> tuple[UnitTrellis, int | None]:
    """Return a unit from its stored form, and when it has something to do next.

    Raise `UnknownVersion` if another version stored it.
    """
    stored = _DECODER.decode(data)
    if stored.version != VERSION:
        raise UnknownVersion(f"a unit of the comparison is stored in version {stored.version}, not {VERSION}")
    unit = UnitTrellis(key, rates, window)
    _restore_entries(unit, stored)
    _restore_columns(unit, stored)
    unit.grain, unit.tolerance = stored.grain, unpack(stored.tolerance)
    unit.blind, unit.trimmed, unit.sure = (bool(stored.flags & bit) for bit in (2, 4, 8))
    unit.earlier, unit.final = stored.earlier, stored.final
    unit.opened, unit.samples_from = stored.opened, stored.samples_from
    unit.gap, unit.last_report_at = stored.gap, stored.last_report_at
    unit.last_value = None if stored.last_value is None else unpack(stored.last_value)
    unit.wake, unit.redo_from = stored.wake, stored.redo_from
    unit.queue = [QueuedReport(at, seq, tuple(map(unpack, values)), booked) for at, seq, values, booked in stored.queue]
    unit.breaks = [
        ToldBreak(each.at, each.seq, unpack(each.amount), each.after, each.after_seq, each.kind, each.open)
        for each in stored.breaks
    ]
    unit.parked = [_restore_parked(each, stored.keys) for each in stored.parked]
    unit.told_openings, unit.unsuspended = set(stored.told_openings), set(stored.unsuspended)
    unit.sampled = dict(stored.sampled)
    _restore_odd(unit, stored)
    return unit, stored.due


def _restore_entries(unit: UnitTrellis, stored: StoredUnit) -> None:
    unit.quantum, unit.rounding = unpack(stored.quantum), 1 + (stored.flags & 1)
    entries = unit.entries
    entries.quantum = unit.quantum * unit.rounding
    entries.begin_at(unpack(stored.amount), unpack(stored.booked))
    entries.replace(_restore_entry(each, stored) for each in stored.entries)


def _restore_entry(each: StoredEntry, stored: StoredUnit) -> Entry:
    stamp, amount = each.stamp + stored.origin, unpack(each.amount)
    key = None if each.key < 0 else stored.keys[each.key]
    turnover = amount if key is not None else 0
    return Entry(
        stamp,
        stamp + each.lateness,
        stored.grain if each.resolution is None else each.resolution,
        each.number,
        None if each.order < 0 else stored.orders[each.order],
        amount,
        turnover if each.turnover is None else unpack(each.turnover),
        key,
        unpack(each.slack),
        each.rounded,
        each.shadow,
        unpack(each.unmodelled),
        unpack(each.booked_fee),
        unpack(each.explained),
    )


def _restore_columns(unit: UnitTrellis, stored: StoredUnit) -> None:
    before: list[StateKey] = []
    for index, each in enumerate(stored.columns):
        details = each.details
        values = (each.value,) if details is None else details.values
        column = Column(each.at + stored.origin, each.seq, tuple(map(unpack, values)))
        column.frozen, column.wide = index <= stored.final, each.wide
        if details is None:
            _restore_plain(unit, column, each, before[0])
        else:
            _restore_details(unit, column, details, before)
        before = list(column.states)
        unit.columns.append(column)


def _restore_plain(unit: UnitTrellis, column: Column, stored: StoredColumn, before: StateKey) -> None:
    left, level = unpack(stored.left), column.values[0] - unit.entries.sums[stored.cut][AMOUNT]
    column.states[stored.cut, 0, HOLDS, 0] = 0, before, "exact", left, level
    if stored.fee is not None:
        column.committed = CommittedEdge("exact", 0, left, unpack(stored.fee), level)


def _restore_details(unit: UnitTrellis, column: Column, details: StoredDetails, before: list[StateKey]) -> None:
    if details.committed is not None:
        column.committed = _restore_committed(details.committed)
    for first_out, later_in, kind, reading, cost, index, edge, left, level in details.states:
        key = first_out, unpack(later_in), kind, reading
        source = None if index < 0 else before[index]
        column.states[key] = cost, source, _EDGES[edge], unpack(left), unpack(level)
        if key[1]:
            inside = added((first_out, 0, 0, 0), key)
            column.sets[first_out, key[1]] = unit.entries.totals_of(first_out, inside)


def _restore_committed(stored: StoredCommitted) -> CommittedEdge:
    kind: CommittedKind = msgspec.convert(stored[0], CommittedKind)
    jump, rounding, fee, level, tolerated = map(unpack, stored[1:])
    return CommittedEdge(kind, jump, rounding, fee, level, tolerated)


def _restore_parked(stored: StoredParked, keys: Sequence[FeeKey]) -> ParkedEdge:
    return ParkedEdge(
        stored.at,
        stored.before_at,
        stored.after_seq,
        stored.seq,
        unpack(stored.left),
        unpack(stored.delta),
        unpack(stored.slack),
        [ChargedLeg(keys[key], unpack(leg), stamp, shadow) for key, leg, stamp, shadow in stored.legs],
        {keys[key]: count for key, count in stored.later},
        {keys[key]: count for key, count in stored.paid},
        stored.steps,
        stored.counted_to,
        stored.told,
    )


def _restore_odd(unit: UnitTrellis, stored: StoredUnit) -> None:
    """Find the odd edges of the best path again."""
    columns = unit.columns
    for index in range(1, unit.final + 1):
        ((state, _),) = columns[index].states.items()
        odd = unit.odd_edge(index, state)
        if odd is not None:
            details = stored.columns[index].details
            others = () if details is None else tuple(map(unpack, details.alternatives))
            unit.odd_final.append(odd._replace(alternatives=others))
    if stored.best < 0:
        return
    keep_path(unit, list(columns[-1].states)[stored.best])
    unit.stale = False
