"""`recon verify`: every digest of the logs recomputed; heads of the logs exported and checked."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from recon.cli.connection import connect, existing_database
from recon.cli.options import Config, GatewayFilter, Json, settings_of
from recon.cli.output import Column, Row, note, print_json
from recon.cli.progress import Advance, progress_bar
from recon.cli.queries import gateway_names
from recon.cli.table import print_table
from recon.clock import utc_now
from recon.errors import IntegrityError
from recon.log import verify as integrity
from recon.log.events import Head
from recon.log.heads import Heads, read_heads, write_heads
from recon.log.read import head as head_of


def verify(
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
    json: Json = False,
) -> None:
    """Recompute every digest of the log.

    An event that was changed, removed or inserted is named. A head that was kept elsewhere also proves that the log was
    neither cut at its end nor rewritten as a whole.
    """
    heads_before = {} if against is None else {head.gateway: head for head in read_heads(against).heads}
    with existing_database(settings_of(config)) as handle, connect(handle.service_url, "verify") as connection:
        logs = integrity.logs(connection)
        names = logs if gateway is None else [gateway]
        if gateway is not None and gateway not in logs:
            gateway_names(connection, gateway)  # says which there are
        missing = [name for name in heads_before if name not in names and gateway is None]
        problems = [f"gateway {name!r}: {against} has its head, but there is no log of it here" for name in missing]
        heads: list[Head] = []
        with progress_bar() as begin:
            for name in names:
                advance = partial(_of, begin(name), head_of(connection, name))
                try:
                    found = integrity.verify(connection, name, against=heads_before.get(name), progress=advance)
                except IntegrityError as error:
                    problems.append(str(error))
                else:
                    heads.append(found)
    rows: list[Row] = [
        {"gateway": head.gateway, "seq": head.seq, "digest": head.digest, "state": "ok"} for head in heads
    ]
    if json:
        print_json(rows)
    elif heads:
        print_table(rows, [Column("gateway"), Column("seq"), Column("digest"), Column("state")])
    if problems:
        raise IntegrityError("\n".join(problems))
    if not names:
        note("no gateway has a log yet")
    if export_head is not None:
        write_heads(export_head, Heads(utc_now(), heads))


def _of(advance: Advance, total: int, done: int) -> None:
    advance(done, total)
