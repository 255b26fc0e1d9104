"""Transitions, facts and alerts for the alert tests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec
from sqlalchemy import Connection, text

from recon.alerts.break_alert import Alert, alerts_of
from recon.reconciliation.model.break_ import Break, CauseTried, Evidence
from recon.reconciliation.model.snapshot import BreakSnapshot, Transition
from recon.times import microseconds

T0: Final = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
T0_US: Final = microseconds(T0)
GATEWAY: Final = "prod-eu"


@dataclass(frozen=True)
class Step:
    """One transition; fields not given are those of a missed sale's break."""

    event: str = "opened"
    break_id: str = "b1"
    case_id: str = "c1"
    seq: int = 120
    amount: str = "-10.50"
    unit: str = "ZUSD"
    account: str = "KRAKEN/JOHN"
    occurrences: int = 1
    note: str = "no report, gap or race explains it"
    #: None for a break that was never open.
    first_cause: str = "unexplained"
    actor: str | None = None

    def transition(self) -> Transition:
        closed = T0_US + self.seq if self.event == "cleared" else None
        known = Break(
            id=self.break_id,
            case_id=self.case_id,
            cause="unexplained",
            certainty="exact",
            state="open" if closed is None else "cleared",
            amount=Decimal(self.amount),
            candidates=[Decimal(self.amount), Decimal("1E+2")],
            seen_us=T0_US - 20_000_000,
            opened_us=T0_US,
            origin_seq=110,
            after_seq=101,
            until_seq=112,
            closed_us=closed,
            occurrences=self.occurrences,
            note=self.note,
            first_cause=self.first_cause,
            evidence=[Evidence("an order of ours is open", 105, Decimal("10.50"))],
            tried=[CauseTried("withdrawal", fits=False, why="it did not move alone")],
        )
        reason = self.note if self.event == "opened" else "the books caught up with the report"
        return Transition(
            account=self.account,
            kind="asset",
            unit=self.unit,
            break_=known,
            event=self.event,
            seq=self.seq,
            us=T0_US + self.seq,
            reason=reason,
            snapshot=FACTS,
            actor=self.actor,
        )

    def alert(self, gateway: str = GATEWAY) -> Alert:
        (made,) = alerts_of(gateway, [self.transition()])
        return made

    def but(self, **changes: object) -> Step:
        return replace(self, **changes)  # type: ignore[arg-type]


FACTS: Final = BreakSnapshot(
    coinapi="USD",
    reported=Decimal("989.50"),
    expected=Decimal("1000.00"),
    drift=Decimal("-10.50"),
    explained=Decimal(0),
    unexplained=Decimal("-10.50"),
    opening=Decimal("1E+3"),
    in_flight=Decimal("-0.0"),
    rate_usd=Decimal(1),
    amount_usd=Decimal("-10.50"),
    verdict="break",
    unmodelled=None,
    withheld=(),
    coverage="covered",
    coverage_reason=None,
    observed_us=T0_US - 1_000_000,
    cut_seq=119,
    books_us=T0_US + 5,
    age_us=20_000_000,
    severity="high",
)


class Row(msgspec.Struct):
    """The columns of an outbox row that the tests examine."""

    id: str
    channel: str
    message_id: str | None
    attempts: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    failed_at: datetime | None
    last_error: str | None


def rows(connection: Connection, channel: str) -> list[Row]:
    found = connection.execute(
        text(
            "SELECT id, channel, message_id, attempts, next_attempt_at, delivered_at, failed_at, last_error"
            " FROM recon_store.outbox WHERE channel = :channel ORDER BY gateway, seq, id"
        ),
        {"channel": channel},
    )
    return [Row(*row) for row in found]
