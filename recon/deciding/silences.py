"""Silences: what a person asks not to be told of until a time, and its end. Synchronous, on their own connection.

Nothing is committed here: whoever called does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import psycopg
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.db.source import query_rows
from recon.errors import ConfigError, DecisionRefused

#: What a silence may be of.
NAMED: Final = ("gateway", "account", "unit", "case", "cause")

_HOLDING: Final = "SELECT id FROM recon.silences WHERE active AND starts_with(id, :start) LIMIT 9"
_SILENCE: Final = "SELECT recon_store.silence(%s, %s, %s, %s, %s, %s, %s, %s)"


def ask_for_silence(
    connection: Connection, until: datetime, reason: str, name: str | None, of: Mapping[str, str | None]
) -> str:
    """Store a silence under the login of the connection; return its id. `name` is who it is, where no login says so.

    Errors: ConfigError where it is not one that can be stored; DecisionRefused where the login may not.
    """
    return str(call(connection, _SILENCE, (until, reason, name, *(of.get(key) for key in NAMED))))


def end_silence(connection: Connection, start: str) -> str:
    """End the silence whose id begins so; return its id. Errors: ConfigError where none holds, or several do."""
    found = query_rows(connection, _HOLDING, {"start": start})
    if len(found) > 1:
        raise ConfigError(f"{len(found)} silences begin with {start!r}; give more of its id")
    id_ = str(found[0]["id"]) if found else start
    if not call(connection, "SELECT recon_store.unsilence(%s)", (id_,)):
        raise ConfigError(f"no silence {start!r} holds; see `recon alerts pending`")
    return id_


def call(connection: Connection, statement: str, given: tuple[object, ...]) -> object:
    """Call a function of the database; return what it returned. Errors: ConfigError, DecisionRefused."""
    if not connection.in_transaction():
        connection.begin()
    try:
        with cursor_of(connection) as cursor:
            cursor.execute(statement, given)
            row = cursor.fetchone()
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.ProgramLimitExceeded) as error:
        raise ConfigError(error.diag.message_primary or "the database refused it") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise DecisionRefused(error.diag.message_primary or "this login may not do that") from error
    return None if row is None else row[0]
