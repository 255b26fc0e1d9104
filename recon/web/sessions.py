"""The sessions of people who logged in: in memory alone, bounded, and over after a while.

1. A browser holds a secret in a cookie; here is only its hash. A restart of the service logs everybody out.
2. A session ends when nobody used it for IDLE_SECONDS, LIFE_SECONDS after the login, and with its connection.
3. A person has at most PER_LOGIN sessions; the one that was used longest ago gives way.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from recon.errors import DatabaseError
from recon.web.person_connection import PersonConnection

#: Most sessions; each has one connection to the database.
MAX_SESSIONS: Final = 48
PER_LOGIN: Final = 3
IDLE_SECONDS: Final = 30 * 60.0
LIFE_SECONDS: Final = 12 * 3600.0
#: Bytes of chance in a secret.
SECRET_BYTES: Final = 32
#: Notes that wait to be shown to a person.
MAX_NOTES: Final = 4


class Note(msgspec.Struct, frozen=True):
    """What a person is told on the next screen: good, wait, stale or bad; what happened first, then the rest."""

    kind: str
    first: str
    rest: str = ""
    #: The form that undoes it on that screen; empty: there is none.
    undo: str = ""
    #: What became of each of several decisions.
    lines: Sequence[str] = ()


class Session:
    """One login of one person."""

    def __init__(self, connection: PersonConnection, at: float) -> None:
        self.connection = connection
        self.csrf = secrets.token_urlsafe(SECRET_BYTES)
        self.opened_at = at
        self.used_at = at
        self.notes: deque[Note] = deque(maxlen=MAX_NOTES)

    @property
    def login(self) -> str:
        """Return who logged in."""
        return self.connection.person.login

    def over(self, at: float) -> bool:
        """True if it has ended by itself."""
        return at >= self.used_at + IDLE_SECONDS or at >= self.opened_at + LIFE_SECONDS


class Sessions:
    """All sessions, by the hash of their secret; `at` is a steady time in seconds."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._sessions: dict[bytes, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def full(self, at: float) -> bool:
        """True if nobody can log in now."""
        self.expire(at)
        return len(self._sessions) >= MAX_SESSIONS

    def open(self, connection: PersonConnection, at: float) -> tuple[str, Session]:
        """Begin a session; return its secret. Errors: DatabaseError where there are too many."""
        self.expire(at)
        ours = [key for key, each in self._sessions.items() if each.login == connection.person.login]
        for key in sorted(ours, key=lambda key: self._sessions[key].used_at)[: max(0, len(ours) - PER_LOGIN + 1)]:
            self._close(key)
        if len(self._sessions) >= MAX_SESSIONS:
            connection.close()
            raise DatabaseError(f"{MAX_SESSIONS} people are logged in, and there is no room for more; try again later")
        secret = secrets.token_urlsafe(SECRET_BYTES)
        session = Session(connection, at)
        self._sessions[_key(secret)] = session
        return secret, session

    def find(self, secret: str, at: float, *, used: bool) -> Session | None:
        """Return the session of a secret; `used`: a person asks, and no script of an open page."""
        session = self._sessions.get(_key(secret))
        if session is None:
            return None
        if session.over(at):
            self._close(_key(secret))
            return None
        if used:
            session.used_at = at
        return session

    def close(self, secret: str) -> None:
        """End a session."""
        self._close(_key(secret))

    def expire(self, at: float) -> None:
        """End the sessions that are over."""
        for key in [key for key, each in self._sessions.items() if each.over(at)]:
            self._close(key)

    def close_all(self) -> None:
        """End every session."""
        for key in list(self._sessions):
            self._close(key)

    def _close(self, key: bytes) -> None:
        session = self._sessions.pop(key, None)
        if session is not None:
            session.connection.close()


def _key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
