"""The SQLAlchemy metadata: every table of recon, in schema `recon_store`, with a naming convention."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, MetaData, Text

STORE: Final = "recon_store"

metadata: Final = MetaData(
    schema=STORE,
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    },
)


def edition_key() -> list[Column[str] | Column[int]]:
    """Return the first columns of every folded table's key: gateway first, so that tables can be distributed by it."""
    return [Column("gateway", Text, primary_key=True), Column("edition", Integer, primary_key=True)]
