"""Players: they take a log in batches and fold it, in memory or in a real Postgres; nothing may escape from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Final, NamedTuple, Protocol, TypeAlias
from uuid import UUID

import psycopg
from sqlalchemy import Engine

from recon.db.raw import cursor_of, driver_connection
from recon.ems.protocol.messages import INBOUND_TYPES
from recon.errors import AppendRefused
from recon.log import events, read
from recon.log.append import append
from recon.log.events import Event, NewEvent
from recon.log.submit import submit_decision
from recon.projection.fold import Fold, decode_event
from recon.projection.step import step
from recon.projection.store import digest
from recon.projection.working_set import WorkingSet
from recon.testing import new_fold
from tests.fuzz.grammar import CALM
from tests.fuzz.streams import Planned
from tests.fuzz.tables import MemoryTables

#: Rows of one account: by table, its rows as they are compared.
Books: TypeAlias = "dict[str, list[str]]"
_WRITER: Final = UUID(int=1)
#: Kinds that people record by a function of their own.
OF_PEOPLE: Final = frozenset({events.DECISION, events.FACT})
#: Columns of a break that other accounts may rightly speak to: where the other side of a transfer is, with the case
#: that it began, and USD rates.
OF_OTHERS: Final = (
    "tried",
    "candidates",
    "cause",
    "case_id",
    "certainty",
    "evidence",
    "note",
    "amount_usd",
    "severity",
    "reason",
)
#: Most steps for a batch, a multiple of what any batch needs.
MAX_STEPS: Final = 100


class Batch(NamedTuple):
    """Events that are appended and folded together; `restarts`: the process that folds them is a new one."""

    events: list[Planned]
    restarts: bool = False


class Stuck(Exception):
    """The folded position did not reach the head of the log."""


class Player(Protocol):
    """Whoever takes a log in batches."""

    @property
    def fold(self) -> Fold:
        """Return the fold, for a writer that looks at the books."""
        ...

    def play(self, batch: Batch) -> None:
        """Append and fold a batch to its end."""
        ...

    def calm_books(self) -> Books:
        """Return the rows of the calm account."""
        ...


class MemoryPlayer:
    """Folds in memory; the rows go to tables in memory."""

    def __init__(self, gateway: str) -> None:
        self._fold = new_fold(gateway)
        self._tables = MemoryTables()

    @property
    def fold(self) -> Fold:
        return self._fold

    def play(self, batch: Batch) -> None:
        self._fold.fold([decode_event(each.event) for each in batch.events])
        self._tables.save(self._fold)

    def calm_books(self) -> Books:
        return {
            table: sorted(
                repr([cell for cell in row.items() if not _of_others(table, cell[0])]) for row in rows.values()
            )
            for table, rows in self._tables.calm_books().items()
        }


class PostgresPlayer:
    """Appends to a real log and folds it by steps of projection."""

    def __init__(self, opens: Callable[[], Engine], gateway: str) -> None:
        """Play in the database that `opens` opens, when it is needed first."""
        self._opens = opens
        self._gateway = gateway
        self._batch = 0
        self._working: WorkingSet | None = None

    @cached_property
    def _engine(self) -> Engine:
        return self._opens()

    @property
    def fold(self) -> Fold:
        assert self._working is not None
        return self._working.fold

    def play(self, batch: Batch) -> None:
        self._append(batch.events)
        if batch.restarts:
            self._working = None
        seq = head = 0
        for _ in range(MAX_STEPS):
            with self._engine.begin() as connection:
                done = step(connection, self._gateway, self._working)
                head = read.head(connection, self._gateway)
            self._working, seq = done.working_set, done.seq
            if seq == head:
                return
        raise Stuck(f"folded up to {seq} of {head}")

    def calm_books(self) -> Books:
        with self._engine.begin() as connection, cursor_of(connection) as cursor:
            books: Books = {}
            for table in digest.TABLES:
                of_account = (
                    "account = %(account)s"
                    if "account" in table.c
                    else "id IN (SELECT b.id FROM recon_store.breaks AS b WHERE b.account = %(account)s)"
                )
                left_out = "".join(f" - '{name}'" for name in OF_OTHERS if _of_others(table.name, name))
                cursor.execute(
                    f"SELECT (to_jsonb(t) - 'data'{left_out})::text FROM recon_store.{table.name} AS t"  # noqa: S608 - ours
                    f" WHERE gateway = %(gateway)s AND {of_account} ORDER BY 1",
                    {"gateway": self._gateway, "account": CALM},
                )
                books[table.name] = [str(text) for (text,) in cursor]
            return books

    def _append(self, planned: Sequence[Planned]) -> None:
        """Append a batch at one log time: frames at once, what people say one by one, as their commands do."""
        now = planned[-1].event.recorded_at
        for of_people, group in groupby(planned, lambda each: each.event.kind in OF_PEOPLE):
            some = list(group)
            if not of_people and self._recorded(some, now):
                continue
            for each in some:
                # A frame must be taken; an event of our own kinds may be refused, and leaves an empty place.
                if not self._recorded([each], now):
                    if each.event.kind == events.FRAME or each.event.kind in INBOUND_TYPES:
                        raise Stuck(f"the log refuses a frame: {each.event.payload!r:.200}")
                    assert self._recorded([each.without()], now)

    def _recorded(self, planned: Sequence[Planned], now: datetime) -> bool:
        """Append events, and return True; False if the log refuses them."""
        first, number = planned[0].event, self._batch + 1
        try:
            with self._engine.begin() as connection:
                raw = driver_connection(connection)
                if first.kind in OF_PEOPLE:
                    submit_decision(
                        raw,
                        gateway=self._gateway,
                        writer=_WRITER,
                        batch=number,
                        now=now,
                        kind=first.kind,
                        payloads=[first.payload],
                        accounts=[first.account],
                        name="evil",
                    )
                else:
                    new = [_new(each.event) for each in planned]
                    append(raw, gateway=self._gateway, writer=_WRITER, batch=number, now=now, events=new)
        except (AppendRefused, UnicodeDecodeError, psycopg.errors.InsufficientPrivilege):
            return False
        self._batch += 1
        return True


def _of_others(table: str, column: str) -> bool:
    """True if other accounts may speak to a column; what is stored to go on folding repeats such columns."""
    return column == "data" or (table in {"breaks", "break_history"} and column in OF_OTHERS)


def _new(event: Event) -> NewEvent:
    return NewEvent(event.kind, event.payload, event.received_at, event.account, event.session)
