"""The folded tables in memory: the store's own code makes the rows, and what Postgres refuses is refused here too.

It refuses U+0000, lone surrogates, two rows of one key, and keys that no index takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias, cast
from unittest import mock

from sqlalchemy import Connection, Table

from recon.db import bulk
from recon.db.bulk import Cell
from recon.ledger.changes import LedgerChanges
from recon.projection.fold import Fold
from recon.projection.store import comparisons, ledger
from tests.fuzz.streams import is_calm

#: Most bytes of a key: a third of a page of Postgres, less its overhead.
MAX_KEY_BYTES: Final = 2600
#: Columns with an index of their own beside the key.
INDEXED: Final = ("client_order_id", "exchange_order_id", "order_key", "replaces")
_EDITION: Final = 1
#: Never used: the store hands it on to the two writers that are replaced.
_NO_CONNECTION: Final = cast("Connection", None)

Rows: TypeAlias = dict[tuple[Cell, ...], dict[str, Cell]]


class RefusedRow(Exception):
    """Postgres would refuse a row; the text says why."""


class MemoryTables:
    """What was written, by table and key."""

    def __init__(self) -> None:
        self.tables: dict[str, Rows] = {}

    def save(self, fold: Fold) -> None:
        """Write what a batch changed, and forget the changes, as the projector does."""
        book, engine = fold.ledger, fold.reconciler
        changes, book.changes = book.changes, LedgerChanges()
        stored = engine.store()
        changed, engine.changed = engine.changed, {}
        transitions, engine.transitions = engine.transitions, []
        judged, engine.judged = engine.judged, []
        for key, state in changes.units.items():
            changed.setdefault(key, state)
        with self._written():
            ledger.save(_NO_CONNECTION, book, _EDITION, changes)
            comparisons.save(_NO_CONNECTION, engine, _EDITION, changed.values(), transitions, stored, judged)

    def calm_books(self) -> dict[str, Rows]:
        """Return the rows of the calm account."""
        breaks = {key[-1] for key, row in self.tables.get("breaks", {}).items() if is_calm(row["account"])}
        return {
            name: {
                key: row
                for key, row in rows.items()
                if is_calm(row.get("account")) or (name == "break_history" and row["id"] in breaks)
            }
            for name, rows in self.tables.items()
        }

    @contextmanager
    def _written(self) -> Iterator[None]:
        def add(_: Connection, table: Table, fixed: _Fixed, names: Sequence[str], columns: _Columns) -> None:
            list(bulk._lines(table, names, columns))
            self._write(table, fixed, names, columns, replaces=False)

        def write(
            _: Connection, table: Table, fixed: _Fixed, names: Sequence[str], columns: _Columns, *, on_conflict: str
        ) -> None:
            self._write(table, fixed, names, columns, replaces=on_conflict == "update")

        with mock.patch.object(bulk, "add", add), mock.patch.object(bulk, "write", write):
            yield

    def _write(self, table: Table, fixed: _Fixed, names: Sequence[str], columns: _Columns, *, replaces: bool) -> None:
        rows = self.tables.setdefault(table.name, {})
        in_key = [column.name for column in table.primary_key.columns]
        fresh: set[tuple[Cell, ...]] = set()
        for cells in zip(*columns, strict=True):
            row = dict(fixed) | dict(zip(names, cells, strict=True))
            key = tuple(row[name] for name in in_key)
            if key in fresh or (key in rows and not replaces):
                raise RefusedRow(f"{table.name}: two rows of the key {key!r:.200}")
            fresh.add(key)
            _check(table.name, row, in_key)
            rows[key] = row


_Fixed: TypeAlias = Sequence[tuple[str, Cell]]
_Columns: TypeAlias = Sequence[Sequence[Cell]]


def _check(table: str, row: dict[str, Cell], in_key: list[str]) -> None:
    """Refuse a row with a text or a key that Postgres does not take."""
    sizes = dict.fromkeys(row, 0)
    for name, cell in row.items():
        if isinstance(cell, str):
            try:
                sizes[name] = len(cell.encode())
            except UnicodeEncodeError:
                raise RefusedRow(f"{table}.{name}: a lone surrogate in {cell!r:.200}") from None
            if "\0" in cell or "\\u0000" in cell.replace("\\\\", ""):
                raise RefusedRow(f"{table}.{name}: U+0000 in {cell!r:.200}")
    if max(sum(sizes[name] for name in in_key), *(sizes.get(name, 0) for name in INDEXED)) > MAX_KEY_BYTES:
        raise RefusedRow(f"{table}: a key is longer than an index takes: { {name: sizes[name] for name in in_key} }")
