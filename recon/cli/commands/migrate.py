"""`recon migrate`: the database brought to this version's schema."""

from __future__ import annotations

from typing import Annotated

import typer

from recon.cli.connection import connect, log_warnings_only
from recon.cli.options import Config, settings_of
from recon.cli.output import note, write
from recon.db.migrate import migrate as migrate_database
from recon.db.migrate import migrate_to, version_at
from recon.db.resolve import resolve_database
from recon.db.source import query_rows
from recon.db.version import newest_version
from recon.log.partitions import make_partitions


def migrate(
    config: Config = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="Another version than the newest, also an earlier one."),
    ] = None,
) -> None:
    """Bring the database to this version's schema.

    A running service of the version before goes on recording meanwhile. With an earlier version of the schema, the
    recon of that version takes over again (`recon docs operator`, 12).
    """
    log_warnings_only()
    with resolve_database(settings_of(config)) as handle:
        if to is not None:
            migrate_to(handle.require_owner_url(), to, lambda step: write(f"{step}\n"))
            write(f"the database is at version {to}\n")
            note("start the recon of that version, and run its `recon rebuild` if its books stand still")
            return
        before = version_at(handle.require_owner_url())
        migrate_database(handle.require_owner_url(), lambda step: write(f"{step}\n"))
        was = "" if before in {None, newest_version()} else f"; it was at {before}"
        write(f"the database is at version {newest_version()}{was}\n")
        make_partitions(handle.require_owner_url())
        _note_earlier_books(handle.require_owner_url())


def _note_earlier_books(url: str) -> None:
    """Say whose books an earlier version folded: nothing is folded there until they are made anew."""
    from recon.projection.fold import VERSION  # noqa: PLC0415 - other commands start without the fold

    earlier = "SELECT name FROM recon.gateways WHERE fold_version < :version ORDER BY name"
    with connect(url, "migrate") as connection:
        found = query_rows(connection, earlier, {"version": VERSION})
    if found:
        names = ", ".join(str(row["name"]) for row in found)
        note(f"an earlier version folded the books of {names}, and they stand still; run `recon rebuild`")
