"""Rebuild: fold the whole log into another edition, compare, and make it current (architecture 3).

1. The same version of the fold must give the same digest; another one is refused and reported, and nothing changes.
2. A new version of the fold may differ: its edition becomes current, and the difference is told.
3. The switch is one row under the checkpoint's lock; views and the running projector go on with the new edition.
4. An event that the new version cannot take is refused in the log. An event that the same version cannot take again is
   an error: the current books hold it.
5. Alerts of old transitions are not sent again: only the live projector of the current edition makes any.
"""

from __future__ import annotations

import msgspec
import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from recon.db.engine import create_engine
from recon.db.errors import database_error
from recon.db.raw import cursor_of
from recon.display.words import counted
from recon.errors import ProjectionError
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
from recon.projection.fold import VERSION
from recon.projection.quarantine import refuse
from recon.projection.reading import LIVE, Reading
from recon.projection.refusals import Refusal
from recon.projection.store.digest import digest_of
from recon.projection.working_set import WorkingSet


class RebuildResult(msgspec.Struct, frozen=True):
    """The result of a rebuild: `same` if the digests agree, `switched` if the new edition is current."""

    gateway: str
    edition: int
    events: int
    digest: str
    same: bool
    switched: bool


def rebuild(url: str, gateway: str, *, progress: Progress | None = None, reading: Reading = LIVE) -> RebuildResult:
    """Fold a gateway's log from its first event, compare with the current edition, and switch.

    `progress` is told events done and events in all. `reading` has the archive of a log that has one.
    Errors: ProjectionError where the same version of the fold gave other books (the current edition stays), or events
    are archived; DatabaseError where the database failed (what was begun is removed).
    """
    engine = create_engine(url, "recon rebuild", pooled=False)
    try:
        return _rebuild(engine, gateway, progress, reading)
    except (SQLAlchemyError, psycopg.Error) as error:
        raise database_error(error, f"the rebuild of gateway {gateway!r} failed") from error
    finally:
        engine.dispose()


def _rebuild(engine: Engine, gateway: str, progress: Progress | None, reading: Reading) -> RebuildResult:
    with exclusive(engine, gateway, "building"):
        with engine.begin() as connection:
            edition = new_edition(connection, gateway, "building")
        switched = False
        try:
            result = _fold_and_switch(engine, gateway, edition, progress, reading)
            switched = result.switched
        finally:
            if not switched:
                delete_edition(engine, gateway, edition)
        delete_retired(engine, gateway)
        return result


def _fold_and_switch(
    engine: Engine, gateway: str, edition: int, progress: Progress | None, reading: Reading
) -> RebuildResult:
    def refuse_event(refusal: Refusal, error: Exception) -> None:
        with engine.begin() as connection:
            version = lock(connection, gateway, current_edition(connection, gateway)).fold_version
            if version == VERSION:
                raise ProjectionError(
                    f"event {refusal.seq} of gateway {gateway!r}, which the current books hold, cannot be folded again:"
                    f" {refusal.reason}; the current books stay, please report this"
                ) from error
            refuse(connection, gateway, refusal, edition)

    for near in (NEAR_EVENTS, 0):
        working_set = fold_until_near(
            engine, gateway, edition, progress, refuse=refuse_event, near=near, reading=reading
        )
        try:
            return _compare_and_switch(engine, gateway, edition, working_set, progress, reading)
        except Exception as error:
            if near == 0 or reason_of(error) is None:
                raise
            # The event is found without the lock, and the rest is folded again.
    raise ProjectionError(f"the log of gateway {gateway!r} could not be folded to its end; rebuild again")


def _compare_and_switch(
    engine: Engine,
    gateway: str,
    edition: int,
    working_set: WorkingSet | None,
    progress: Progress | None,
    reading: Reading,
) -> RebuildResult:
    """Under the current edition's lock, fold the rest, compare digests, and switch."""
    with engine.begin() as connection:
        current = current_edition(connection, gateway)
        checkpoint = lock(connection, gateway, current)
        if checkpoint.state != "current":
            raise ProjectionError(f"the current edition of gateway {gateway!r} changed meanwhile; rebuild again")
        seq = checkpoint.seq
        working_set = fold_to(connection, gateway, edition, working_set, seq, progress, reading)
        done = working_set.seq if working_set is not None else 0
        ours, theirs = digest_of(connection, gateway, edition), digest_of(connection, gateway, current)
        same = ours == theirs and done == seq
        if not same and checkpoint.fold_version == VERSION:
            message = (
                f"gateway {gateway!r}: folding the same {counted(seq, 'event')} gave other books"
                f" ({ours[:16]} instead of {theirs[:16]}); the current ones stay, please report this"
            )
            raise ProjectionError(message)
        with cursor_of(connection) as cursor:
            for wanted, name in (("retired", current), ("current", edition)):
                cursor.execute(
                    "UPDATE recon_store.editions SET state = %s WHERE gateway = %s AND edition = %s",
                    (wanted, gateway, name),
                )
    return RebuildResult(gateway=gateway, edition=edition, events=seq, digest=ours, same=same, switched=True)
