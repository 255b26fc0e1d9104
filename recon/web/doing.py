"""Doing what a form asks: one transaction of the person's own login, and then what the books made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import structlog
import trio

from recon.db.transactions import Database
from recon.deciding.recording import Recorded, are_folded, findings_at, refusals, wake
from recon.display.figures import count
from recon.errors import DecisionRefused
from recon.web.forms import Form, check_secret
from recon.web.screen import Deed, Done, Wanted
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
            return Note("good", done.said)
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
            return Note("stale", "Written, not yet in the books.", rest)
        refused = refusals(await database.run(partial(findings_at, recorded=done.recorded), deadline=ASK_SECONDS))
        if refused:
            why = "; ".join(dict.fromkeys(str(row["message"]) for row in refused))
            return Note("bad", "Refused by the books:", f"{why}. {where} is in the log, and changed nothing.")
        return Note("good", done.said, f"{where}.")


def _where(recorded: Sequence[Recorded]) -> str:
    """Return the events in words."""
    return ", ".join(
        f"Event {count(each.first_seq)}{'' if each.first_seq == each.last_seq else f' to {count(each.last_seq)}'}"
        f" of {each.gateway}"
        for each in recorded
    )
