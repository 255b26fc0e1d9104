"""`recon backup`: backups of the embedded server, made, listed and compared with what they say of themselves."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from recon.backup.copying import differences, refuse_damaged
from recon.backup.directory import Backup, BackupDirectory, Unreadable
from recon.backup.take import take
from recon.backup.wal import prune_wal
from recon.cli.backups import backup_directory, embedded_data_dir, running_server
from recon.cli.options import Config, Json, settings_of, with_options
from recon.cli.output import Column, Row, note, print_json, write
from recon.cli.progress import progress_bar
from recon.cli.table import print_rows
from recon.cli.tables.options import TableOptions, one_look_options
from recon.clock import utc_now
from recon.config import Settings
from recon.display.ages import age as age_text
from recon.display.sizes import size as size_text
from recon.display.words import counted
from recon.errors import BackupError

BACKUPS: Final = [Column(key) for key in ("backup", "age", "size", "heads", "state")]


@with_options(one_look_options)
def backup(
    options: TableOptions,
    *,
    config: Config = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="The directory of backups; default: backup_dir.")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the backups, the newest first, and make none.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Compare every file of the last backup with its document, and make none.")
    ] = False,
    json: Json = False,
) -> None:
    """Back up the embedded Postgres while it runs.

    A backup is complete or not there. It is named by its time in UTC, and holds everything but passwords in files.
    Former ones are removed by the settings in [backup]. Exit status 12: it failed, or one that is checked is damaged.
    """
    options.check_list("a list of backups", BACKUPS)
    settings = settings_of(config)
    embedded_data_dir(settings)
    directory = backup_directory(settings, to)
    if show:
        _list(directory, options, as_json=json)
        return
    if check:
        _check(directory, as_json=json)
        return
    with running_server(settings) as server, progress_bar() as begin:
        begin("backup")
        made = take(server, directory, utc_now)
    removed = _prune(directory, settings)
    if json:
        print_json({**_row(made), "path": str(made.path), "removed": removed})
        return
    write(f"backup {made.path}, {size_text(made.manifest.size)}\n")
    for head in made.manifest.heads:
        write(f"  {head.gateway} up to event {head.seq}\n")
    if removed:
        note(f"removed: {', '.join(removed)}")


def _prune(directory: BackupDirectory, settings: Settings) -> list[str]:
    with directory.exclusive():
        removed = directory.prune(keep=settings.backup.keep, keep_for=settings.backup.keep_for, now=utc_now())
        kept = [entry.manifest for entry in directory.entries() if isinstance(entry, Backup)]
        if kept:
            prune_wal(directory.path, kept[-1])
    return removed


def _list(directory: BackupDirectory, options: TableOptions, *, as_json: bool) -> None:
    entries = list(directory.entries())
    rows = [
        {"backup": entry.path.name, "state": "damaged", "problem": entry.problem}
        if isinstance(entry, Unreadable)
        else _row(entry)
        for entry in entries
    ]
    shown = rows if as_json else [_shown(row) for row in rows]
    empty = f"there is no backup in {directory.path} yet"
    print_rows(shown, BACKUPS, as_json=as_json, empty=empty, options=options)
    damaged = [entry.problem for entry in entries if isinstance(entry, Unreadable)]
    if damaged:
        raise BackupError("\n".join(damaged))


def _check(directory: BackupDirectory, *, as_json: bool) -> None:
    last = directory.last()
    with progress_bar() as begin:
        found = differences(last, begin("check"))
    if as_json:
        print_json({**_row(last), "state": "damaged" if found else "complete", "differences": found})
    refuse_damaged(last, found)
    if not as_json:
        write(f"backup {last.path}: {counted(len(last.manifest.files), 'file')} as they were stored\n")


def _row(entry: Backup) -> Row:
    manifest = entry.manifest
    return {
        "backup": manifest.name,
        "ended_at": manifest.ended_at,
        "age": round(entry.age(utc_now()).total_seconds(), 3),
        "size": manifest.size,
        "heads": [{"gateway": head.gateway, "seq": head.seq, "digest": head.digest} for head in manifest.heads],
        "state": "complete",
        "postgres": manifest.postgres,
        "schema": manifest.schema,
        "recon": manifest.recon,
    }


def _shown(row: Row) -> Row:
    """Return a row for a person: sizes and ages in words, of the heads the positions alone."""
    if row["state"] != "complete":
        return row
    heads = row["heads"]
    positions = [f"{head['gateway']} {head['seq']}" for head in heads] if isinstance(heads, list) else []
    age, size = row["age"], row["size"]
    return {
        **row,
        "age": age_text(timedelta(seconds=age), 2) if isinstance(age, float) else None,
        "size": size_text(size) if isinstance(size, int) else None,
        "heads": positions,
    }
