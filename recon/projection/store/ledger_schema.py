"""The tables of accounts, units and their entries; the migrations create them. Every key begins with the edition."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, Numeric, Text
from sqlalchemy.dialects.postgresql import JSONB

from recon.ledger.account import Account
from recon.ledger.changes import Finding
from recon.ledger.facts.external_fact import RecordedFact
from recon.ledger.facts.waiting import WaitingFact
from recon.ledger.fees.shown_rate import shown_rates
from recon.ledger.instruments import Instrument
from recon.ledger.rules import AccountRules
from recon.ledger.units import Entry, Unit
from recon.projection.store.folded_table import FoldedTable, Moment, as_json, column, key, nullable, packed


class AccountRow(NamedTuple):
    """An account with the rules in force for it."""

    account: Account
    rules: AccountRules


accounts: Final = FoldedTable[AccountRow](
    "accounts",
    key("account", Text, lambda row: row.account.name),
    column("state", Text, lambda row: row.account.coverage.state),
    nullable("reason", Text, lambda row: row.account.coverage.reason),
    nullable("last_alive_at", Moment, lambda row: row.account.liveness.last_alive_us or None),
    nullable("lag_us", BigInteger, lambda row: row.account.liveness.lag_us),
    nullable("venue_account", Text, lambda row: row.rules.venue_account),
    column("unaccounted", JSONB, lambda row: as_json(sorted(row.account.coverage.missing_orders))),
    column("told_day", BigInteger, lambda row: row.account.told.day),
    column("told_usd", Numeric, lambda row: row.account.told.usd),
    nullable("stamp_resolution_us", BigInteger, lambda row: row.account.stamps.resolution_us or None),
    column("venue_ahead_us", BigInteger, lambda row: row.account.stamps.ahead_us),
    column("data", LargeBinary, lambda row: packed(row.account)),
)


#: One row for each account, so that a rate that holds no more leaves nothing behind.
fee_rates: Final = FoldedTable[Account](
    "fee_rates",
    key("account", Text, lambda account: account.name),
    column("rates", JSONB, lambda account: as_json(shown_rates(account.rates))),
)


class InstrumentRow(NamedTuple):
    """An instrument of an account."""

    account: str
    symbol: str
    instrument: Instrument


instruments: Final = FoldedTable[InstrumentRow](
    "instruments",
    key("account", Text, lambda row: row.account),
    key("symbol", Text, lambda row: row.symbol),
    column("data", LargeBinary, lambda row: packed(row.instrument)),
)


class UnitRow(NamedTuple):
    """A unit with the figures that its contract's terms and its legs come to."""

    unit: Unit
    long: Decimal | None = None
    short: Decimal | None = None
    average_price: Decimal | None = None


units: Final = FoldedTable[UnitRow](
    "units",
    key("account", Text, lambda row: row.unit.account),
    key("unit_kind", Text, lambda row: row.unit.kind),
    key("unit", Text, lambda row: row.unit.code),
    nullable("coinapi", Text, lambda row: row.unit.coinapi),
    nullable("value", Numeric, lambda row: row.unit.value),
    nullable("opening", Numeric, lambda row: row.unit.balance.opening),
    column("fills", Numeric, lambda row: row.unit.balance.fills),
    column("explained", Numeric, lambda row: row.unit.balance.explained),
    nullable("available", Numeric, lambda row: row.unit.reported.available),
    nullable("locked", Numeric, lambda row: row.unit.reported.locked),
    nullable("rate_usd", Numeric, lambda row: row.unit.reported.rate_usd),
    nullable("long", Numeric, lambda row: row.long),
    nullable("short", Numeric, lambda row: row.short),
    nullable("avg_entry_price", Numeric, lambda row: row.average_price),
    nullable("reported_avg_entry_price", Numeric, lambda row: row.unit.reported.avg_entry_price),
    column("withheld", Boolean, lambda row: bool(row.unit.withheld)),
    nullable("unmodelled", Text, lambda row: row.unit.unmodelled or row.unit.assumed),
    column("last_seq", BigInteger, lambda row: row.unit.balance.last_seq),
    column("data", LargeBinary, lambda row: packed(row.unit)),
)

entries: Final = FoldedTable[Entry](
    "entries",
    key("account", Text, lambda entry: entry.account),
    key("unit_kind", Text, lambda entry: entry.kind),
    key("unit", Text, lambda entry: entry.unit),
    key("entry_no", BigInteger, lambda entry: entry.number),
    column("seq", BigInteger, lambda entry: entry.seq),
    column("clock", BigInteger, lambda entry: entry.clock),
    column("occurred_at", Moment, lambda entry: entry.occurred_us),
    column("recorded_at", Moment, lambda entry: entry.recorded_us),
    column("cause", Text, lambda entry: entry.cause),
    column("certainty", Text, lambda entry: entry.certainty),
    column("amount", Numeric, lambda entry: entry.amount),
    column("running", Numeric, lambda entry: entry.running),
    column("turnover", Numeric, lambda entry: entry.turnover),
    nullable("order_key", Text, lambda entry: entry.order),
    nullable("ordinal", Integer, lambda entry: entry.ordinal),
    nullable("break_id", Text, lambda entry: entry.break_id),
    nullable("replaces", BigInteger, lambda entry: entry.replaces),
    nullable("fact", Text, lambda entry: entry.fact),
)

facts: Final = FoldedTable[RecordedFact](
    "facts",
    key("account", Text, lambda fact: fact.account),
    key("external_id", Text, lambda fact: fact.external_id),
    column("digest", Text, lambda fact: fact.digest),
    column("seq", BigInteger, lambda fact: fact.seq),
    column("fact", Text, lambda fact: fact.fact),
    nullable("unit_kind", Text, lambda fact: fact.kind),
    column("unit", Text, lambda fact: fact.unit),
    column("amount", Numeric, lambda fact: fact.amount),
    column("occurred_at", Moment, lambda fact: fact.occurred_us),
    column("effect", Text, lambda fact: fact.effect),
    nullable("order_key", Text, lambda fact: fact.order),
    nullable("approved_seq", BigInteger, lambda fact: fact.approved_seq),
)

waiting_facts: Final = FoldedTable[WaitingFact](
    "waiting_facts",
    key("seq", BigInteger, lambda waiting: waiting.seq),
    column("account", Text, lambda waiting: waiting.fact.account),
    column("external_id", Text, lambda waiting: waiting.fact.external_id),
    column("digest", Text, lambda waiting: waiting.digest),
    nullable("usd", Numeric, lambda waiting: waiting.usd),
    column("reason", Text, lambda waiting: waiting.reason),
    column("state", Text, lambda waiting: waiting.state),
    nullable("vouched_by", Text, lambda waiting: waiting.vouched_by),
    nullable("decided_seq", BigInteger, lambda waiting: waiting.decided_seq),
)


class FindingRow(NamedTuple):
    """A finding with its number among those of its log position."""

    finding: Finding
    number: int


findings: Final = FoldedTable[FindingRow](
    "findings",
    key("seq", BigInteger, lambda row: row.finding.seq),
    key("number", Integer, lambda row: row.number),
    nullable("account", Text, lambda row: row.finding.account),
    column("kind", Text, lambda row: row.finding.kind),
    column("about", Text, lambda row: row.finding.about),
    column("message", Text, lambda row: row.finding.message),
)
