"""Doing what a form asks: one transaction of the person's own login, and then what the books made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import structlog
import trio

from recon.db.source import Row
from recon.db.transactions import Database
from recon.deciding.recording import Recorded, are_folded, findings_at, refusals, wake
from recon.display.figures import count
from recon.errors import DecisionRefused
from recon.web.forms import Form, check_secret
from recon.web.screen import Deed, Done, Outcome, Wanted
from recon.web.sessions import Note, Session

#: Longest to decide, and one question whether it is folded, in seconds.
DECIDE_SECONDS: Final = 10.0
ASK_SECONDS: Final = 5.0
#: Longest wait until a decision is folded, and between two questions, in seconds.
FOLD_SECONDS: Final = 4.0
ASK_AGAIN_SECONDS: Final = 0.1

_log = structlog.get_logger(__name__)


class Doing:
    """Does what people ask on the page."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def check(self, form: Form, session: Session) -> None:
        """Refuse a form that is not of the session. Errors: DocumentRefused."""
        check_secret(form, session.csrf)

    async def do(self, deed: Deed, path: Mapping[str, str], form: Form, session: Session) -> str:
        """Do it, tell the person by a note, and return where to go on.

        Errors: DocumentRefused, ConfigError, DecisionRefused, AppendRefused, DatabaseError; nothing is written then.
        """
        self.check(form, session)
        if not session.connection.person.acts:
            raise DecisionRefused(f"{session.login} is no member of recon_operator")
        database = session.connection.database
        wanted = Wanted(path, form, session.login, self._now())
        done: Done = await database.run(lambda connection: deed.do(connection, wanted), deadline=DECIDE_SECONDS)
        _log.info("acted on the page", login=session.login, deed=deed.name)
        session.notes.append(await self._note(database, done))
        return done.to

    async def _note(self, database: Database, done: Done) -> Note:
        """Say what was written, and what the books made of it."""
        if not done.recorded:
            return note_of(done, []) if done.outcomes else Note("good", done.said)
        await database.run(partial(wake, recorded=done.recorded), deadline=ASK_SECONDS)
        folded = False
        with trio.move_on_after(FOLD_SECONDS):
            while not folded:
                folded = await database.run(partial(are_folded, recorded=done.recorded), deadline=ASK_SECONDS)
                if not folded:
                    await trio.sleep(ASK_AGAIN_SECONDS)
        where = _where(done.recorded)
        if not folded:
            rest = f"{done.said} {where} waits for the books; it takes effect when they pass it."
            return Note(
                "stale", "Written, not yet in the books.", rest, lines=[_line(each, []) for each in done.outcomes]
            )
        refused = refusals(await database.run(partial(findings_at, recorded=done.recorded), deadline=ASK_SECONDS))
        if done.outcomes:
            return note_of(done, refused)
        if refused:
            why = "; ".join(dict.fromkeys(str(row["message"]) for row in refused))
            return Note("bad", "Refused by the books:", f"{why}. {where} is in the log, and changed nothing.")
        return Note("good", done.said, f"{where}.", undo=done.undo)


def note_of(done: Done, refused: Sequence[Row]) -> Note:
    """Return what became of each of several decisions; `refused` are findings by which the books refused some."""
    lines = [_line(each, refused) for each in done.outcomes]
    failed = sum(bool(each.refused or _refusing(each, refused)) for each in done.outcomes)
    if failed == len(lines):
        return Note("bad", "Nothing changed.", "Each case says why:", lines=lines)
    return Note("wait" if failed else "good", done.said, f"{failed} refused." if failed else "", lines=lines)


def _line(outcome: Outcome, refused: Sequence[Row]) -> str:
    if outcome.refused:
        return f"{outcome.what}: not written. {outcome.refused}"
    why = _refusing(outcome, refused)
    where = _where(outcome.recorded)
    return (
        f"{outcome.what}: refused by the books. {why}; {where} changed nothing" if why else f"{outcome.what}: {where}"
    )


def _refusing(outcome: Outcome, refused: Sequence[Row]) -> str:
    """Return why the books refused a decision; empty: they did not."""
    messages = [
        str(row["message"])
        for row in refused
        for each in outcome.recorded
        if row["gateway"] == each.gateway and each.first_seq <= int(str(row["seq"])) <= each.last_seq
    ]
    return "; ".join(dict.fromkeys(messages))


def _where(recorded: Sequence[Recorded]) -> str:
    """Return the events in words."""
    return ", ".join(
        f"Event {count(each.first_seq)}{'' if each.first_seq == each.last_seq else f' to {count(each.last_seq)}'}"
        f" of {each.gateway}"
        for each in recorded
    )
