"""The log's tables, as the code reads them; the migrations create them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, Table, Text, Uuid

from recon.db.metadata import metadata

log_gateways: Final = Table(
    "log_gateways",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

log_events: Final = Table(
    "log_events",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("account", Text),
    Column("session", Text),
    Column("readable", Boolean, nullable=False),
    Column("redacted", Boolean, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("appended_at", DateTime(timezone=True)),
)

log_batches: Final = Table(
    "log_batches",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("writer", Uuid, primary_key=True),
    Column("batch", BigInteger, primary_key=True, autoincrement=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("login", Text, nullable=False),
)

#: What of each log is archived; only the owner's function writes it, and everybody reads the view.
log_archives: Final = Table(
    "log_archives",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("archived_at", DateTime(timezone=True), nullable=False),
)

#: Only the owner's functions read and write it.
leases: Final = Table(
    "leases",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("term", BigInteger, nullable=False),
    Column("writer", Uuid, nullable=False),
    Column("pid", Integer),
    Column("login", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("taken_at", DateTime(timezone=True), nullable=False),
)

#: Logins that kept a log locked; only the owner's functions read and write it.
log_blockers: Final = Table(
    "log_blockers",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("login", Text, primary_key=True),
    Column("ended_at", DateTime(timezone=True), nullable=False),
)
