"""The archive that a command is given, and what a person is told of events that are in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recon.errors import ConfigError
from recon.log.stored_event import StoredEvent
from recon.log.stretch import Stretch

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from recon.archive.directory import ArchiveDirectory
    from recon.projection.reading import Reading

ArchiveOption = Annotated[
    Path | None,
    typer.Option("--archive", metavar="DIR", help="The directory with the events that are archived."),
]


def archive_directory(path: Path) -> ArchiveDirectory:
    """Return the archive at a path. Raise ConfigError where the library for its files is not installed."""
    if find_spec("pyarrow") is None:
        raise ConfigError("archived events are Parquet files: install recon[archive]")
    from recon.archive.directory import ArchiveDirectory  # noqa: PLC0415 - most commands read no archive

    return ArchiveDirectory(path)


def read_archive(path: Path | None) -> Callable[[Sequence[Stretch], int], Iterator[StoredEvent]] | None:
    """Return what reads archived events after a position; None without an archive. Errors: ConfigError."""
    if path is None:
        return None
    directory = archive_directory(path)
    from recon.archive.stretch_file import events_after  # noqa: PLC0415

    return partial(events_after, directory)


def reading_of(path: Path | None, connection: Connection, gateway: str) -> Reading:
    """Return how a log is folded: with its archive, where one is given. Errors: ConfigError, IntegrityError."""
    from recon.projection.reading import LIVE, Reading  # noqa: PLC0415 - brings the fold

    if path is None:
        return LIVE
    directory = archive_directory(path)
    from recon.archive.pages import pages_of  # noqa: PLC0415

    return Reading(pages_of(connection, directory, gateway))
