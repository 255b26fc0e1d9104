"""Loading the recent timeline of units. Synchronous, on a Connection."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.exact import ZERO
from recon.ledger.ledger import Ledger
from recon.ledger.timeline import MAX_KEPT, Timeline
from recon.ledger.units import OF_FILLS, OPENING, FillRef, Posting, Unit, UnitKey, UnitState

_ENTRIES: Final = """
SELECT k.account, k.kind, k.unit, e.entry_no, e.seq,
       (extract(epoch FROM e.occurred_at) * 1000000)::bigint, e.cause, e.amount::text, e.turnover::text,
       e.order_key, e.ordinal, e.break_id IS NOT NULL OR e.replaces IS NOT NULL
FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) AS k(account, kind, unit, after)
CROSS JOIN LATERAL (
    SELECT * FROM recon_store.entries AS t
    WHERE t.gateway = %s AND t.edition = %s AND t.account = k.account AND t.unit_kind = k.kind AND t.unit = k.unit
      AND t.entry_no > k.after
    ORDER BY t.entry_no DESC LIMIT %s OFFSET 0
) AS e ORDER BY k.account, k.kind, k.unit, e.entry_no
"""


class RecentEntry(NamedTuple):
    """An entry as a timeline needs it."""

    number: int
    seq: int
    posting: Posting
    in_every_cut: bool


def load_timelines(connection: Connection, ledger: Ledger, edition: int, units: Sequence[Unit]) -> None:
    """Load the recent entries of units."""
    for key, entries in _recent_entries(connection, ledger.gateway, edition, units).items():
        _set_timeline(ledger.units[key], entries)


def _recent_entries(
    connection: Connection, gateway: str, edition: int, units: Sequence[Unit]
) -> dict[UnitKey, list[RecentEntry]]:
    if not units:
        return {}
    columns = [[unit.account for unit in units], [unit.kind for unit in units], [unit.code for unit in units]]
    # A step is of two entries at most: a fill and its fee. The opening is none, nor is what is in every cut.
    after = [unit.balance.entry_count - 2 * MAX_KEPT - 3 - unit.balance.explanation_count for unit in units]
    entries: dict[UnitKey, list[RecentEntry]] = {}
    with cursor_of(connection) as cursor:
        cursor.execute(_ENTRIES, (*columns, after, gateway, edition, 4 * MAX_KEPT))
        for account, kind, code, number, seq, us, cause, amount, turnover, order, ordinal, explains in cursor:
            fill = None if order is None else FillRef(order, ordinal, us)
            posting = Posting(Decimal(amount), cause, us, turnover=Decimal(turnover), fill=fill)
            entries.setdefault((account, kind, code), []).append(
                RecentEntry(number, seq, posting, in_every_cut=explains)
            )
    return entries


def _set_timeline(state: UnitState, entries: list[RecentEntry]) -> None:
    """Give a unit the timeline of these entries, which begins with the totals before the first of them."""
    balance = state.unit.balance
    steps = [entry for entry in entries if entry.posting.cause != OPENING and not entry.in_every_cut]
    total = balance.flow - sum((entry.posting.amount for entry in steps), ZERO)
    explaining = (entry.posting.amount for entry in steps if entry.posting.cause not in OF_FILLS)
    explained = balance.explained - sum(explaining, ZERO)
    state.timeline = Timeline(entries[0].number - 1, total, explained)
    for entry in steps:
        state.append(entry.number, entry.posting, seq=entry.seq)
