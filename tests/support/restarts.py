"""Restarts of a driver's comparison: it goes on from what is stored, as after a crash of the process."""

from __future__ import annotations

import msgspec

from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.reconciler import Reconciler
from recon.reconciliation.trellises import StoredTrellises
from recon.testing import GatewayDriver


class Restarts:
    """Stores the comparison of a driver, and lets a new one go on from there."""

    def __init__(self, driver: GatewayDriver) -> None:
        self.driver = driver
        #: The stored forms of the trellises.
        self.stored = StoredTrellises()

    def restart(self) -> None:
        """Store, and go on with a comparison that knows nothing but what is stored."""
        before = self.driver.reconciler
        self.stored.update(before.store())
        stored = {key: msgspec.msgpack.encode(comparison) for key, comparison in before.comparisons.items()}
        again = Reconciler(self.driver.ledger)
        comparisons = {key: msgspec.msgpack.decode(each, type=ComparisonState) for key, each in stored.items()}
        again.restore(comparisons, self.stored)
        again.transitions = before.transitions
        self.driver.fold.reconciler = self.driver.reconciler = again
