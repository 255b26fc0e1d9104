"""The page of a demonstration: where it is, and the two people who may decide on it, so that four-eyes can be tried."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec
import psycopg
from psycopg import sql

from recon.db.embedded.cluster import SUPERUSER
from recon.db.embedded.passwords import verifier
from recon.db.engine import libpq_url
from recon.db.resolve import DatabaseHandle
from recon.db.roles import OPERATOR
from recon.web.listening import listening_at

#: Where the page is, if nothing else is there.
HOST: Final = "127.0.0.1"
PORT: Final = 8080
PEOPLE: Final = ("alice", "bob")
#: Bytes of chance in a password that a person types.
PASSWORD_BYTES: Final = 6


class DemoPage(msgspec.Struct, frozen=True):
    """The socket at which the page listens, its address, and the passwords of the people who may decide."""

    bound: socket.socket
    listen: str
    people: Mapping[str, str]

    @property
    def address(self) -> str:
        """Return what a browser opens."""
        return f"http://{self.listen}/"

    @property
    def settings(self) -> dict[str, object]:
        """Return the table `[web]` but for the reader."""
        return {"listen": self.listen}


@contextmanager
def listening_page() -> Iterator[DemoPage]:
    """Listen at an address of the page's own until the block ends: it is named, so nobody else may take it.

    Errors: OSError where this machine has no port left.
    """
    with _listening() as bound:
        people = {name: secrets.token_urlsafe(PASSWORD_BYTES) for name in PEOPLE}
        yield DemoPage(bound, f"{HOST}:{bound.getsockname()[1]}", people)


def make_people(handle: DatabaseHandle, people: Mapping[str, str]) -> None:
    """Make the logins of the people on a server of our own. Errors: DatabaseError."""
    if handle.embedded is not None:
        with psycopg.connect(libpq_url(handle.embedded.url(SUPERUSER)), autocommit=True) as connection:
            for name, password in people.items():
                statement = "CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}"
                connection.execute(
                    sql.SQL(statement).format(
                        sql.Identifier(name), sql.Literal(verifier(password)), sql.Identifier(OPERATOR)
                    )
                )


def _listening() -> socket.socket:
    """Listen at the usual port, or at another where it is taken."""
    try:
        return listening_at(HOST, PORT)
    except OSError:
        return listening_at(HOST, 0)
