"""A log of one event per second and a ledger with lost and recovered accounts, for the coverage views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import msgspec
from sqlalchemy import insert

from recon.db.engine import create_engine
from recon.ledger.account import Account, Coverage, Liveness, State
from recon.ledger.backfills import Backfill, BackfillState, History, MissingOrder
from recon.ledger.changes import LedgerChanges
from recon.ledger.coverage import CoverageInterval
from recon.ledger.ledger import Ledger
from recon.ledger.ledger_clock import LedgerClock
from recon.ledger.rules import AccountRules, Rules
from recon.ledger.stamps import Stamps
from recon.ledger.timeline import Timeline
from recon.ledger.units import ReportedUnit, Unit, UnitBalance, UnitKind, UnitState
from recon.log.events import NewEvent
from recon.projection.checkpoint import current_edition
from recon.projection.store import comparison_schema, ledger
from recon.times import microseconds
from tests.support.database_days import write_events

#: The reason of an interval in which a backfill is in progress.
FETCHED: Final = "what the gap hid is being fetched"
NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})


class CoverageLog:
    """One gateway's log of `seconds` events (event n at n seconds) and the ledger rows for it."""

    def __init__(self, service_url: str, gateway: str = "eu", *, seconds: int = 100, ends_at: datetime | None = None):
        self.gateway, self.seconds, self._url = gateway, seconds, service_url
        self.ends_at = (ends_at or datetime.now(UTC)).replace(microsecond=0)
        events = [NewEvent("tick", b"{}", self.at(seq)) for seq in range(1, seconds + 1)]
        write_events(service_url, gateway, events)

    def at(self, seq: int) -> datetime:
        """Return the log time of an event."""
        return self.ends_at - timedelta(seconds=self.seconds - seq)

    def us(self, seq: int) -> int:
        """Return the log time of an event in microseconds."""
        return microseconds(self.at(seq))

    def account(
        self,
        name: str,
        state: State = "covered",
        reason: str | None = None,
        *,
        lag_us: int | None = None,
        missing: str = "",
        alive: int | None = None,
        stamps: Stamps | None = None,
    ) -> Account:
        """Return an account; `missing` are orders without a known final state, `alive` its last sign of life."""
        unaccounted = {order: MissingOrder(order, 1) for order in missing.split()}
        last_us = self.us(self.seconds if alive is None else alive)
        return Account(
            name,
            self.us(1),
            liveness=Liveness(last_alive_us=last_us, lag_us=lag_us),
            coverage=Coverage(missing_orders=unaccounted, state=state, reason=reason),
            stamps=stamps or Stamps(),
        )

    def intervals(self, account: str, *told: tuple[int, State, str | None]) -> list[CoverageInterval]:
        """Return consecutive intervals of coverage; each ends at the start of the next.

        The last sign of life before a gap is one event before it. A gap that begins while the one before is being
        fetched prolongs it.
        """
        ends: list[int | None] = [*(seq for seq, _, _ in told[1:]), None]
        before: list[tuple[State | None, str | None]] = [(None, None), *((state, reason) for _, state, reason in told)]
        found, gap_seq = list[CoverageInterval](), 0
        for (seq, state, reason), end, (left, why) in zip(told, ends, before[:-1], strict=True):
            until_us = None if end is None else self.us(end)
            row = CoverageInterval(account, seq, end, self.us(seq), until_us, state, reason)
            if state == "gap" != left:
                gap_seq = gap_seq if why == FETCHED and gap_seq else seq
                row = msgspec.structs.replace(row, alive_us=self.us(max(1, seq - 1)), gap_seq=gap_seq)
            found.append(row)
        return found

    def backfill(
        self,
        account: str,
        from_seq: int,
        until_seq: int | None = None,
        ended_seq: int | None = None,
        *,
        state: BackfillState = "whole",
        history: History = "read",
        reason: str = "disconnected",
        questions: Sequence[str] = (),
    ) -> Backfill:
        """Return the backfill of a gap whose last sign of life is one event before it."""
        return Backfill(
            account,
            from_seq,
            self.us(from_seq - 1),
            reason,
            until_seq=until_seq,
            until_us=None if until_seq is None else self.us(until_seq),
            state=state,
            history=history,
            open=tuple(questions),
            requests=3,
            ended_seq=ended_seq,
        )

    def write(self, changes: LedgerChanges, venue_accounts: Mapping[str, str] = NO_NAMES) -> None:
        """Write ledger changes as a batch does, under rules with the venue's account names."""
        rules = Rules(accounts={name: AccountRules(venue_account=venue) for name, venue in venue_accounts.items()})
        book = Ledger(self.gateway, LedgerClock(), rules)
        with create_engine(self._url, "tests", pooled=False).begin() as connection:
            ledger.save(connection, book, current_edition(connection, self.gateway), changes)

    def hold(
        self,
        account: str,
        code: str,
        amount: str | None,
        *,
        kind: UnitKind = "asset",
        coinapi: str | None = None,
        reported: str | None = None,
        judgement: str = "agreed",
        seen: int = 100,
        rate_usd: str | None = None,
    ) -> None:
        """Write a unit with its opening and its last reported amount, by default the same."""
        held = None if amount is None else Decimal(amount)
        unit = Unit(
            account,
            kind,
            code,
            coinapi,
            balance=UnitBalance(opening=held),
            reported=ReportedUnit(rate_usd=None if rate_usd is None else Decimal(rate_usd)),
        )
        changes = LedgerChanges(units={unit.key: UnitState(unit, Timeline())})
        self.write(changes)
        with create_engine(self._url, "tests", pooled=False).begin() as connection:
            connection.execute(
                insert(comparison_schema.comparisons.table).values(
                    gateway=self.gateway,
                    edition=current_edition(connection, self.gateway),
                    account=account,
                    unit_kind=kind,
                    unit=code,
                    judgement=judgement,
                    reported=held if reported is None else Decimal(reported),
                    inferred=False,
                    observed_at=self.at(seen),
                    cut_seq=seen,
                    cut_fills=0,
                    cut_explained=0,
                    data=b"",
                )
            )

    def broken(self, break_id: str, account: str, after_seq: int, until_seq: int) -> None:
        """Write an open break that began between two log positions."""
        with create_engine(self._url, "tests", pooled=False).begin() as connection:
            connection.execute(
                insert(comparison_schema.breaks.table).values(
                    gateway=self.gateway,
                    edition=current_edition(connection, self.gateway),
                    id=break_id,
                    case_id=break_id,
                    account=account,
                    unit_kind="asset",
                    unit="BTC",
                    cause="unexplained",
                    certainty="exact",
                    state="open",
                    amount=Decimal(1),
                    candidates=["1"],
                    opened_at=self.at(until_seq),
                    after_seq=after_seq,
                    until_seq=until_seq,
                    occurrences=1,
                    owns_residual=True,
                    rules_version=1,
                    note="",
                    origin_at=self.at(until_seq),
                    evidence=[],
                    tried=[],
                    explained_amount=0,
                )
            )
