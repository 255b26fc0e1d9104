"""The shapes of a unit's stored form: short lists in place of records with names. Pure (semantics 5.10)."""

from __future__ import annotations

from typing import Final

import msgspec

from recon.ledger.fees.fee_key import FeeKey
from recon.reconciliation.model.step import StepKind

#: Of the stored form; another one is not read.
VERSION: Final = 4
#: An amount in units of 1e-18; where it is finer or does not fit 64 bits, in units of 1e-40 as bytes, highest first.
Amount = int | bytes
_STORED_UNIT: Final = 10**22
_LEAST: Final = -(1 << 63)
_MOST: Final = (1 << 63) - 1


class UnknownVersion(Exception):
    """The stored form is of another version: the comparison has to be rebuilt from the log."""


def pack(amount: int) -> Amount:
    """Return an amount as it is stored."""
    short, rest = divmod(amount, _STORED_UNIT)
    if not rest and _LEAST <= short <= _MOST:
        return short
    return amount.to_bytes(amount.bit_length() // 8 + 1, "big", signed=True)


def unpack(amount: Amount) -> int:
    """Return a stored amount."""
    return amount * _STORED_UNIT if isinstance(amount, int) else int.from_bytes(amount, "big", signed=True)


class StoredEntry(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """An entry: its stamp is relative, its arrival to its stamp; -1: no order, no key.

    None: the turnover is the amount, or nothing without a key; the resolution is the unit's coarsest.
    """

    stamp: int
    lateness: int
    number: int
    order: int
    amount: Amount
    key: int = -1
    rounded: bool = False
    booked_fee: Amount = 0
    slack: Amount = 0
    turnover: Amount | None = None
    resolution: int | None = None
    shadow: int = 0
    unmodelled: Amount = 0
    explained: Amount = 0


#: State: first out, later in, kind, reading, cost, index of the state before, edge, left, level.
StoredState = tuple[int, Amount, int, int, int, int, int, Amount, Amount]
StoredCommitted = tuple[str, Amount, Amount, Amount, Amount, Amount]


class StoredDetails(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """A column that is not plain: its readings and states; `alternatives` are other amounts of a final odd edge."""

    values: tuple[Amount, ...]
    states: tuple[StoredState, ...]
    committed: StoredCommitted | None = None
    alternatives: tuple[Amount, ...] = ()


class StoredColumn(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """A report: a plain one has one reading and one state, a cut, which an exact edge leads to.

    `fee` is what was told of a final plain edge beyond rounding; None: nothing was told yet.
    """

    at: int
    seq: int
    cut: int = 0
    value: Amount = 0
    left: Amount = 0
    fee: Amount | None = None
    #: Whether other orders of entries were tried.
    wide: bool = False
    details: StoredDetails | None = None


class StoredBreak(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A break that was told."""

    at: int
    seq: int
    amount: Amount
    after: int
    after_seq: int
    kind: StepKind
    open: bool


class StoredParked(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A fee at no known rate whose column is forgotten; keys by index."""

    at: int
    before_at: int
    after_seq: int
    seq: int
    left: Amount
    delta: Amount
    slack: Amount
    legs: tuple[tuple[int, Amount, int, bool], ...]
    later: tuple[tuple[int, int], ...]
    paid: tuple[tuple[int, int], ...]
    steps: int
    counted_to: int
    told: bool


class StoredUnit(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """A unit as it is stored; times are relative to `origin` but for those that may be of no time."""

    version: int
    origin: int
    quantum: Amount
    grain: int
    columns: tuple[StoredColumn, ...] = ()
    entries: tuple[StoredEntry, ...] = ()
    orders: tuple[str, ...] = ()
    keys: tuple[FeeKey, ...] = ()
    #: Sum of the amounts, and of the booked fees, of entries that are forgotten.
    amount: Amount = 0
    booked: Amount = 0
    final: int = -1
    #: Index of the last column's state on the best path; -1: the path is to be found.
    best: int = -1
    opened: int | None = None
    last_report_at: int | None = None
    last_value: Amount | None = None
    gap: int = 0
    queue: tuple[tuple[int, int, tuple[Amount, ...], bool], ...] = ()
    #: Rounding - 1, blind, trimmed, sure.
    flags: int = 0
    tolerance: Amount = 0
    earlier: tuple[int, int] = (0, 0)
    due: int | None = None
    wake: int | None = None
    redo_from: int | None = None
    samples_from: int = 0
    breaks: tuple[StoredBreak, ...] = ()
    parked: tuple[StoredParked, ...] = ()
    told_openings: tuple[int, ...] = ()
    unsuspended: tuple[int, ...] = ()
    sampled: tuple[tuple[int, int], ...] = ()
