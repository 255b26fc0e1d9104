"""`recon support-bundle`: what somebody else needs to help, in one file and without secrets."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Annotated, Final

import msgspec
import psycopg
import typer
from sqlalchemy.exc import SQLAlchemyError

from recon.cli.backups import embedded_data_dir
from recon.cli.connection import connect_reader, existing_database
from recon.cli.options import Config, settings_of
from recon.cli.output import jsonable, note, write
from recon.cli.support.bundle import Bundle
from recon.cli.support.cleaning import Cleaner, known_secrets
from recon.cli.support.logs import given_log, server_logs
from recon.cli.support.sources import documents
from recon.clock import utc_now
from recon.config import Settings, describe
from recon.db.errors import database_error
from recon.db.source import query_rows
from recon.db.version import newest_version
from recon.display.sizes import size
from recon.display.words import counted
from recon.errors import ConfigError, ReconError

#: Longest that the database may work on one document, in milliseconds.
QUESTION_MS: Final = 20_000

_ABOUT: Final = """What this is

Settings without secrets, versions, what recon says of itself, its findings, and the ends of its logs.
It holds no payload of an event, no password and no key. It does name gateways, accounts, units, logins, hosts and
paths, and it tells amounts: of open breaks, and where findings name them. Look through it before you send it.
"""


def support_bundle(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write: .zip, .tar.gz or .tgz.")
    ],
    config: Config = None,
    log: Annotated[
        list[str] | None,
        typer.Option(
            "--log", metavar="FILE", help="A log of the service, of which the end is added; -: standard input."
        ),
    ] = None,
) -> None:
    """Collect what somebody else needs to help.

    Settings without secrets, versions, status, findings, the database's settings and sizes, and ends of logs.
    """
    settings = settings_of(config)
    data_dir = _data_dir(settings)
    bundle = Bundle(Cleaner(known_secrets(settings, data_dir, os.environ)))
    bundle.add("README.txt", _ABOUT)
    bundle.add("settings.json", _json(describe(settings)))
    bundle.add("versions.json", _json(_versions()))
    bundle.add("variables.txt", "".join(f"{name}\n" for name in sorted(os.environ) if name.startswith("RECON_")))
    _add_backups(bundle, settings)
    _add_database(bundle, settings)
    _add_logs(bundle, data_dir, log or [])
    bundle.write(output, utc_now())
    write(f"{output}: {counted(len(bundle.names), 'document')}, {size(bundle.size)}\n")
    note("it holds no secret that recon knows of, but names accounts and amounts; look through it before you send it")


def _data_dir(settings: Settings) -> Path | None:
    try:
        return embedded_data_dir(settings)
    except ConfigError:
        return None


def _versions() -> Mapping[str, object]:
    packages = {found.metadata["Name"]: found.version for found in distributions()}
    return {
        "python": sys.version,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "schema": newest_version(),
        "packages": dict(sorted(packages.items())),
    }


def _add_backups(bundle: Bundle, settings: Settings) -> None:
    from recon.backup.last import last_backup  # noqa: PLC0415 - beside the rest a small part

    last = last_backup(settings, utc_now())
    bundle.add("backup.json", _json(None if last is None else last._asdict()))


def _add_database(bundle: Bundle, settings: Settings) -> None:
    """Add what the database says; where it is away, why."""
    try:
        with existing_database(settings) as handle:
            for name in _names(handle.service_url, settings):
                # Each in a connection of its own: after a failed question no other one is answered.
                bundle.add(f"database/{name}.json", _document(handle.service_url, settings, name))
    except (ReconError, SQLAlchemyError, psycopg.Error) as error:
        bundle.add("database/away.txt", f"{_reason(error)}\n")


def _names(url: str, settings: Settings) -> Sequence[str]:
    with connect_reader(url, "support-bundle") as connection:
        return [name for name, _ in documents(connection, settings)]


def _document(url: str, settings: Settings, name: str) -> str:
    try:
        with connect_reader(url, "support-bundle") as connection:
            query_rows(connection, f"SELECT set_config('statement_timeout', '{QUESTION_MS}', false)", {})
            return _json(dict(documents(connection, settings))[name]())
    except (ReconError, SQLAlchemyError, psycopg.Error) as error:
        return _json({"not_available": _reason(error)})


def _reason(error: Exception) -> str:
    return str(error if isinstance(error, ReconError) else database_error(error, "the database cannot be asked"))


def _add_logs(bundle: Bundle, data_dir: Path | None, given: Sequence[str]) -> None:
    for number, name in enumerate(given, start=1):
        try:
            bundle.add(*given_log(name, number))
        except OSError as error:
            raise ConfigError(f"--log {name}: cannot be read: {error.strerror or 'unknown reason'}") from error
    if data_dir is not None:
        for place, text in server_logs(data_dir):
            bundle.add(place, text)


def _json(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(jsonable(document), enc_hook=str), indent=1).decode() + "\n"
