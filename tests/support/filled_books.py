"""A gateway with many entries, observations, events and breaks, written by SQL alone: fast, and even.

Entry n of the log belongs to unit n modulo the units, happened 200 ms before it was recorded, and has the amount 1, so
that sums are easily told. One in a thousand was recorded two hours late, and one in ten thousand two hours early.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection, text

START: Final = datetime(2026, 1, 5, tzinfo=UTC)
_BEGIN: Final = """
    INSERT INTO recon_store.log_gateways (gateway) VALUES (:gateway);
    INSERT INTO recon_store.editions (gateway, edition, fold_version, state) VALUES (:gateway, 1, 1, 'current');
    INSERT INTO recon_store.accounts
        (gateway, edition, account, state, unaccounted, told_day, told_usd, venue_ahead_us, data)
    SELECT :gateway, 1, 'VENUE' || n, 'covered', '[]', 0, 0, 0, '' FROM generate_series(0, :accounts - 1) AS n;
    INSERT INTO recon_store.coverage (gateway, edition, account, from_seq, from_time, state)
    SELECT :gateway, 1, 'VENUE' || n, 1, :start, 'covered' FROM generate_series(0, :accounts - 1) AS n;
    INSERT INTO recon_store.units
        (gateway, edition, account, unit_kind, unit, fills, explained, withheld, last_seq, data)
    SELECT :gateway, 1, 'VENUE' || n % :accounts, 'asset', 'COIN' || n, 0, 0, false, 0, ''
    FROM generate_series(0, :units - 1) AS n"""
#: The part of the entries in a range of the log.
ENTRIES: Final = """
    INSERT INTO recon_store.entries
        (gateway, edition, account, unit_kind, unit, entry_no, seq, clock, occurred_at, recorded_at, cause, certainty,
         amount, running)
    SELECT :gateway, 1, 'VENUE' || n % :units % :accounts, 'asset', 'COIN' || n % :units, n / :units + 1, n + 1, 0,
        :start + n * :step
            - CASE
                WHEN n < :units THEN interval '0'
                WHEN n % 10007 = 0 THEN interval '-2 hours'
                WHEN n % 1009 = 0 THEN interval '2 hours'
                ELSE interval '200 milliseconds'
            END,
        :start + n * :step, CASE WHEN n < :units THEN 'opening' ELSE 'fill' END, 'exact', 1, n / :units + 1
    FROM generate_series(CAST(:first AS bigint), CAST(:until AS bigint) - 1) AS n"""
_LOG: Final = """
    INSERT INTO recon_store.log_events
        (gateway, seq, recorded_at, received_at, kind, readable, redacted, payload, digest)
    SELECT :gateway, n + 1, :start + n * :step, :start + n * :step, 'BALANCE_UPDATE', true, false, '{}', ''
    FROM generate_series(CAST(:first AS bigint), CAST(:until AS bigint) - 1) AS n"""
_OBSERVATIONS: Final = """
    INSERT INTO recon_store.observations
        (gateway, edition, account, unit_kind, unit, at, judged_seq, judged_at, seq, reported, expected, explained,
         verdict)
    SELECT :gateway, 1, 'VENUE' || n % :accounts, 'asset', 'COIN' || n, :start + m * interval '1 minute', m,
        :start + m * interval '1 minute' + interval '1 second', m, m, m, 0, 'agreed'
    FROM generate_series(1, :minutes) AS m CROSS JOIN generate_series(0, :units - 1) AS n"""
_BREAKS: Final = """
    INSERT INTO recon_store.breaks
        (gateway, edition, id, case_id, account, unit_kind, unit, cause, certainty, state, amount, candidates,
         opened_at, after_seq, until_seq, occurrences, owns_residual, rules_version, note, origin_at, evidence, tried,
         explained_amount)
    SELECT :gateway, 1, 'b' || n, 'c' || n, 'VENUE' || n % :units % :accounts, 'asset', 'COIN' || n % :units,
        'unexplained', 'candidate', 'cleared', 1, '[]', :start + n * interval '1 second', n, n + 1, 1, true, 1, '',
        :start + n * interval '1 second', '[]', '[]', 0
    FROM generate_series(1, :breaks) AS n;
    INSERT INTO recon_store.break_history
        (gateway, edition, id, seq, number, event, at, state, amount, cause, reason)
    SELECT :gateway, 1, 'b' || n, n + 10 * m, 1, CASE m WHEN 0 THEN 'opened' WHEN 1 THEN 'assign' ELSE 'cleared' END,
        :start + n * interval '1 second' + m * interval '10 minutes',
        CASE m WHEN 0 THEN 'open' WHEN 1 THEN 'assigned' ELSE 'cleared' END, 1, 'unexplained', ''
    FROM generate_series(1, :breaks) AS n CROSS JOIN generate_series(0, 2) AS m"""
#: Entries and events written by one statement.
BATCH: Final = 1_000_000


class FilledBooks(msgspec.Struct, frozen=True):
    """How many rows of what there are in a gateway."""

    gateway: str
    entries: int
    units: int = 1000
    accounts: int = 50
    breaks: int = 1000
    #: The whole time of its log.
    lasts: timedelta = timedelta(days=1)

    @property
    def end(self) -> datetime:
        return START + self.lasts

    def at(self, share: float) -> datetime:
        """Return the time at which a share of the log was recorded."""
        return START + self.lasts * share

    def parameters(self) -> dict[str, object]:
        return {
            "gateway": self.gateway, "units": self.units, "accounts": self.accounts, "breaks": self.breaks,
            "start": START, "step": self.lasts / self.entries, "minutes": self.lasts // timedelta(minutes=1),
        }  # fmt: skip

    def write(self, connection: Connection) -> None:
        """Write all of it, and let the planner know."""
        self._run(connection, _BEGIN)
        for first in range(0, self.entries, BATCH):
            within = {"first": first, "until": min(first + BATCH, self.entries)}
            self._run(connection, ENTRIES, **within)
            self._run(connection, _LOG, **within)
        self._run(connection, _OBSERVATIONS)
        self._run(connection, _BREAKS)
        connection.commit()
        connection.exec_driver_sql("ANALYZE")
        connection.commit()

    def _run(self, connection: Connection, statements: str, **more: object) -> None:
        for statement in statements.split(";"):
            given = {name: value for name, value in {**self.parameters(), **more}.items() if f":{name}" in statement}
            connection.execute(text(statement), given)
