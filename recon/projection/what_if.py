"""Breaks under different rules: the whole log folded under them, and compared with the current breaks.

1. Rules take the place of every rules event of the log, so the question is about all of history, with one answer.
2. The current edition, its checkpoint and its alerts are not touched; the edition that answers is deleted.
3. Both sides are read at the same log position, under the current checkpoint's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import msgspec
import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from recon.db.engine import create_engine
from recon.db.errors import database_error
from recon.db.raw import cursor_of
from recon.errors import DocumentRefused, ProjectionError
from recon.ledger.rules import RecoveryRules, parse_rules
from recon.log import events
from recon.log.events import Event
from recon.log.read import Pages, page
from recon.projection.checkpoint import current_edition, lock
from recon.projection.editions import (
    NEAR_EVENTS,
    Progress,
    delete_edition,
    delete_retired,
    exclusive,
    fold_to,
    fold_until_near,
    new_edition,
)
from recon.projection.failures import reason_of
from recon.projection.fold import VERSION, DecodedEvent, EventDecoder, decode_event, leaving_out
from recon.projection.reading import Reading
from recon.projection.refusals import Refusal, Refusals
from recon.projection.working_set import WorkingSet


class KnownBreak(msgspec.Struct, frozen=True):
    """A break as one edition has it."""

    id: str
    account: str
    kind: str
    unit: str
    cause: str
    certainty: str
    state: str
    #: In the unit itself, signed; in USD, None where no rate is known.
    amount: Decimal
    amount_usd: Decimal | None
    after_seq: int
    until_seq: int

    @property
    def seen(self) -> tuple[Decimal, str, str]:
        """Return the fields that make two breaks differ."""
        return (self.amount, self.cause, self.state)


class Difference(msgspec.Struct, frozen=True):
    """A break that the other rules would open, avoid or change: as it is, and as it would be."""

    what: Literal["appears", "vanishes", "changes"]
    now: KnownBreak | None
    then: KnownBreak | None


class WhatIfReport(msgspec.Struct, frozen=True):
    """The result under the other rules, at a log position."""

    gateway: str
    seq: int
    breaks_now: int
    breaks_then: int
    differences: list[Difference]


def what_if(
    url: str, gateway: str, rules: bytes, *, progress: Progress | None = None, pages: Pages = page
) -> WhatIfReport:
    """Fold a gateway's log under other rules (the payload of a rules event), and compare its breaks.

    `progress` is told events done and events in all. `pages` has the archive of a log that has one.
    Errors: ProjectionError where the current edition was folded by another version, or events are archived;
    DatabaseError where the database failed (what was begun is removed).
    """
    engine = create_engine(url, "recon what-if", pooled=False)
    try:
        with exclusive(engine, gateway, "what-if"):
            delete_retired(engine, gateway)
            with engine.begin() as connection:
                edition = new_edition(connection, gateway, "what-if")
            try:
                return _answer(engine, gateway, edition, rules, progress, pages)
            finally:
                delete_edition(engine, gateway, edition)
    except (SQLAlchemyError, psycopg.Error) as error:
        raise database_error(error, f"asking what if of gateway {gateway!r} failed") from error
    finally:
        engine.dispose()


def with_rules(rules: bytes) -> EventDecoder:
    """Return a decoder of events that puts these rules in the place of all rules in the log.

    Whether what gaps hid is asked for stays as it was: the log has no other answers.
    """
    wanted = msgspec.json.decode(rules, type=dict[str, msgspec.Raw])

    def reading(event: Event) -> DecodedEvent:
        if event.kind in {events.RULES, events.RULES_PROPOSED}:
            payload = msgspec.json.encode({**wanted, "recovery": _recovery_of(event)})
            return DecodedEvent(msgspec.structs.replace(event, payload=payload, readable=True), None)
        return decode_event(event)

    return reading


def _recovery_of(event: Event) -> RecoveryRules:
    try:
        return parse_rules(event.payload).recovery
    except DocumentRefused:
        return RecoveryRules()


def _answer(
    engine: Engine, gateway: str, edition: int, rules: bytes, progress: Progress | None, pages: Pages
) -> WhatIfReport:
    # Under other rules another event may fail. It is left out of the answer only: a question changes no log.
    left_out = Refusals(VERSION)
    reading = Reading(pages, leaving_out(left_out, with_rules(rules)))

    def refuse(refusal: Refusal, error: Exception) -> None:
        if left_out.of(refusal.seq) is not None:
            raise error
        left_out.add(refusal)

    for near in (NEAR_EVENTS, 0):
        working_set = fold_until_near(engine, gateway, edition, progress, refuse=refuse, reading=reading, near=near)
        try:
            return _compare(engine, gateway, edition, working_set, reading, progress)
        except Exception as error:
            if near == 0 or reason_of(error) is None:
                raise
    raise ProjectionError(f"the log of gateway {gateway!r} could not be folded to its end; ask again")


def _compare(
    engine: Engine,
    gateway: str,
    edition: int,
    working_set: WorkingSet | None,
    reading: Reading,
    progress: Progress | None,
) -> WhatIfReport:
    """Under the current edition's lock, fold the rest, and compare breaks."""
    with engine.begin() as connection:
        current = current_edition(connection, gateway)
        checkpoint = lock(connection, gateway, current)
        if checkpoint.state != "current":
            raise ProjectionError(f"the current edition of gateway {gateway!r} changed meanwhile; ask again")
        seq, version = checkpoint.seq, checkpoint.fold_version
        if version != VERSION:
            raise ProjectionError(
                f"the books of gateway {gateway!r} were folded by version {version}, this is {VERSION};"
                " run `recon rebuild` first, or the versions would be compared too"
            )
        fold_to(connection, gateway, edition, working_set, seq, progress, reading)
        now, then = _breaks(connection, gateway, current), _breaks(connection, gateway, edition)
    return WhatIfReport(gateway, seq, len(now), len(then), differences(now, then))


def _breaks(connection: Connection, gateway: str, edition: int) -> list[KnownBreak]:
    """Return the breaks, in the order of their origin."""
    with cursor_of(connection) as cursor:
        cursor.execute(
            "SELECT id, account, unit_kind, unit, cause, certainty, state, amount, amount_usd, after_seq, until_seq"
            " FROM recon_store.breaks WHERE gateway = %s AND edition = %s"
            " ORDER BY after_seq, id",
            (gateway, edition),
        )
        return [KnownBreak(*row) for row in cursor]


def differences(now: Sequence[KnownBreak], then: Sequence[KnownBreak]) -> list[Difference]:
    """Return the differences between two sets of breaks, in the order of their origins.

    The same break has the same id; or else the same unit, and an origin that overlaps: other rules may see it later.
    """
    later = {known.id: known for known in then}
    pairs = {known.id: later.pop(known.id) for known in now if known.id in later}
    for known in now:
        if known.id not in pairs:
            same = next((each for each in later.values() if _overlap(known, each)), None)
            if same is not None:
                pairs[known.id] = later.pop(same.id)
    rows: list[Difference] = []
    for known in now:
        other = pairs.get(known.id)
        if other is None:
            rows.append(Difference("vanishes", known, None))
        elif other.seen != known.seen:
            rows.append(Difference("changes", known, other))
    rows += [Difference("appears", None, fresh) for fresh in later.values()]
    return sorted(rows, key=_origin)


def _overlap(one: KnownBreak, other: KnownBreak) -> bool:
    same = (one.account, one.kind, one.unit) == (other.account, other.kind, other.unit)
    return same and one.after_seq < other.until_seq and other.after_seq < one.until_seq


def _origin(difference: Difference) -> tuple[int, str]:
    known = difference.now or difference.then
    return (0, "") if known is None else (known.after_seq, known.id)
