"""The heads of all logs at one time: read from the database, and kept in a file elsewhere (architecture 2.3)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.errors import ConfigError
from recon.log.events import Head
from recon.log.verify import logs
from recon.private_files import write_private

#: Largest file of exported heads, in bytes.
MAX_HEADS_BYTES: Final = 16 << 20

_LAST: Final = """
SELECT seq, encode(digest, 'hex'), recorded_at FROM recon_store.log_events WHERE gateway = %s ORDER BY seq DESC LIMIT 1
"""


class Heads(msgspec.Struct, frozen=True):
    """The heads of all logs at one time, as `recon verify --export-head` writes them."""

    exported_at: datetime
    heads: list[Head]


class LastEvent(msgspec.Struct, frozen=True):
    """The last event of a log as it is stored: its head, and its log time."""

    head: Head
    recorded_at: datetime


def last_events(connection: Connection) -> list[LastEvent]:
    """Return the last event of each log that is not empty; nothing is recomputed."""
    found = []
    for gateway in logs(connection):
        with cursor_of(connection) as cursor:
            cursor.execute(_LAST, (gateway,))
            row = cursor.fetchone()
        if row is not None:
            found.append(LastEvent(Head(gateway, row[0], row[1]), row[2]))
    return found


def read_heads(path: Path) -> Heads:
    """Read exported heads. Errors: ConfigError."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_HEADS_BYTES + 1)
        return msgspec.json.decode(content, type=Heads)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or 'unknown reason'}") from error
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: has no heads exported by `recon verify --export-head`") from error


def write_heads(path: Path, heads: Heads) -> None:
    """Write exported heads, the whole file or nothing. Errors: ConfigError."""
    try:
        write_private(path, msgspec.json.format(msgspec.json.encode(heads), indent=1) + b"\n")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or 'unknown reason'}") from error
