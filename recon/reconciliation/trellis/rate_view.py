"""The rates of an account as entries need them, until they change. Pure (semantics 8.5)."""

from __future__ import annotations

from typing import NamedTuple

from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.fees.rate_table import RateTable
from recon.reconciliation.trellis.costs import OTHER_RATE


class KeyRates(NamedTuple):
    """The rates of a key: since when and which, the latest first; and all that it may pay, with the cost of each.

    `beside` is the rate that like keys have changed to, and since when.
    """

    latest_first: tuple[tuple[int, int], ...]
    alternatives: tuple[tuple[int, int], ...]
    beside: tuple[int, int] | None = None

    def at(self, stamp_us: int) -> int | None:
        """Return the rate at a stamp; None where none is known."""
        for since, rate in self.latest_first:
            if since <= stamp_us:
                return rate
        return None


_NOTHING = KeyRates((), ())


class RateView:
    """The rate table of an account, read by key; what is read is kept until the table changes."""

    __slots__ = ("_read", "_revision", "table")

    def __init__(self, table: RateTable) -> None:
        """Take the account's table; whoever changes it grows its revision."""
        self.table = table
        self._read: dict[FeeKey, KeyRates] = {}
        self._revision = table.revision

    def of(self, key: FeeKey) -> KeyRates:
        """Return the rates of a key."""
        if self._revision != self.table.revision:
            self._read.clear()
            self._revision = self.table.revision
        found = self._read.get(key)
        if found is None:
            found = self._read[key] = self._look_up(key)
        return found

    def expected(self, key: FeeKey, stamp_us: int) -> int | None:
        """Return the expected rate of a key at a stamp, in units of 1e-7; None where none is known."""
        return self.of(key).at(stamp_us)

    def _look_up(self, key: FeeKey) -> KeyRates:
        known = self.table.rates(key)
        if not known:
            return _NOTHING
        others, beside = self.table.alternatives(key), self.table.moved_beside(key)
        return KeyRates(
            tuple((each.since_us, each.rate) for each in reversed(known)),
            tuple((rate, OTHER_RATE[kind]) for rate, kind in others.items()),
            None if beside is None else (beside.since_us, beside.rate),
        )
