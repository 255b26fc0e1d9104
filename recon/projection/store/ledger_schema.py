"""The tables of the ledger; the migrations create them. Every key starts with gateway and edition."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from recon.db.metadata import edition_key, metadata

accounts: Final = Table(
    "accounts",
    metadata,
    *edition_key(),
    Column("account", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("last_alive_at", DateTime(timezone=True)),
    Column("lag_us", BigInteger),
    Column("venue_account", Text),
    Column("unaccounted", JSONB, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

instruments: Final = Table(
    "instruments",
    metadata,
    *edition_key(),
    Column("account", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

orders: Final = Table(
    "orders",
    metadata,
    *edition_key(),
    Column("account", Text, primary_key=True),
    Column("order_key", Text, primary_key=True),
    Column("client_order_id", Text),
    Column("exchange_order_id", Text),
    Column("symbol", Text),
    Column("symbol_coinapi", Text),
    Column("side", Text),
    Column("price", Numeric),
    Column("amount_order", Numeric),
    Column("amount_filled", Numeric, nullable=False),
    Column("amount_open", Numeric),
    Column("avg_px", Numeric),
    Column("status", Text, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("open", Boolean, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

fills: Final = Table(
    "fills",
    metadata,
    *edition_key(),
    Column("account", Text, primary_key=True),
    Column("order_key", Text, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("symbol", Text),
    Column("side", Text),
    Column("price", Numeric),
    Column("price_known", Boolean, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("cash", Numeric),
    Column("cash_asset", Text),
    Column("filled_at", DateTime(timezone=True), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
)

entries: Final = Table(
    "entries",
    metadata,
    *edition_key(),
    Column("account", Text, primary_key=True),
    Column("unit_kind", Text, primary_key=True),
    Column("unit", Text, primary_key=True),
    Column("entry_no", BigInteger, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("clock", BigInteger, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("cause", Text, nullable=False),
    Column("certainty", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("running", Numeric, nullable=False),
    Column("rounded", Integer, nullable=False),
    Column("blur", Numeric, nullable=False),
    Column("leg", Numeric, nullable=False),
    Column("doubt", Numeric, nullable=False),
    Column("order_key", Text),
    Column("ordinal", Integer),
    Column("break_id", Text),
    Column("replaces", BigInteger),
    Column("fact", Text),
)

units: Final = Table(
    "units",
    metadata,
    *edition_key(),
    Column("account", Text, primary_key=True),
    Column("unit_kind", Text, primary_key=True),
    Column("unit", Text, primary_key=True),
    Column("coinapi", Text),
    Column("value", Numeric),
    Column("opening", Numeric),
    Column("fills", Numeric, nullable=False),
    Column("explained", Numeric, nullable=False),
    Column("available", Numeric),
    Column("locked", Numeric),
    Column("rate_usd", Numeric),
    Column("long", Numeric),
    Column("short", Numeric),
    Column("avg_entry_price", Numeric),
    Column("reported_avg_entry_price", Numeric),
    Column("withheld", Boolean, nullable=False),
    Column("unmodelled", Text),
    Column("last_seq", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

findings: Final = Table(
    "findings",
    metadata,
    *edition_key(),
    Column("seq", BigInteger, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("account", Text),
    Column("kind", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("message", Text, nullable=False),
)

facts: Final = Table(
    "facts",
    metadata,
    *edition_key(),
    Column("account", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("fact", Text, nullable=False),
    Column("unit_kind", Text),
    Column("unit", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("effect", Text, nullable=False),
    Column("order_key", Text),
)

coverage: Final = Table(
    "coverage",
    metadata,
    *edition_key(),
    Column("account", Text, primary_key=True),
    Column("from_seq", BigInteger, primary_key=True),
    Column("until_seq", BigInteger),
    Column("from_time", DateTime(timezone=True), nullable=False),
    Column("until_time", DateTime(timezone=True)),
    Column("state", Text, nullable=False),
    Column("reason", Text),
)

catch_ups: Final = Table(
    "catch_ups",
    metadata,
    *edition_key(),
    Column("account", Text, primary_key=True),
    Column("from_seq", BigInteger, primary_key=True),
    Column("until_seq", BigInteger),
    Column("from_time", DateTime(timezone=True), nullable=False),
    Column("until_time", DateTime(timezone=True)),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("history", Text, nullable=False),
    Column("open", JSONB, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("orders_settled", Integer, nullable=False),
    Column("orders_found", Integer, nullable=False),
    Column("fills_found", Integer, nullable=False),
    Column("ended_seq", BigInteger),
)
