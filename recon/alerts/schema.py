"""Signals, routing, deliveries and what is watched, as the code reads them; the migrations create them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
)

from recon.db.metadata import metadata

signals: Final = Table(
    "signals",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("case_seq", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("routed_at", DateTime(timezone=True)),
    Column("account", Text, nullable=False),
    Column("unit_kind", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("amount", Numeric),
    Column("amount_usd", Numeric),
    Column("cause", Text, nullable=False),
    Column("certainty", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("document", JSON, nullable=False),
)

router: Final = Table(
    "router",
    metadata,
    Column("one", Boolean, primary_key=True),
    Column("routed_at", DateTime(timezone=True)),
    Column("due_at", DateTime(timezone=True)),
    Column("state", LargeBinary, nullable=False),
    CheckConstraint("one", name="one"),
)

router_states: Final = Table(
    "router_states",
    metadata,
    Column("routed_at", DateTime(timezone=True), primary_key=True),
    Column("state", LargeBinary, nullable=False),
)

policies: Final = Table(
    "policies",
    metadata,
    Column("since", DateTime(timezone=True), primary_key=True),
    Column("document", JSON, nullable=False),
)

silences: Final = Table(
    "silences",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("in_force_at", DateTime(timezone=True)),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("lifted_at", DateTime(timezone=True)),
    Column("login", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("authenticated", Boolean, nullable=False),
    Column("ended_by", Text),
    Column("reason", Text, nullable=False),
    Column("gateway", Text),
    Column("account", Text),
    Column("unit", Text),
    Column("case_id", Text),
    Column("cause", Text),
)

deliveries: Final = Table(
    "deliveries",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("case_id", Text),
    Column("case_seq", BigInteger),
    Column("cases", ARRAY(Text), nullable=False),
    Column("signals", ARRAY(Text), nullable=False),
    Column("held", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("body", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", DateTime(timezone=True)),
    Column("delivered_at", DateTime(timezone=True)),
    Column("failed_at", DateTime(timezone=True)),
    Column("last_error", Text),
)

told_cases: Final = Table(
    "told_cases",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("gateway", Text, primary_key=True),
    Column("case_id", Text, primary_key=True),
    Column("case_seq", BigInteger, nullable=False),
    Column("told_at", DateTime(timezone=True), nullable=False),
)

channels: Final = Table(
    "channels",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("open_until", DateTime(timezone=True)),
    Column("gone_at", DateTime(timezone=True)),
    Column("last_error", Text),
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
