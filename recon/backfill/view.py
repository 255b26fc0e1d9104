"""What is known of the accounts of a gateway, as far as it decides what is to be asked over REST. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from recon.ledger.backfills import Backfill, MissingOrder
from recon.ledger.ledger import Ledger
from recon.ledger.rules import RecoveryRules


class AccountView(msgspec.Struct, frozen=True):
    """One account: the stretch that is not caught up with, missing orders, and how far the order log was read."""

    account: str
    observed: bool
    lost: Backfill | None
    missing: Mapping[str, MissingOrder]
    history_us: int
    look_again_us: int | None
    #: What is added to the EMS's times to have them by our clock.
    skew_us: int = 0


class BackfillView(msgspec.Struct, frozen=True):
    """Where the books stand: folded up to `seq`, with so many answers of the latest run of questions."""

    seq: int
    run: str | None
    answers: int
    recovery: RecoveryRules
    accounts: tuple[AccountView, ...]

    def of(self, account: str) -> AccountView | None:
        """Return how an account stands, None where it was never heard of."""
        return next((each for each in self.accounts if each.account == account), None)


def backfill_view(book: Ledger, seq: int) -> BackfillView:
    """Take from the books what decides; what is taken does not change with them."""
    return BackfillView(
        seq=seq,
        run=book.clock.backfill_run,
        answers=book.clock.backfill_answers,
        recovery=book.rules.recovery,
        accounts=tuple(
            AccountView(
                account=name,
                observed=account.state != "gap",
                lost=account.backfill,
                missing=account.missing_orders,
                history_us=account.history_read_until_us,
                look_again_us=account.second_history_read_us,
                skew_us=account.skew_us,
            )
            for name, account in sorted(book.accounts.items())
        ),
    )
