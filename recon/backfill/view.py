"""The facts about a gateway's accounts that decide what to ask over REST. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from recon.ledger.backfills import Backfill, MissingOrder
from recon.ledger.ledger import Ledger
from recon.ledger.rules import RecoveryRules


class AccountView(msgspec.Struct, frozen=True):
    """One account: its gap that is not backfilled yet, its missing orders, and how far the order log was read."""

    account: str
    #: Whether the account is heard now.
    observed: bool
    gap: Backfill | None
    missing_orders: Mapping[str, MissingOrder]
    history_us: int
    #: When something happened that the order log may show late; the log is read again after it.
    second_look_us: int | None
    #: Microseconds to add to the EMS's times to get ours.
    skew_us: int = 0

    @property
    def gap_closed_seq(self) -> int | None:
        """Return the log position at which the account was heard again after its gap."""
        return None if self.gap is None else self.gap.until_seq

    @property
    def gap_closed_us(self) -> int:
        """Return when the account was heard again after its gap, 0 without a closed gap."""
        return 0 if self.gap is None or self.gap.until_us is None else self.gap.until_us


class BackfillView(msgspec.Struct, frozen=True):
    """The ledger after `seq`: the latest backfill run that it folded, with the number of responses to that run."""

    seq: int
    run: str | None
    responses: int
    rules: RecoveryRules
    accounts: tuple[AccountView, ...]

    def of(self, account: str) -> AccountView | None:
        """Return the view of one account, None if the ledger does not have it."""
        return next((view for view in self.accounts if view.account == account), None)


def backfill_view(ledger: Ledger, seq: int) -> BackfillView:
    """Copy the deciding facts out of the ledger; the copy does not change with it."""
    return BackfillView(
        seq=seq,
        run=ledger.clock.backfill_run,
        responses=ledger.clock.backfill_answers,
        rules=ledger.rules.recovery,
        accounts=tuple(
            AccountView(
                account=name,
                observed=account.coverage.state != "gap",
                gap=account.coverage.backfill,
                missing_orders=account.coverage.missing_orders.copy(),
                history_us=account.coverage.history_read_until_us,
                second_look_us=account.coverage.second_history_read_us,
                skew_us=account.liveness.skew_us,
            )
            for name, account in sorted(ledger.accounts.items())
        ),
    )
