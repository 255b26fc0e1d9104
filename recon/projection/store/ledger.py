"""Loading the books that a batch touches, and writing what it changed. Synchronous, on a Connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from recon.db.bulk import Cell, add, write
from recon.db.raw import cursor_of
from recon.exact import ZERO, exact
from recon.ledger.account import Account
from recon.ledger.cost_basis import average_price
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Book, Changes, quantum_of
from recon.ledger.orders import Order
from recon.ledger.posting.spot import legs_of
from recon.ledger.timeline import KEPT_BEHIND, MAX_KEPT, Slack, Timeline
from recon.ledger.units import OF_FILLS, OPENING, Held, Unit, UnitKey
from recon.projection.store import coverage as coverage_store
from recon.projection.store import facts as facts_store
from recon.projection.store import ledger_schema

_pack: Final = msgspec.msgpack.Encoder().encode
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


def load(connection: Connection, book: Book, edition: int, *, lows: Mapping[UnitKey, int]) -> None:
    """Load accounts, instruments and units of a gateway: what every batch may touch.

    `lows` tells per unit the entry that comparison has agreed up to: entries from well before it on are kept at hand.
    """
    with cursor_of(connection, binary=True) as cursor:
        of = (book.gateway, edition)
        cursor.execute("SELECT data FROM recon_store.accounts WHERE gateway = %s AND edition = %s ORDER BY account", of)
        for (data,) in cursor:
            book.add_account(_account(data))
        cursor.execute(
            "SELECT account, symbol, data FROM recon_store.instruments WHERE gateway = %s AND edition = %s", of
        )
        for account, symbol, data in cursor:
            book.instruments[account, symbol] = _instrument(data)
        cursor.execute(
            "SELECT data FROM recon_store.units WHERE gateway = %s AND edition = %s ORDER BY account, unit_kind, unit",
            of,
        )
        loaded = [_unit(data) for (data,) in cursor]
    with exact():
        for unit in loaded:
            book.add_unit(Held(unit, Timeline(unit.entries, unit.fills + unit.explained, unit.explained, unit.slack)))
        _load_timelines(connection, book, edition, [unit for unit in loaded if unit.entries], lows)
        for held in book.units.values():
            held.timeline.quantum = quantum_of(book, held.unit)


def _load_timelines(
    connection: Connection, book: Book, edition: int, units: list[Unit], lows: Mapping[UnitKey, int]
) -> None:
    if not units:
        return
    columns = [[unit.account for unit in units], [unit.kind for unit in units], [unit.code for unit in units]]
    # A step is of two entries at most: a fill and its fee.
    after = [lows.get(unit.key, 0) - 2 * KEPT_BEHIND - 2 - unit.explanations for unit in units]
    rows: dict[UnitKey, list[_Kept]] = {}
    with cursor_of(connection) as cursor:
        cursor.execute(_ENTRIES, (*columns, after, book.gateway, edition, 4 * MAX_KEPT))
        for account, kind, code, number, seq, clock, occurred, cause, amount, *lost, order, ordinal, explains in cursor:
            rounded, blur, leg, doubt = lost
            slack = legs_of(Decimal(leg), rounded=rounded, blur=Decimal(blur), doubt=Decimal(doubt))
            row = _Kept(
                number, seq, clock, occurred, cause, Decimal(amount), slack, order, ordinal, in_every_cut=explains
            )
            rows.setdefault((account, kind, code), []).append(row)
    for key, entries in rows.items():
        held = book.units[key]
        unit = held.unit
        flows = [entry for entry in entries if entry.cause != OPENING and not entry.in_every_cut]
        total = unit.fills + unit.explained - sum((entry.amount for entry in flows), ZERO)
        explained = unit.explained - sum((entry.amount for entry in flows if entry.cause not in OF_FILLS), ZERO)
        slack = unit.slack
        for entry in flows:
            slack = slack.minus(entry.slack)
        held.timeline = Timeline(entries[0].number - 1, total, explained, slack)
        for entry in flows:
            held.append(
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
    slack: Slack
    order: str | None
    ordinal: int | None
    in_every_cut: bool


def load_orders(
    connection: Connection,
    book: Book,
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
            cursor.execute(_ORDERS_BY[column], (accounts, ids, book.gateway, edition))
            _take_orders(book, [data for (data,) in cursor])


def load_open_orders(connection: Connection, book: Book, edition: int, account: str) -> None:
    """Load an account's open orders, and those whose fills wait for their instrument."""
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(
            "SELECT data FROM recon_store.orders WHERE gateway = %s AND edition = %s AND account = %s AND open",
            (book.gateway, edition, account),
        )
        _take_orders(book, [data for (data,) in cursor])


def _take_orders(book: Book, found: list[bytes]) -> None:
    for order in sorted(map(_order, found), key=lambda order: (order.first_seq, order.key)):
        if (order.account, order.key) not in book.orders:
            book.add_order(order)


def save(connection: Connection, book: Book, edition: int, changes: Changes) -> None:
    """Write what a batch changed."""
    fixed: list[tuple[str, Cell]] = [("gateway", book.gateway), ("edition", edition)]
    rows: list[tuple[Cell, ...]]
    rows = [_account_row(book, account) for account in changes.accounts.values()]
    write(connection, ledger_schema.accounts, fixed, _ACCOUNT, rows, on_conflict="update")
    rows = [(account, symbol, _pack(known)) for (account, symbol), known in changes.instruments.items()]
    write(connection, ledger_schema.instruments, fixed, ("account", "symbol", "data"), rows, on_conflict="update")
    _save_orders(connection, fixed, changes)
    add(connection, ledger_schema.fills, fixed, _FILL, _fill_rows(changes))
    add(connection, ledger_schema.entries, fixed, _ENTRY, _entry_rows(changes))
    rows = [_unit_row(book, held) for held in changes.units.values()]
    write(connection, ledger_schema.units, fixed, _UNIT, rows, on_conflict="update")
    _save_findings(connection, fixed, changes)
    facts_store.save(connection, fixed, changes.facts)
    coverage_store.save(connection, fixed, changes.intervals, changes.catch_ups)


def _save_orders(connection: Connection, fixed: list[tuple[str, Cell]], changes: Changes) -> None:
    """Add the orders that are new and replace those that are stored already."""
    fresh = [order for order in changes.orders.values() if not order.stored]
    known = [order for order in changes.orders.values() if order.stored]
    for order in fresh:
        order.stored = True
    add(connection, ledger_schema.orders, fixed, _ORDER, [_order_row(order) for order in fresh])
    write(connection, ledger_schema.orders, fixed, _ORDER, [_order_row(order) for order in known], on_conflict="update")


def _save_findings(connection: Connection, fixed: list[tuple[str, Cell]], changes: Changes) -> None:
    rows: list[tuple[Cell, ...]] = []
    numbers: dict[int, int] = {}
    for found in changes.findings:
        number = numbers[found.seq] = numbers.get(found.seq, 0) + 1
        rows.append(
            (
                found.seq,
                number,
                found.account,
                found.kind,
                found.about,
                found.message,
            )
        )
    write(connection, ledger_schema.findings, fixed, _FINDING, rows, on_conflict="update")


def text(value: Decimal | None) -> str | None:
    """Send a decimal as text: exact, and faster than the binary form (benchmarks 3)."""
    return None if value is None else str(value)


_ACCOUNT: Final = (
    "account", "state", "reason", "last_alive_at", "lag_us", "venue_account", "unaccounted", "data",
)  # fmt: skip
_ORDER: Final = (
    "account", "order_key", "client_order_id", "exchange_order_id", "symbol", "symbol_coinapi", "side", "price",
    "amount_order", "amount_filled", "amount_open", "avg_px", "status", "first_seq", "last_seq", "updated_at", "open",
    "data",
)  # fmt: skip
_FILL: Final = (
    "account", "order_key", "ordinal", "symbol", "side", "price", "price_known", "amount", "cash", "cash_asset",
    "filled_at", "seq", "source",
)  # fmt: skip
_ENTRY: Final = (
    "account", "unit_kind", "unit", "entry_no", "seq", "clock", "occurred_at", "recorded_at", "cause", "certainty",
    "amount", "running", "rounded", "blur", "leg", "doubt", "order_key", "ordinal", "break_id",
    "replaces", "fact",
)  # fmt: skip
_UNIT: Final = (
    "account", "unit_kind", "unit", "coinapi", "value", "opening", "fills", "explained", "available", "locked",
    "rate_usd", "long", "short", "avg_entry_price", "reported_avg_entry_price", "withheld", "unmodelled", "last_seq",
    "data",
)  # fmt: skip
_FINDING: Final = ("seq", "number", "account", "kind", "about", "message")


def _account_row(book: Book, account: Account) -> tuple[Cell, ...]:
    return (
        account.name,
        account.state,
        account.reason,
        account.last_alive_us or None,
        account.lag_us,
        book.rules_of(account.name).venue_account,
        coverage_store.json_list(sorted(account.unaccounted)),
        _pack(account),
    )


def _order_row(order: Order) -> tuple[Cell, ...]:
    return (
        order.account,
        order.key,
        order.client_order_id,
        order.exchange_order_id,
        order.symbol,
        order.symbol_coinapi,
        order.side,
        text(order.price),
        text(order.amount_order),
        text(order.amount_filled),
        text(order.amount_open),
        text(order.avg_px),
        order.status,
        order.first_seq,
        order.last_seq,
        order.updated_us,
        order.waiting or not order.over,
        _pack(order),
    )


def _fill_rows(changes: Changes) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for booked in changes.fills:
        order, fill = booked.order, booked.fill
        cash = fill.cash if booked.cash_asset is not None else None
        signed = None if cash is None else cash if order.side == "SELL" else -cash
        rows.append(
            (
                order.account,
                order.key,
                fill.ordinal,
                order.symbol,
                order.side,
                text(fill.price),
                fill.price_known,
                text(fill.amount),
                text(signed),
                booked.cash_asset,
                fill.occurred_us,
                booked.seq,
                fill.source,
            )
        )
    return rows


def _entry_rows(changes: Changes) -> list[tuple[Cell, ...]]:
    return [
        (
            entry.account,
            entry.kind,
            entry.unit,
            entry.number,
            entry.seq,
            entry.clock,
            entry.occurred_us,
            entry.recorded_us,
            entry.cause,
            entry.certainty,
            str(entry.amount),
            str(entry.running),
            entry.slack.rounded,
            str(entry.slack.blur),
            str(entry.slack.gained or -entry.slack.given),
            str(entry.slack.doubt),
            entry.order,
            entry.ordinal,
            entry.break_id,
            entry.replaces,
            entry.fact,
        )
        for entry in changes.entries
    ]


def _unit_row(book: Book, held: Held) -> tuple[Cell, ...]:
    unit = held.unit
    average = None
    long = short = None
    if unit.kind == "contract":
        terms = book.rules_of(unit.account).contracts.get(unit.code)
        average = None if unit.basis is None else average_price(unit.basis, terms)
        if unit.sides:
            long = sum((quantity for quantity in unit.sides.values() if quantity > 0), ZERO)
            short = sum((quantity for quantity in unit.sides.values() if quantity < 0), ZERO)
    return (
        unit.account,
        unit.kind,
        unit.code,
        unit.coinapi,
        text(unit.value),
        text(unit.opening),
        str(unit.fills),
        str(unit.explained),
        text(unit.available),
        text(unit.locked),
        text(unit.rate_usd),
        text(long),
        text(short),
        text(average),
        text(unit.reported_avg_entry_price),
        bool(unit.withheld),
        unit.unmodelled,
        unit.last_seq,
        _pack(unit),
    )
