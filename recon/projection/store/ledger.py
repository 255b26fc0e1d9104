"""Loading the ledger that a batch touches, and writing what it changed. Synchronous, on a Connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.exact import ZERO, exact
from recon.ledger.account import Account
from recon.ledger.changes import Finding, LedgerChanges
from recon.ledger.cost_basis import average_price
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.timeline import Timeline
from recon.ledger.units import Unit, UnitState
from recon.projection.store import coverage_schema, ledger_schema, order_schema
from recon.projection.store.folded_table import EditionKey
from recon.projection.store.ledger_schema import AccountRow, FindingRow, InstrumentRow, UnitRow
from recon.projection.store.orders import save_orders
from recon.projection.store.timelines import load_timelines

_unpack_account: Final = msgspec.msgpack.Decoder(Account).decode
_unpack_instrument: Final = msgspec.msgpack.Decoder(Instrument).decode
_unpack_unit: Final = msgspec.msgpack.Decoder(Unit).decode

_ACCOUNTS: Final = "SELECT data FROM recon_store.accounts WHERE gateway = %s AND edition = %s ORDER BY account"
_INSTRUMENTS: Final = "SELECT account, symbol, data FROM recon_store.instruments WHERE gateway = %s AND edition = %s"
_UNITS: Final = """
SELECT data FROM recon_store.units WHERE gateway = %s AND edition = %s ORDER BY account, unit_kind, unit
"""


def load(connection: Connection, ledger: Ledger, edition: int) -> None:
    """Load the accounts, instruments and units of a gateway: every batch may touch them."""
    key = EditionKey(ledger.gateway, edition)
    with cursor_of(connection, binary=True) as cursor:
        for (data,) in cursor.execute(_ACCOUNTS, key):
            ledger.add_account(_unpack_account(data))
        for account, symbol, data in cursor.execute(_INSTRUMENTS, key):
            ledger.add_instrument(account, symbol, _unpack_instrument(data))
        units = [_unpack_unit(data) for (data,) in cursor.execute(_UNITS, key)]
    with exact():
        for unit in units:
            timeline = Timeline(unit.balance.entry_count, unit.balance.flow, unit.balance.explained)
            ledger.add_unit(UnitState(unit, timeline))
        load_timelines(connection, ledger, edition, [unit for unit in units if unit.balance.entry_count])


def save(connection: Connection, ledger: Ledger, edition: int, changes: LedgerChanges) -> None:
    """Write what a batch changed."""
    key = EditionKey(ledger.gateway, edition)
    accounts = [AccountRow(account, ledger.rules_of(account.name)) for account in changes.accounts.values()]
    ledger_schema.accounts.replace(connection, key, accounts)
    ledger_schema.fee_rates.replace(connection, key, changes.rates.values())
    instruments = [InstrumentRow(*place, instrument) for place, instrument in changes.instruments.items()]
    ledger_schema.instruments.replace(connection, key, instruments)
    save_orders(connection, key, changes.orders.values())
    order_schema.fills.add(connection, key, changes.fills)
    ledger_schema.entries.add(connection, key, changes.entries)
    ledger_schema.units.replace(connection, key, [_unit_row(ledger, state) for state in changes.units.values()])
    ledger_schema.findings.replace(connection, key, _numbered(changes.findings))
    ledger_schema.facts.add(connection, key, changes.facts)
    ledger_schema.waiting_facts.replace(connection, key, changes.waiting_facts.values())
    # Of an interval that changed several times, the last state is written.
    intervals = {(interval.account, interval.from_seq): interval for interval in changes.intervals}
    coverage_schema.coverage.replace(connection, key, intervals.values())
    backfills = {(backfill.account, backfill.from_seq): backfill for backfill in changes.backfills}
    coverage_schema.catch_ups.replace(connection, key, backfills.values())


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
    if unit.contract.cost_basis is not None:
        average = average_price(unit.contract.cost_basis, ledger.rules_of(unit.account).terms_of(unit.names))
    if unit.contract.sides:
        long = sum((quantity for quantity in unit.contract.sides.values() if quantity > 0), ZERO)
        short = sum((quantity for quantity in unit.contract.sides.values() if quantity < 0), ZERO)
    return UnitRow(unit, long, short, average)
