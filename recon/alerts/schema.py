"""The outbox, and what is watched, as the code reads them; the migrations create it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, Integer, Table, Text

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

watch: Final = Table(
    "watch",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("about", Text, primary_key=True),
    Column("began_at", DateTime(timezone=True)),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("present", Boolean, nullable=False),
    Column("told_at", DateTime(timezone=True)),
    Column("told", Boolean, nullable=False),
    Column("times", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Column("since", DateTime(timezone=True)),
)
