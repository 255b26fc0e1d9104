"""The tables of reconciliation; the migrations create them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from recon.db.metadata import edition_key, metadata

comparisons: Final = Table(
    "comparisons",
    metadata,
    *edition_key(),
    Column("account", Text, primary_key=True),
    Column("unit_kind", Text, primary_key=True),
    Column("unit", Text, primary_key=True),
    Column("judgement", Text, nullable=False),
    Column("reported", Numeric),
    Column("inferred", Boolean, nullable=False),
    Column("observed_at", DateTime(timezone=True)),
    Column("cut_seq", BigInteger),
    Column("cut_entry", BigInteger, nullable=False),
    Column("cut_fills", Numeric, nullable=False),
    Column("cut_explained", Numeric, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

breaks: Final = Table(
    "breaks",
    metadata,
    *edition_key(),
    Column("id", Text, primary_key=True),
    Column("case_id", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("unit_kind", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("certainty", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("amount_usd", Numeric),
    Column("candidates", JSONB, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("after_seq", BigInteger, nullable=False),
    Column("until_seq", BigInteger, nullable=False),
    Column("occurrences", Integer, nullable=False),
    Column("owns_residual", Boolean, nullable=False),
    Column("offset_by", Text),
    Column("rules_version", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("assignee", Text),
    Column("origin_at", DateTime(timezone=True), nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("tried", JSONB, nullable=False),
    Column("proposal", JSONB),
    Column("accepted_until", DateTime(timezone=True)),
    Column("accepted_amount", Numeric),
    Column("severity", Text),
    Column("explained_amount", Numeric, nullable=False),
)

break_history: Final = Table(
    "break_history",
    metadata,
    *edition_key(),
    Column("id", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("event", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("cause", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text),
)
