"""`recon probe`: a probe for cron and monitoring that tells whether recon sees everything and its alerts arrive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NoReturn

import psycopg
import typer
from sqlalchemy.exc import SQLAlchemyError

from recon.cli.connection import connect_reader, existing_database
from recon.cli.currency import read_currency
from recon.cli.health import Problem, problems, summary
from recon.cli.options import Config, Json, settings_of
from recon.cli.output import print_json, write
from recon.clock import utc_now
from recon.config import Settings
from recon.db.errors import database_error
from recon.db.source import query_rows
from recon.display.words import safe
from recon.errors import ConfigError, DatabaseError
from recon.redaction import LAST_NET

#: Exit statuses, as Nagios and its relatives understand them; 0: all is well.
WARNING: Final = 1
CRITICAL: Final = 2
UNKNOWN: Final = 3
#: Longest one question to the database, in milliseconds.
QUESTION_MS: Final = 5_000


def probe(*, config: Config = None, json: Json = False) -> None:
    """Probe whether recon sees everything now.

    It is for cron and monitoring. It prints one line for each problem, the worst first. Exit status, as for Nagios:
    0 all is well; 1 warning: it sees, but a part fails, a gap is not accounted for, or alerts do not arrive;
    2 critical: it does not see something now; 3 unknown: the settings cannot be used.
    """
    try:
        settings = settings_of(config)
    except ConfigError as error:
        _end([], json=json, unknown=LAST_NET.clean(str(error)))
    try:
        found, well = _look(settings)
    except (DatabaseError, SQLAlchemyError, psycopg.Error) as error:
        reason = error if isinstance(error, DatabaseError) else database_error(error, "it cannot be asked")
        found, well = [Problem("critical", "database", LAST_NET.clean(str(reason)))], ""
    _end(found, json=json, well=well)


def _look(settings: Settings) -> tuple[list[Problem], str]:
    """Return the problems, and what to say where there are none."""
    from recon.alerts.channels import watchdogs  # noqa: PLC0415 - slow to import

    every = watchdogs(settings)
    channels = len(every) + len(settings.alertmanager) + len(settings.pagerduty)
    with existing_database(settings) as handle, connect_reader(handle.service_url, "probe") as connection:
        query_rows(connection, f"SELECT set_config('statement_timeout', '{QUESTION_MS}', false)", {})
        currency = read_currency(connection, settings)
        found = problems(connection, currency, list(settings.gateways), every)
        return [*found, *_of_backups(settings)], summary(connection, channels)


def _of_backups(settings: Settings) -> Iterator[Problem]:
    from recon.backup.last import last_backup  # noqa: PLC0415 - only where somebody wants backups

    if settings.backup.backup_dir is not None:
        last = last_backup(settings, utc_now())
        if last is not None and last.problem is not None:
            yield Problem("warning", "backup", last.problem)


def _end(found: Sequence[Problem], *, json: bool, well: str = "", unknown: str = "") -> NoReturn:
    """Print the problems, and end with their status."""
    state, status = "ok", 0
    if unknown:
        state, status = "unknown", UNKNOWN
    elif found:
        state = "critical" if any(each.severity == "critical" for each in found) else "warning"
        status = CRITICAL if state == "critical" else WARNING
    if json:
        told = [{"severity": each.severity, "about": each.about, "problem": each.text} for each in found]
        print_json({"state": state, "problems": told, "reason": unknown or None})
    else:
        lines = [each.line for each in found] or [f"UNKNOWN settings: {unknown}" if unknown else well]
        write("".join(f"{safe(line)}\n" for line in lines))
    raise typer.Exit(status)
