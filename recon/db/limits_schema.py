"""The tables of limits, as the code reads them; the migrations create them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Computed, DateTime, Identity, Table, Text

from recon.db.metadata import metadata

limits: Final = Table(
    "limits",
    metadata,
    Column("login", Text, primary_key=True),
    Column("gateway", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("pattern", Text, Computed("gateway || account"), nullable=False),
)
#: Whoever may read it is limited; it has no rows.
limited: Final = Table("limited", metadata)
limit_changes: Final = Table(
    "limit_changes",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("change", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("reason", Text),
)
