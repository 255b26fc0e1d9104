"""The commands that look after a database: migrate, check-config, verify, rebuild."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from recon.cli.options import Config, GatewayFilter, Json, settings_of
from recon.cli.output import Column, Row, note, print_json, print_table, text_of, write
from recon.cli.queries import connected, existing_database, gateway_names
from recon.clock import utc_now
from recon.config import describe, rules_document
from recon.db.migrate import migrate as migrate_database
from recon.db.migrate import newest_version
from recon.db.resolve import resolve_database
from recon.errors import ConfigError, IntegrityError, ProjectionError
from recon.log import verify as integrity
from recon.log.read import head as head_of
from recon.log.verify import Head
from recon.projection.rebuild import rebuild as rebuild_gateway

#: Largest file of exported heads, in bytes.
MAX_HEADS_BYTES: Final = 16 << 20

#: Told how far a part of the work is, and of how much.
Advance = Callable[[int, int], None]


class Heads(msgspec.Struct, frozen=True):
    """The heads of all logs at one time, as `recon verify --export-head` writes them."""

    exported_at: datetime
    heads: list[Head]


@contextmanager
def progress_bar() -> Iterator[Callable[[str], Advance]]:
    """Give a function that begins a bar of this name on stderr; silent where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:

        def begin(name: str) -> Advance:
            task = progress.add_task(text_of(name), total=None)
            return lambda done, total: progress.update(task, completed=done, total=total)

        yield begin


def migrate(config: Config = None) -> None:
    """Bring the database to the version that this recon needs."""
    with resolve_database(settings_of(config)) as handle:
        migrate_database(handle.require_owner_url(), lambda step: write(f"{step}\n"))
    write(f"the database is at version {newest_version()}\n")


def check_config(config: Config = None, json: Json = False) -> None:
    """Check the settings and show them as they will be used.

    Nothing is started, and secrets stay hidden.
    """
    settings = settings_of(config)
    settings.require_gateways()
    for name in settings.gateways:
        rules_document(settings, name)
    shown = describe(settings)
    if json:
        print_json(shown)
        return
    write("".join(f"{key} = {text_of(value)}\n" for key, value in _leaves("", shown)))
    note("the settings are valid")


def _leaves(prefix: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield every setting with its path; an empty table or list says nothing."""
    if isinstance(value, dict):
        for key, each in value.items():
            part = key if key.replace("-", "").replace("_", "").isalnum() else f'"{key}"'
            yield from _leaves(f"{prefix}.{part}" if prefix else part, each)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for index, each in enumerate(value):
            yield from _leaves(f"{prefix}[{index}]", each)
    elif value not in ([], None):
        yield prefix, value


def verify(
    config: Config = None,
    gateway: GatewayFilter = None,
    export_head: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the heads of the logs to this file, to be kept somewhere else."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Check too that the logs still hold the heads exported to this file."),
    ] = None,
    json: Json = False,
) -> None:
    """Recompute every digest of the log.

    An event that was changed, taken out or put in is found and named. A head kept elsewhere proves that nothing was
    cut off at the end, nor all of it made anew.
    """
    known = {} if against is None else {head.gateway: head for head in read_heads(against).heads}
    with existing_database(settings_of(config)) as handle, connected(handle.service_url, "verify") as connection:
        names = gateway_names(connection, gateway)
        missing = [name for name in known if name not in names and gateway is None]
        problems = [f"gateway {name!r}: {against} holds its head, but it has no log here" for name in missing]
        heads: list[Head] = []
        with progress_bar() as begin:
            for name in names:
                advance = partial(_of, begin(name), head_of(connection, name))
                try:
                    found = integrity.verify(connection, name, against=known.get(name), progress=advance)
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
        raise ConfigError(f"{path}: holds no heads exported by `recon verify --export-head`") from error


def write_heads(path: Path, heads: Heads) -> None:
    """Write exported heads; the file is whole or not there. Errors: ConfigError."""
    beside = path.with_name(f"{path.name}.part")
    try:
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(heads), indent=1) + b"\n")
        beside.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or 'unknown reason'}") from error


def rebuild(config: Config = None, gateway: GatewayFilter = None, json: Json = False) -> None:
    """Fold the whole log anew, compare, and take the new books.

    The service may run meanwhile. Books that differ under the same version of recon are reported and not taken.
    """
    rows: list[Row] = []
    with existing_database(settings_of(config)) as handle:
        with connected(handle.service_url, "rebuild") as connection:
            names = gateway_names(connection, gateway)
        with progress_bar() as begin:
            for name in names:
                done = rebuild_gateway(handle.service_url, name, progress=begin(name))
                rows.append(msgspec.structs.asdict(done))
    columns = [Column(key) for key in ("gateway", "edition", "events", "same", "switched", "digest")]
    if json:
        print_json(rows)
    else:
        print_table(rows, columns, empty="no gateway has a log yet")
    differing = [str(row["gateway"]) for row in rows if not row["switched"]]
    if differing:
        raise ProjectionError(
            f"the books of {', '.join(differing)} came out differently and were not taken; report this"
        )
