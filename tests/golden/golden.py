"""What a day comes to, in four hashes that know nothing of how the fold names or keeps things."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypedDict

from sqlalchemy import Engine, text

from recon.ledger.units import Entry
from recon.log.events import Event
from recon.projection.step import step
from recon.projection.store.digest import digest_of
from recon.reconciliation.model.snapshot import Transition
from recon.times import microseconds
from tests.golden.days import Recorded

FILE: Final = Path(__file__).with_name("golden.json")
SCHEMA: Final = Path(__file__).with_name("schema.json")
#: The columns that analysts rely on, and where changes of them are told.
PROMISED: Final = Path(__file__).with_name("catalogue.json")
CHANGES: Final = Path(__file__).parents[2] / "CHANGELOG.md"

_APPEND: Final = text(
    "SELECT recon_store.append_any('golden', :writer, :batch, :us, :kinds, :accounts, :sessions, :times, :redacted,"
    " :payloads)"
)


class Golden(TypedDict):
    """The hashes of one day: what went in, what came out, and the edition in the database."""

    log: str
    transitions: str
    entries: str
    edition: str


def golden_of(day: Recorded, engine: Engine) -> Golden:
    """Return a day's hashes; the engine is a superuser's, of an empty database."""
    return Golden(
        log=_hash(_event(each) for each in day.log),
        transitions=_hash(_transition(each) for each in day.fold.reconciler.transitions),
        entries=_hash(_entry(each) for each in day.fold.ledger.changes.entries),
        edition=_edition(day.log, engine),
    )


def _hash(rows: Iterable[list[object]]) -> str:
    total = hashlib.sha256()
    for row in rows:
        total.update(json.dumps([None if each is None else str(each) for each in row]).encode() + b"\n")
    return total.hexdigest()[:32]


def _event(event: Event) -> list[object]:
    return [event.seq, event.recorded_at, event.kind, event.account, event.session, event.payload.hex()]


def _entry(entry: Entry) -> list[object]:
    return [
        entry.account, entry.kind, entry.unit, entry.number, entry.seq, entry.recorded_us, entry.occurred_us,
        entry.amount, entry.running, entry.cause, entry.certainty, entry.break_id, entry.replaces, entry.fact,
    ]  # fmt: skip


def _transition(each: Transition) -> list[object]:
    known, facts = each.break_, each.snapshot
    return [
        each.account, each.kind, each.unit, each.event, each.seq, each.us, each.reason, each.actor,
        known.id, known.case_id, known.state, known.amount, known.cause, known.certainty, known.after_seq,
        known.until_seq, *((tried.cause, tried.fits) for tried in known.tried),
        facts.opening, facts.reported, facts.expected, facts.explained, facts.unexplained,
    ]  # fmt: skip


def _edition(log: list[Event], engine: Engine) -> str:
    with engine.begin() as connection:
        for event in log:
            us = microseconds(event.recorded_at)
            connection.execute(
                _APPEND,
                {
                    "writer": f"00000000-0000-0000-0000-{event.seq:012}", "batch": 1, "us": us, "kinds": [event.kind],
                    "accounts": [event.account], "sessions": [event.session], "times": [us], "redacted": [False],
                    "payloads": [event.payload],
                },
            )  # fmt: skip
    working = None
    while True:
        with engine.begin() as connection:
            done = step(connection, "golden", working, limit=500)
        working = done.working_set
        if not done.folded:
            break
    with engine.begin() as connection:
        return digest_of(connection, "golden", done.working_set.edition)
