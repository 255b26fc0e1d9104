"""The page of a demonstration: where it is, and the two people who may decide on it, so that four-eyes can be tried."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping
from typing import Final

import msgspec
import psycopg
from psycopg import sql

from recon.db.embedded.cluster import SUPERUSER
from recon.db.embedded.passwords import verifier
from recon.db.engine import libpq_url
from recon.db.resolve import DatabaseHandle
from recon.db.roles import OPERATOR

#: Where the page is, if nothing else is there.
HOST: Final = "127.0.0.1"
PORT: Final = 8080
PEOPLE: Final = ("alice", "bob")
#: Bytes of chance in a password that a person types.
PASSWORD_BYTES: Final = 6


class DemoPage(msgspec.Struct, frozen=True):
    """Where the page listens, its address for a browser, and the passwords of the people who may decide."""

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


def prepare_page(handle: DatabaseHandle) -> DemoPage:
    """Choose an address, and make the logins of the people. Errors: DatabaseError."""
    people = {name: secrets.token_urlsafe(PASSWORD_BYTES) for name in PEOPLE}
    if handle.embedded is not None:
        with psycopg.connect(libpq_url(handle.embedded.url(SUPERUSER)), autocommit=True) as connection:
            for name, password in people.items():
                statement = "CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}"
                connection.execute(
                    sql.SQL(statement).format(
                        sql.Identifier(name), sql.Literal(verifier(password)), sql.Identifier(OPERATOR)
                    )
                )
    return DemoPage(f"{HOST}:{_free_port()}", people)


def _free_port() -> int:
    """Return the usual port, or another where it is taken."""
    for port in (PORT, 0):
        try:
            with socket.create_server((HOST, port)) as probe:
                return int(probe.getsockname()[1])
        except OSError:
            continue
    return PORT
