"""`recon verify`: every digest of the logs recomputed; heads of the logs exported and checked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from recon.cli.archives import ArchiveOption, archive_directory
from recon.cli.connection import connect, existing_database
from recon.cli.options import Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.output import Row, columns, note
from recon.cli.progress import Advance, progress_bar
from recon.cli.queries import gateway_names
from recon.cli.table import print_rows
from recon.cli.tables.options import TableOptions, one_look_options
from recon.clock import utc_now
from recon.errors import IntegrityError
from recon.log import verify as integrity
from recon.log.chain_check import ChainCheck
from recon.log.events import Head
from recon.log.heads import Heads, read_heads, write_heads
from recon.log.read import head as head_of
from recon.reads.archived import archived_words

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from recon.archive.directory import ArchiveDirectory

_VERIFIED: Final = columns("gateway", "seq", "digest", "state")


@with_options(one_look_options)
def verify(
    options: TableOptions,
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    export_head: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the heads of the logs to this file, to be kept elsewhere."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also check the logs against heads exported to this file."),
    ] = None,
    archive: ArchiveOption = None,
    json: Json = False,
) -> None:
    """Recompute every digest of the log.

    An event that was changed, removed or inserted is named. A head that was kept elsewhere also proves that the log was
    neither cut at its end nor rewritten as a whole. With --archive the archived events are checked too, and are one
    chain with the others; without it, what was not read is said.
    """
    options.check_list("a verification", _VERIFIED)
    heads_before = {} if against is None else {head.gateway: head for head in read_heads(against).heads}
    with existing_database(settings_of(config)) as handle, connect(handle.service_url, "verify") as connection:
        logs = integrity.logs(connection)
        names = logs if gateway is None else [gateway]
        if gateway is not None and gateway not in logs:
            gateway_names(connection, gateway)  # says which there are
        missing = [name for name in heads_before if name not in names and gateway is None]
        problems = [f"gateway {name!r}: {against} has its head, but there is no log of it here" for name in missing]
        heads: list[Head] = []
        unread = [] if archive is not None else archived_words(connection, names, 1)
        directory = None if archive is None else archive_directory(archive)
        problems += [] if directory is None else _of_the_archive(directory)
        with progress_bar() as begin:
            for name in names:
                advance = partial(_of, begin(name), head_of(connection, name))
                try:
                    found = integrity.verify(
                        connection,
                        name,
                        against=heads_before.get(name),
                        progress=advance,
                        archived=None if directory is None else _archived(connection, directory, name, advance),
                    )
                except IntegrityError as error:
                    problems.append(str(error))
                else:
                    heads.append(found)
    rows: list[Row] = [
        {"gateway": head.gateway, "seq": head.seq, "digest": head.digest, "state": "ok"} for head in heads
    ]
    if json or heads:
        print_rows(rows, _VERIFIED, as_json=json, empty="no log is whole", options=options)
    for words in unread:
        note(f"not read: {words}")
    if problems:
        raise IntegrityError("\n".join(problems))
    if not names:
        note("no gateway has a log yet")
    if export_head is not None:
        write_heads(export_head, Heads(utc_now(), heads))


def _archived(
    connection: Connection, directory: ArchiveDirectory, gateway: str, advance: Callable[[int], None]
) -> Callable[[ChainCheck], None]:
    from recon.archive.checking import archive_check, unfinished  # noqa: PLC0415 - slow to import

    for stretch in unfinished(connection, directory, gateway):
        note(
            f"{gateway}: events {stretch.first_seq} to {stretch.last_seq} are in {stretch.file}, and the log holds them"
            " still: an archiving has not ended; run `recon archive` again"
        )
    return archive_check(connection, directory, gateway, advance)


def _of_the_archive(directory: ArchiveDirectory) -> list[str]:
    from recon.archive.checking import foreign_files  # noqa: PLC0415 - slow to import

    return list(foreign_files(directory))


def _of(advance: Advance, total: int, done: int) -> None:
    advance(done, total)
