"""The outbox as the code reads it; the migrations create it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, DateTime, Integer, Table, Text

from recon.db.metadata import metadata

outbox: Final = Table(
    "outbox",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("event", Text, nullable=False),
    Column("break_id", Text, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("document", JSON, nullable=False),
    Column("message_id", Text),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", DateTime(timezone=True)),
    Column("delivered_at", DateTime(timezone=True)),
    Column("failed_at", DateTime(timezone=True)),
    Column("last_error", Text),
)

outbox_turns: Final = Table(
    "outbox_turns",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
)
