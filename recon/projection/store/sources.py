"""Loading and writing what independent sources say, and the entries since its times. Synchronous, on a Connection."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.ledger.account import Account
from recon.ledger.facts.external_fact import BALANCE, ExternalFact
from recon.ledger.facts.later_entries import INFERRED, NEAR_US, OF_SUMS, LaterEntry
from recon.ledger.ledger import Ledger
from recon.ledger.units import OPENING
from recon.projection.store import source_schema
from recon.projection.store.folded_table import EditionKey
from recon.projection.store.ledger_schema import AccountRow
from recon.reconciliation.model.source_check import SourceCheck
from recon.reconciliation.sources.checks import SourceChecks

_PENDING: Final = """
SELECT data FROM recon_store.source_checks WHERE gateway = %s AND edition = %s AND verdict = 'pending'
ORDER BY seq, number
"""
# Of each unit its entries since the earliest time, read backwards from the newest: what is older is never touched. The
# bounds are where the stretches near the times begin and end, in turn: entries within them stay single, others are
# summed up by stretch. An entry happened when it was recorded at the latest.
_LATER: Final = """
SELECT e.kind, e.unit, e.entry_no, min(e.us), e.sum_of, sum(e.amount)::text
FROM (
    SELECT k.kind, k.unit, t.us, t.amount, width_bucket(t.us, %(bounds)s::bigint[]) AS stretch, t.sum_of,
           CASE WHEN t.sum_of IS NOT NULL OR width_bucket(t.us, %(bounds)s::bigint[]) %% 2 = 1 THEN t.entry_no END
               AS entry_no
    FROM unnest(%(kinds)s::text[], %(units)s::text[]) AS k(kind, unit)
    LEFT JOIN LATERAL (
        SELECT b.entry_no FROM recon_store.entries AS b
        WHERE b.gateway = %(gateway)s AND b.edition = %(edition)s AND b.account = %(account)s
          AND b.unit_kind = k.kind AND b.unit = k.unit
          AND b.recorded_at <= 'epoch'::timestamptz + %(since)s * interval '1 microsecond'
        ORDER BY b.entry_no DESC LIMIT 1 OFFSET 0
    ) AS before ON true
    CROSS JOIN LATERAL (
        SELECT n.entry_no, n.amount,
               (extract(epoch FROM least(n.occurred_at, n.recorded_at)) * 1000000)::bigint AS us,
               CASE WHEN n.cause = ANY(%(sums)s::text[]) AND n.certainty = %(inferred)s AND n.order_key IS NULL
                     AND n.fact IS NULL AND n.break_id IS NULL AND n.replaces IS NULL THEN n.cause END AS sum_of
        FROM recon_store.entries AS n
        WHERE n.gateway = %(gateway)s AND n.edition = %(edition)s AND n.account = %(account)s
          AND n.unit_kind = k.kind AND n.unit = k.unit
          AND n.entry_no > coalesce(before.entry_no, 0) AND n.cause <> %(opening)s
        OFFSET 0
    ) AS t
    WHERE t.us > %(since)s
) AS e
GROUP BY e.kind, e.unit, e.stretch, e.entry_no, e.sum_of
"""
_unpack: Final = msgspec.msgpack.Decoder(SourceCheck).decode


def load(connection: Connection, checks: SourceChecks, gateway: str, edition: int) -> None:
    """Load the checks that wait."""
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(_PENDING, (gateway, edition))
        checks.restore(_unpack(data) for (data,) in cursor)


def save(
    connection: Connection, checks: SourceChecks, ledger: Ledger, edition: int, accounts: Collection[Account]
) -> None:
    """Write the checks and standings that a batch changed, and what new rules or accounts require of sources."""
    changed, standings = checks.take_changed()
    key = EditionKey(ledger.gateway, edition)
    rows = [AccountRow(account, ledger.rules_of(account.name)) for account in checks.take_demands(accounts)]
    source_schema.source_rules.replace(connection, key, rows)
    source_schema.source_checks.replace(connection, key, changed)
    source_schema.source_standings.replace(connection, key, standings)


def prefetch_later(
    connection: Connection, ledger: Ledger, edition: int, facts: Collection[ExternalFact], due: Collection[SourceCheck]
) -> None:
    """Load the entries since the times that a batch's balances are of: those told in it, and those judged in it.

    Which unit a code is of may change within the batch, so all units of the account are asked for.
    """
    times: dict[tuple[str, str], set[int]] = {}
    for fact in facts:
        if fact.fact == BALANCE:
            times.setdefault((fact.account, fact.unit_kind), set()).add(fact.occurred_us)
    for check in due:
        times.setdefault((check.account, check.kind), set()).add(check.us)
    for (account, kind), wanted in sorted(times.items()):
        units = [state.unit.code for state in ledger.units_of(account) if state.unit.kind == kind]
        if units:
            _load_later(connection, ledger, edition, (account, kind), units, wanted)


def _load_later(
    connection: Connection,
    ledger: Ledger,
    edition: int,
    where: tuple[str, str],
    units: list[str],
    times: Collection[int],
) -> None:
    (account, kind), bounds = where, list(_bounds(times))
    arguments = {
        "gateway": ledger.gateway,
        "edition": edition,
        "account": account,
        "kinds": [kind] * len(units),
        "units": units,
        "since": bounds[0] - 1,
        "bounds": bounds,
        "sums": sorted(OF_SUMS),
        "inferred": INFERRED,
        "opening": OPENING,
    }
    with cursor_of(connection) as cursor:
        cursor.execute(_LATER, arguments)
        for unit_kind, unit, number, us, sum_of, amount in cursor:
            entry = LaterEntry(us, number or 0, Decimal(amount), sum_of)
            ledger.fact_index.later.add((account, unit_kind, unit), entry)


def _bounds(times: Collection[int]) -> Iterator[int]:
    """Yield, in order, where each stretch near a time begins and where the next one away from all of them begins."""
    end: int | None = None
    for us in sorted(times):
        begin = us - NEAR_US
        if end is None or begin > end:
            if end is not None:
                yield end
            yield begin
        end = us + NEAR_US + 1
    if end is not None:
        yield end
