"""`recon archive`: old stretches of the logs moved to files (production 6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from recon.backup.directory import BackupDirectory
from recon.cli.archives import archive_directory
from recon.cli.connection import existing_database
from recon.cli.ended import ending_in_order
from recon.cli.options import Config, GatewayFilter, Json, settings_of
from recon.cli.output import Row, columns, note, print_json
from recon.cli.table import print_table
from recon.clock import utc_now
from recon.config import Settings
from recon.display.sizes import size as size_text
from recon.log.stretch import Stretch
from recon.times import parse_time

#: Whole partitions that stay in the database where nothing else is said.
KEEP: Final = 1

_MOVED: Final = columns("gateway", "first_seq", "last_seq", "until", "size", "file")
_PLANNED: Final = columns("gateway", "first_seq", "last_seq", "partition")


def archive(
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The archive; one directory holds all of it.")
    ],
    gateway: GatewayFilter = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="TIME", help="Only partitions that are older as a whole.")
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option("--keep", min=0, metavar="N", help=f"Keep the newest N whole partitions. [default: {KEEP}]"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be archived, and change nothing.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Move old parts of the log to Parquet files.

    A partition is moved once all books have folded it, the last signed day rests on later events, and the last backup
    holds it. Its files are proved before the database drops it. After a kill at any point, run it again.
    It acts as the owner of the tables: [database] migrate_url names that login.
    """
    if before is not None and keep is not None:
        raise typer.BadParameter("takes the place of --keep: give one of the two", param_hint="--before")
    settings, directory = settings_of(config), archive_directory(output)
    from recon.archive.moving import Wanted, kept_words, move, planned  # noqa: PLC0415 - slow to import

    wanted = Wanted(
        gateway=gateway,
        keep=0 if before is not None else KEEP if keep is None else keep,
        before=None if before is None else _time(before),
        backed_up=_backed_up(settings),
    )
    with ending_in_order(), existing_database(settings) as handle:
        url = handle.require_owner_url("partitions are dropped")
        if dry_run:
            plan = planned(url, wanted)
            rows: list[Row] = [each._asdict() for each in plan.stretches]
            dropped: Sequence[str] = ()
            remarks: Sequence[str] = kept_words(plan)
        else:
            done = move(url, directory, wanted, lambda each: note(f"{each.gateway}: {each.file}"))
            rows = [_row(each) for each in done.stretches]
            dropped, remarks = done.dropped, done.remarks
    if json:
        print_json({"planned" if dry_run else "archived": rows, "dropped": dropped, "remarks": remarks})
        return
    print_table(rows, _PLANNED if dry_run else _MOVED, empty="nothing is old enough to be archived")
    _say(dropped, remarks)


def _say(dropped: Sequence[str], remarks: Sequence[str]) -> None:
    for name in dropped:
        note(f"{name}: the database holds only what the books rest on")
    for remark in remarks:
        note(remark)


def _row(stretch: Stretch) -> Row:
    return {
        "gateway": stretch.gateway,
        "first_seq": stretch.first_seq,
        "last_seq": stretch.last_seq,
        "until": stretch.last_at,
        "size": size_text(stretch.size),
        "sha256": stretch.sha256,
        "file": stretch.file,
    }


def _time(text: str) -> datetime:
    at = parse_time(text, utc_now())
    if at is None:
        raise typer.BadParameter("must be a day, a time, or an age such as 90d", param_hint="--before")
    return at


def _backed_up(settings: Settings) -> dict[str, int] | None:
    """Return how far the last backup goes; None where none is expected. Errors: BackupError where none is there."""
    database = settings.database
    if settings.backup.backup_dir is None or database.url is not None or database.migrate_url is not None:
        return None
    heads = BackupDirectory(settings.backup.backup_dir).last().manifest.heads
    return {head.gateway: head.seq for head in heads}
