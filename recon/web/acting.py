"""Acting on breaks as a person: the same functions and the same four-eyes as the commands, by their own login.

1. The database says who decides: each request has a connection of the person's login, and none of the service's.
2. A shared login is refused: nobody would be authenticated.
3. The step is committed before it is folded; the answer says whether it was folded already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

import msgspec
import psycopg
import structlog
import trio
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from recon.db.engine import create_engine
from recon.db.parameters import CONNECT_TIMEOUT
from recon.db.source import Row, query_rows
from recon.db.transactions import Database, ThreadedDatabase
from recon.deciding.recording import Recorded, append_decisions, are_folded, findings_at, refusals, wake
from recon.deciding.rights import reads_only
from recon.deciding.selection import BreakFilter, SelectedBreak, case, one_break, select_breaks
from recon.deciding.steps import decisions_of, outcomes, without_none
from recon.errors import DatabaseError, DecisionRefused, LoginRefused
from recon.web.identity import Identity
from recon.web.messages import Acknowledge, Action, Assign, Silence
from recon.web.person_connection import person_of, ping

#: Longest of each: to log in, to decide, and one question whether it is folded, in seconds.
ENTER_SECONDS: Final = 8.0
DECIDE_SECONDS: Final = 10.0
ASK_SECONDS: Final = 5.0
#: Longest wait until a decision is folded, and between two questions, in seconds.
FOLD_SECONDS: Final = 5.0
ASK_AGAIN_SECONDS: Final = 0.1

_SILENCE: Final = """
    SELECT recon_store.silence(:until, CAST(:reason AS text), NULL, CAST(:gateway AS text), NULL, NULL,
                               CAST(:case AS text), NULL) AS id
"""

_log = structlog.get_logger(__name__)


class Decided(msgspec.Struct, frozen=True):
    """A step that is in the log, before it is folded."""

    selected: list[SelectedBreak]
    recorded: list[Recorded]


async def act(
    identity: Identity, action: Action, service: Database, now: Callable[[], datetime]
) -> Mapping[str, object]:
    """Do what a person asks, and return the answer.

    Errors: LoginRefused; ConfigError where no such break is there; DecisionRefused where the lifecycle, the right of
    the login or four-eyes forbids it; AppendRefused; DatabaseError. Where the service's database cannot be asked
    either, a login is not refused.
    """
    engine = create_engine(identity.url.get_secret_value(), "recon web", pool_size=1, connect_timeout=CONNECT_TIMEOUT)
    database = ThreadedDatabase(engine, 1)
    try:
        login = await _enter(database, identity, service)
        if isinstance(action, Silence):
            answer = await database.run(partial(_silence, action=action), deadline=DECIDE_SECONDS)
        else:
            answer = await _decide(database, action, login, now())
    finally:
        engine.dispose()
    _log.info("acted over http", login=login, action=answer["action"])
    return answer


async def _enter(database: Database, identity: Identity, service: Database) -> str:
    """Return the login that the database knows. Errors: LoginRefused, DatabaseError."""
    try:
        return await database.run(partial(_enter_as, by_password=identity.by_password), deadline=ENTER_SECONDS)
    except DatabaseError:
        # A server that answers the service, and not this login, has refused it.
        await service.run(ping, deadline=ASK_SECONDS)
        raise LoginRefused("the database does not know this login and password") from None


def _enter_as(connection: Connection, *, by_password: bool) -> str:
    person = person_of(connection, by_password=by_password)
    if not person.acts:
        raise LoginRefused(reads_only(person.login))
    return person.login


async def _decide(database: Database, action: Acknowledge | Assign, login: str, at: datetime) -> Mapping[str, object]:
    decided = await database.run(partial(_record, action=action, login=login, at=at), deadline=DECIDE_SECONDS)
    await database.run(partial(wake, recorded=decided.recorded), deadline=ASK_SECONDS)
    folded = False
    with trio.move_on_after(FOLD_SECONDS):
        while not folded:
            folded = await database.run(partial(are_folded, recorded=decided.recorded), deadline=ASK_SECONDS)
            if not folded:
                await trio.sleep(ASK_AGAIN_SECONDS)
    tell = partial(_outcome, decided=decided, folded=folded)
    rows = await database.run(tell, deadline=ASK_SECONDS)
    action_name = "acknowledge" if isinstance(action, Acknowledge) else "assign"
    return {"action": action_name, "by": login, "folded": folded, "breaks": rows}


def _record(connection: Connection, *, action: Acknowledge | Assign, login: str, at: datetime) -> Decided:
    selected = select_breaks(connection, BreakFilter(action.breaks, action.case), "assign")
    payload = {"assignee": login if isinstance(action, Acknowledge) else action.to, **without_none(text=action.text)}
    return Decided(selected, append_decisions(connection, decisions_of("assign", payload, selected), None, at))


def _outcome(connection: Connection, *, decided: Decided, folded: bool) -> list[Row]:
    """Return what became of each break. Errors: DecisionRefused where the fold refused it for all."""
    refused = refusals(findings_at(connection, decided.recorded)) if folded else []
    if refused and len(refused) >= len(decided.selected):
        raise DecisionRefused("\n".join(dict.fromkeys(str(row["message"]) for row in refused)))
    return outcomes(connection, "assign", decided.selected, decided.recorded, refused, folded=folded)


def _silence(connection: Connection, *, action: Silence) -> Mapping[str, object]:
    """Silence the cases of the breaks. Errors: as `act`."""
    breaks = [one_break(connection, each) for each in action.breaks]
    if action.case is not None:
        breaks = case(connection, action.case)
    cases = dict.fromkeys((each.gateway, each.case_id) for each in breaks)
    made: list[Row] = []
    try:
        for gateway, case_id in cases:
            values = {"until": action.until, "reason": action.text, "gateway": gateway, "case": case_id}
            (row,) = query_rows(connection, _SILENCE, values)
            made.append({"id": row["id"], "gateway": gateway, "case": case_id})
    except DBAPIError as error:
        refused = error.orig if isinstance(error.orig, psycopg.Error) else None
        if refused is None or refused.sqlstate not in {"22023", "54000", "42501"}:
            raise
        raise DecisionRefused(refused.diag.message_primary or "the database refused the silence") from error
    return {"action": "silence", "until": action.until, "silences": made}
