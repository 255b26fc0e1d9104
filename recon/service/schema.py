"""The table of the service's parts, as the code reads it; the migrations create it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, DateTime, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from recon.db.metadata import metadata

service_parts: Final = Table(
    "service_parts",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("instance", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("figures", JSONB, nullable=False),
)
