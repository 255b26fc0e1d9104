"""Loading the books that a batch touches, and writing what it changed. Synchronous, on a Connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.exact import ZERO, exact
from recon.ledger.account import Account
from recon.ledger.cost_basis import average_price
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Finding, Ledger, LedgerChanges, quantum_of
from recon.ledger.orders import Order
from recon.ledger.posting.spot import leg_uncertainty
from recon.ledger.timeline import KEPT_BEHIND, MAX_KEPT, Timeline, Uncertainty
from recon.ledger.units import OF_FILLS, OPENING, Unit, UnitKey, UnitState
from recon.projection.store import coverage_schema, ledger_schema, order_schema
from recon.projection.store.folded_table import EditionKey
from recon.projection.store.ledger_schema import AccountRow, FindingRow, InstrumentRow, UnitRow

_account: Final = msgspec.msgpack.Decoder(Account).decode
_instrument: Final = msgspec.msgpack.Decoder(Instrument).decode
_order: Final = msgspec.msgpack.Decoder(Order).decode
_unit: Final = msgspec.msgpack.Decoder(Unit).decode

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

# One index lookup per id: a plain join gets a bad plan on a growing table (architecture 3).
_ORDERS_BY: Final = {
    column: f"""
SELECT o.data FROM unnest(%s::text[], %s::text[]) AS k(account, id)
CROSS JOIN LATERAL (
    SELECT t.data FROM recon_store.orders AS t
    WHERE t.gateway = %s AND t.edition = %s AND t.account = k.account AND t.{column} = k.id OFFSET 0
) AS o"""  # noqa: S608 - the two column names below
    for column in ("client_order_id", "exchange_order_id")
}


def load(connection: Connection, ledger: Ledger, edition: int, *, lows: Mapping[UnitKey, int]) -> None:
    """Load accounts, instruments and units of a gateway: what every batch may touch.

    `lows` tells per unit the entry that comparison has agreed up to: entries from well before it on are kept at hand.
    """
    with cursor_of(connection, binary=True) as cursor:
        of = (ledger.gateway, edition)
        cursor.execute("SELECT data FROM recon_store.accounts WHERE gateway = %s AND edition = %s ORDER BY account", of)
        for (data,) in cursor:
            ledger.add_account(_account(data))
        cursor.execute(
            "SELECT account, symbol, data FROM recon_store.instruments WHERE gateway = %s AND edition = %s", of
        )
        for account, symbol, data in cursor:
            ledger.instruments[account, symbol] = _instrument(data)
        cursor.execute(
            "SELECT data FROM recon_store.units WHERE gateway = %s AND edition = %s ORDER BY account, unit_kind, unit",
            of,
        )
        loaded = [_unit(data) for (data,) in cursor]
    with exact():
        for unit in loaded:
            ledger.add_unit(
                UnitState(
                    unit, Timeline(unit.entry_count, unit.fills + unit.explained, unit.explained, unit.uncertainty)
                )
            )
        _load_timelines(connection, ledger, edition, [unit for unit in loaded if unit.entry_count], lows)
        for state in ledger.units.values():
            state.timeline.quantum = quantum_of(ledger, state.unit)


def _load_timelines(
    connection: Connection, ledger: Ledger, edition: int, units: list[Unit], lows: Mapping[UnitKey, int]
) -> None:
    if not units:
        return
    columns = [[unit.account for unit in units], [unit.kind for unit in units], [unit.code for unit in units]]
    # A step is of two entries at most: a fill and its fee.
    after = [lows.get(unit.key, 0) - 2 * KEPT_BEHIND - 2 - unit.explanation_count for unit in units]
    rows: dict[UnitKey, list[_Kept]] = {}
    with cursor_of(connection) as cursor:
        cursor.execute(_ENTRIES, (*columns, after, ledger.gateway, edition, 4 * MAX_KEPT))
        for account, kind, code, number, seq, clock, occurred, cause, amount, *lost, order, ordinal, explains in cursor:
            rounded, blur, leg, doubt = lost
            slack = leg_uncertainty(Decimal(leg), rounded=rounded, blur=Decimal(blur), doubt=Decimal(doubt))
            row = _Kept(
                number, seq, clock, occurred, cause, Decimal(amount), slack, order, ordinal, in_every_cut=explains
            )
            rows.setdefault((account, kind, code), []).append(row)
    for key, entries in rows.items():
        state = ledger.units[key]
        unit = state.unit
        flows = [entry for entry in entries if entry.cause != OPENING and not entry.in_every_cut]
        total = unit.fills + unit.explained - sum((entry.amount for entry in flows), ZERO)
        explained = unit.explained - sum((entry.amount for entry in flows if entry.cause not in OF_FILLS), ZERO)
        slack = unit.uncertainty
        for entry in flows:
            slack = slack.minus(entry.slack)
        state.timeline = Timeline(entries[0].number - 1, total, explained, slack)
        for entry in flows:
            state.append(
                entry.number,
                entry.seq,
                entry.clock,
                entry.occurred_us,
                entry.cause,
                entry.amount,
                entry.slack,
                order=entry.order,
                ordinal=entry.ordinal,
            )


class _Kept(NamedTuple):
    """An entry as a timeline needs it."""

    number: int
    seq: int
    clock: int
    occurred_us: int
    cause: str
    amount: Decimal
    slack: Uncertainty
    order: str | None
    ordinal: int | None
    in_every_cut: bool


def load_orders(
    connection: Connection,
    ledger: Ledger,
    edition: int,
    *,
    client_ids: Iterable[tuple[str, str]],
    exchange_ids: Iterable[tuple[str, str]],
) -> None:
    """Load the orders that ids (account, id) may mean."""
    for column, wanted in (("client_order_id", list(client_ids)), ("exchange_order_id", list(exchange_ids))):
        if not wanted:
            continue
        with cursor_of(connection, binary=True) as cursor:
            accounts, ids = [account for account, _ in wanted], [known for _, known in wanted]
            cursor.execute(_ORDERS_BY[column], (accounts, ids, ledger.gateway, edition))
            _take_orders(ledger, [data for (data,) in cursor])


def load_open_orders(connection: Connection, ledger: Ledger, edition: int, account: str) -> None:
    """Load an account's open orders, and those whose fills wait for their instrument."""
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(
            "SELECT data FROM recon_store.orders WHERE gateway = %s AND edition = %s AND account = %s AND open",
            (ledger.gateway, edition, account),
        )
        _take_orders(ledger, [data for (data,) in cursor])


def _take_orders(ledger: Ledger, found: list[bytes]) -> None:
    for order in sorted(map(_order, found), key=lambda order: (order.first_seq, order.key)):
        if (order.account, order.key) not in ledger.orders:
            ledger.add_order(order)


def save(connection: Connection, ledger: Ledger, edition: int, changes: LedgerChanges) -> None:
    """Write what a batch changed."""
    of = EditionKey(ledger.gateway, edition)
    accounts = [AccountRow(account, ledger.rules_of(account.name)) for account in changes.accounts.values()]
    ledger_schema.accounts.replace(connection, of, accounts)
    instruments = [InstrumentRow(*key, instrument) for key, instrument in changes.instruments.items()]
    ledger_schema.instruments.replace(connection, of, instruments)
    _save_orders(connection, of, changes.orders.values())
    order_schema.fills.add(connection, of, changes.fills)
    ledger_schema.entries.add(connection, of, changes.entries)
    ledger_schema.units.replace(connection, of, [_unit_row(ledger, state) for state in changes.units.values()])
    ledger_schema.findings.replace(connection, of, _numbered(changes.findings))
    ledger_schema.facts.add(connection, of, changes.facts)
    # Of an interval that changed several times, the last is written.
    intervals = {(interval.account, interval.from_seq): interval for interval in changes.intervals}
    coverage_schema.coverage.replace(connection, of, intervals.values())
    catch_ups = {(gap.account, gap.from_seq): gap for gap in changes.backfills}
    coverage_schema.catch_ups.replace(connection, of, catch_ups.values())


def _save_orders(connection: Connection, edition: EditionKey, changed: Iterable[Order]) -> None:
    """Add the orders that are new and replace those that are stored already."""
    fresh: list[Order] = []
    stored: list[Order] = []
    for order in changed:
        (stored if order.stored else fresh).append(order)
        order.stored = True
    order_schema.orders.add(connection, edition, fresh)
    order_schema.orders.replace(connection, edition, stored)


def _numbered(findings: Iterable[Finding]) -> list[FindingRow]:
    counts: Counter[int] = Counter()
    rows: list[FindingRow] = []
    for finding in findings:
        counts[finding.seq] += 1
        rows.append(FindingRow(finding, counts[finding.seq]))
    return rows


def _unit_row(ledger: Ledger, state: UnitState) -> UnitRow:
    unit = state.unit
    if unit.kind != "contract":
        return UnitRow(unit)
    long = short = average = None
    if unit.cost_basis is not None:
        average = average_price(unit.cost_basis, ledger.rules_of(unit.account).contracts.get(unit.code))
    if unit.sides:
        long = sum((quantity for quantity in unit.sides.values() if quantity > 0), ZERO)
        short = sum((quantity for quantity in unit.sides.values() if quantity < 0), ZERO)
    return UnitRow(unit, long, short, average)
