"""Where the players play: fresh databases of one embedded server, or memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, TypeAlias

import psycopg
from psycopg import sql
from sqlalchemy import Engine

from recon.db.embedded.cluster import SUPERUSER
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.engine import create_engine, libpq_url
from recon.db.migrate import migrate
from recon.db.roles import OWNER, SERVICE
from tests.fuzz.players import MemoryPlayer, Player, PostgresPlayer

GATEWAY: Final = "fuzz"
TEMPLATE: Final = "recon_fuzz_template"
#: Durability is not what is tried here.
_FAST: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
_numbers: Final = count(1)

#: A pair of fresh players: for the log, and for the log without the hostile events.
Players: TypeAlias = "Callable[[], AbstractContextManager[tuple[Player, Player]]]"


@contextmanager
def in_memory() -> Iterator[tuple[Player, Player]]:
    """Return a pair of players that fold in memory."""
    yield MemoryPlayer(GATEWAY), MemoryPlayer(GATEWAY)


def in_postgres(server: EmbeddedPostgres, template: str) -> Players:
    """Return what makes pairs of players, each with a database of its own copied from a migrated one."""

    @contextmanager
    def players() -> Iterator[tuple[Player, Player]]:
        with ExitStack() as stack:
            opens = partial(_opened, server, template, stack)
            yield PostgresPlayer(opens, GATEWAY), PostgresPlayer(opens, GATEWAY)

    return players


def _opened(server: EmbeddedPostgres, template: str, stack: ExitStack) -> Engine:
    """Make a database and return its engine; it is dropped when the stack ends."""
    name = f"fuzz_{next(_numbers)}"
    administration = stack.enter_context(psycopg.connect(libpq_url(server.url(SUPERUSER, "postgres")), autocommit=True))
    names = map(sql.Identifier, (name, template, OWNER))
    administration.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*names))
    stack.callback(administration.execute, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    engine = create_engine(server.url(SERVICE, name), "recon fuzz")
    stack.callback(engine.dispose)
    return engine


@contextmanager
def server() -> Iterator[Players]:
    """Start an embedded server with a migrated template; all of it is removed at the end."""
    place = Path(tempfile.mkdtemp(prefix="recon-fuzz-"))
    place.chmod(0o711)
    try:
        with EmbeddedPostgres(place / "data", options=_FAST, sync=False) as running:
            with psycopg.connect(libpq_url(running.url(SUPERUSER, "postgres")), autocommit=True) as administration:
                names = map(sql.Identifier, (TEMPLATE, OWNER))
                administration.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))
            migrate(running.url(OWNER, TEMPLATE))
            yield in_postgres(running, TEMPLATE)
    finally:
        shutil.rmtree(place)
