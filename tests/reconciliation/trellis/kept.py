"""An account's comparison that lives in its stored form: whole, with the calls since then."""

from __future__ import annotations

import msgspec

from recon.ledger.fees.rate_table import RateTable
from recon.ledger.units import UnitKey
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from tests.reconciliation.trellis.synthetic_day import WINDOW


class Kept:
    """What was stored of a comparison up to now, as the tables would have it."""

    def __init__(self, table: RateTable) -> None:
        self.table = table
        self.shared = b""
        self.units: dict[UnitKey, bytes] = {}
        self.calls: dict[int, bytes] = {}
        #: How often the whole form was stored, and how often calls were.
        self.wholes = self.added = 0

    def save(self, trellis: AccountTrellis) -> None:
        """Store a comparison; rows of earlier calls stay where no later ones replace them."""
        stored = trellis.store()
        self.units |= stored.units
        if stored.shared is not None:
            self.shared = stored.shared
            self.wholes += 1
        if stored.calls is not None:
            self.calls[stored.calls.number] = stored.calls.data
            self.added += 1

    def load(self) -> AccountTrellis:
        """Return the comparison as a restart finds it; its rates are those that the ledger stored."""
        self.table = msgspec.msgpack.decode(msgspec.msgpack.encode(self.table), type=RateTable)
        units = {key: data for key, data in self.units.items() if data}
        calls = [self.calls[number] for number in sorted(self.calls)]
        return AccountTrellis.restore("desk", self.table, WINDOW, self.shared, units, calls)
