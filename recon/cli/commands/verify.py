"""`recon verify`: every digest of the logs recomputed; heads of the logs exported and checked."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from recon.cli.connection import connect, existing_database
from recon.cli.options import Config, GatewayFilter, Json, settings_of
from recon.cli.output import Column, Row, note, print_json
from recon.cli.progress import Advance, progress_bar
from recon.cli.queries import gateway_names
from recon.cli.table import print_table
from recon.clock import utc_now
from recon.errors import ConfigError, IntegrityError
from recon.log import verify as integrity
from recon.log.read import head as head_of
from recon.log.verify import Head
from recon.private_files import write_private

#: Largest file of exported heads, in bytes.
MAX_HEADS_BYTES: Final = 16 << 20


class Heads(msgspec.Struct, frozen=True):
    """The heads of all logs at one time, as `recon verify --export-head` writes them."""

    exported_at: datetime
    heads: list[Head]


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
