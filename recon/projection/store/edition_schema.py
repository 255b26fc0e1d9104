"""The table of editions: which one is current, and up to which log position each is folded."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, Table, Text

from recon.db.metadata import metadata

editions: Final = Table(
    "editions",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("edition", Integer, primary_key=True),
    Column("fold_version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("clock", LargeBinary, nullable=False),
)
