"""Loading the recent timeline of units. Synchronous, on a Connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.exact import ZERO
from recon.ledger.ledger import Ledger
from recon.ledger.timeline import KEPT_BEHIND, MAX_KEPT, Timeline, Uncertainty, leg_uncertainty
from recon.ledger.units import OF_FILLS, OPENING, FillRef, Posting, Unit, UnitKey, UnitState

_ENTRIES: Final = """
SELECT k.account, k.kind, k.unit, e.entry_no, e.seq, e.clock,
       (extract(epoch FROM e.occurred_at) * 1000000)::bigint, e.cause, e.amount::text,
       e.rounded, e.blur::text, e.leg::text, e.doubt::text,
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
    clock: int
    posting: Posting
    in_every_cut: bool


def load_timelines(
    connection: Connection, ledger: Ledger, edition: int, units: Sequence[Unit], agreed: Mapping[UnitKey, int]
) -> None:
    """Load the recent entries of units. `agreed` is the entry number that comparison has agreed up to."""
    for key, entries in _recent_entries(connection, ledger.gateway, edition, units, agreed).items():
        _set_timeline(ledger.units[key], entries)


def _recent_entries(
    connection: Connection, gateway: str, edition: int, units: Sequence[Unit], agreed: Mapping[UnitKey, int]
) -> dict[UnitKey, list[RecentEntry]]:
    if not units:
        return {}
    columns = [[unit.account for unit in units], [unit.kind for unit in units], [unit.code for unit in units]]
    # A step is of two entries at most: a fill and its fee.
    after = [agreed.get(unit.key, 0) - 2 * KEPT_BEHIND - 2 - unit.balance.explanation_count for unit in units]
    entries: dict[UnitKey, list[RecentEntry]] = {}
    with cursor_of(connection) as cursor:
        cursor.execute(_ENTRIES, (*columns, after, gateway, edition, 4 * MAX_KEPT))
        for account, kind, code, number, seq, clock, us, cause, amount, *bounds, order, ordinal, explains in cursor:
            posting = Posting(
                Decimal(amount),
                cause,
                us,
                uncertainty=_uncertainty(*bounds),
                fill=None if order is None else FillRef(order, ordinal, us),
            )
            entry = RecentEntry(number, seq, clock, posting, in_every_cut=explains)
            entries.setdefault((account, kind, code), []).append(entry)
    return entries


def _uncertainty(rounded: int, price_error: str, leg: str, rate_spread: str) -> Uncertainty:
    return leg_uncertainty(
        Decimal(leg), rounded=rounded, price_error=Decimal(price_error), rate_spread=Decimal(rate_spread)
    )


def _set_timeline(state: UnitState, entries: list[RecentEntry]) -> None:
    """Give a unit the timeline of these entries, which begins with the totals before the first of them."""
    balance = state.unit.balance
    steps = [entry for entry in entries if entry.posting.cause != OPENING and not entry.in_every_cut]
    total = balance.flow - sum((entry.posting.amount for entry in steps), ZERO)
    explaining = (entry.posting.amount for entry in steps if entry.posting.cause not in OF_FILLS)
    explained = balance.explained - sum(explaining, ZERO)
    uncertainty = balance.uncertainty
    for entry in steps:
        uncertainty = uncertainty.minus(entry.posting.uncertainty)
    state.timeline = Timeline(entries[0].number - 1, total, explained, uncertainty)
    for entry in steps:
        state.append(entry.number, entry.posting, seq=entry.seq, clock=entry.clock)
