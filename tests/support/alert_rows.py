"""Transitions, facts, signals and messages for the alert tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec
from sqlalchemy import Connection, text

from recon.alerts.break_alert import signals_of
from recon.alerts.delivery_store import Delivery
from recon.alerts.message import Message, Told, compose
from recon.alerts.policy.model import MessageKind, Outgoing
from recon.alerts.signal import NewSignal
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

    def signal(self, gateway: str = GATEWAY) -> NewSignal:
        """The first of its signals: a proposal has two."""
        return self.signals(gateway)[0]

    def signals(self, gateway: str = GATEWAY) -> list[NewSignal]:
        return signals_of(gateway, [self.transition()])

    def delivery(self, channel: str, gateway: str = GATEWAY) -> Delivery:
        return delivery_of([self.signal(gateway)], channel)

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


def delivery_of(signals: Sequence[NewSignal], channel: str, kind: MessageKind = "firing") -> Delivery:
    """A message of these signals, as a routing would queue it."""
    cases = tuple(dict.fromkeys((each.signal.gateway, each.signal.case_id) for each in signals))
    ids = tuple(each.id for each in signals)
    outgoing = Outgoing(f"msg_{'_'.join(ids)}", channel, kind, T0, ids, cases, "route default")
    told = [Told(each.id, each.signal.event, each.signal.at, each.document.decode()) for each in signals]
    event, body = compose(outgoing, told, [], {})
    one = cases[0] if len(cases) == 1 else ("", None)
    return Delivery(
        gateway=one[0],
        channel=channel,
        id=outgoing.id,
        kind=kind,
        event=event,
        case_id=one[1],
        case_seq=None,
        cases=["/".join(case) for case in cases],
        signals=list(ids),
        held=0,
        reason=outgoing.reason,
        at=T0,
        body=body,
    )


class Row(msgspec.Struct):
    """The columns of a delivery that the tests examine."""

    id: str
    channel: str
    attempts: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    failed_at: datetime | None
    last_error: str | None


def rows(connection: Connection, channel: str) -> list[Row]:
    found = connection.execute(
        text(
            "SELECT id, channel, attempts, next_attempt_at, delivered_at, failed_at, last_error"
            " FROM recon_store.deliveries WHERE channel = :channel ORDER BY number"
        ),
        {"channel": channel},
    )
    return [Row(*row) for row in found]


def message_of(delivery: Delivery, attempt: int = 1) -> Message:
    """The message of a delivery, as a claim returns it."""
    return Message(
        delivery.id,
        delivery.gateway,
        delivery.channel,
        delivery.event,
        delivery.case_id or "",
        tuple(delivery.signals),
        delivery.at,
        attempt,
        delivery.body,
        delivery.kind,
    )
