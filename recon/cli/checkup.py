"""What `recon doctor` looks at: settings, service, gateways, database, roles, clock, disk and backups."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, Literal

import msgspec
import psycopg
import trio
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from recon.alerts.channels import configured_channels, programs_missing
from recon.alerts.policy.shadowed import never_taken
from recon.alerts.policy_settings import policy_of
from recon.backup.last import last_backup
from recon.cli.commands.ems import check_gateway
from recon.cli.connection import connect, existing_database, log_warnings_only
from recon.cli.last_service import service_words
from recon.clock import utc_now
from recon.config import Settings, rules_document
from recon.db.embedded.data_dir import default_data_dir
from recon.db.errors import database_error
from recon.db.roles import assert_service_role
from recon.db.source import query_rows
from recon.display.ages import age, skew
from recon.display.sizes import size
from recon.display.words import counted
from recon.errors import ConfigError, DatabaseError, NotMigrated
from recon.private_files import open_to_others
from recon.reads.currency import read_stale
from recon.reads.needs import set_up
from recon.venues.checks import look_at, problems_of, venues_of

State = Literal["ok", "hint", "failed"]

#: This machine's clock and the database's may differ by so much.
MAX_SKEW: Final = timedelta(seconds=1)
#: Free room of a disk below which the log may soon not fit, as a share and in bytes.
LEAST_SHARE: Final = 0.1
LEAST_BYTES: Final = 2 << 30


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at: what of, how it is, in words, and what to do if it is not well."""

    area: str
    check: str
    state: State
    detail: str
    advice: str = ""


def checkup(settings: Settings, path: Path | None, *, seconds: float | None) -> Iterator[Check]:
    """Yield what was found, one by one; gateways are asked for at most `seconds` each, or not at all."""
    yield from of_settings(settings, path)
    yield from of_database(settings)
    yield from of_disk(settings)
    yield of_backup(settings)
    if seconds is None:
        yield Check("gateways", "all", "hint", "not asked", "recon ems check")
    else:
        yield from of_gateways(settings, seconds)
        yield from of_venues(settings)


def of_settings(settings: Settings, path: Path | None) -> Iterator[Check]:
    """Look at the settings beyond what reading them refuses, as `recon check-config` does."""
    where = "RECON_ variables" if path is None else str(path)
    try:
        gateways = settings.require_gateways()
        for name in gateways:
            rules_document(settings, name)
        policy = policy_of(settings.alerts, configured_channels(settings))
    except ConfigError as error:
        yield Check("settings", where, "failed", str(error), "recon check-config")
        return
    for key, problem in (*problems_of(settings), *programs_missing(settings)):
        yield Check("settings", key, "failed", problem, "recon check-config")
    yield Check("settings", where, "ok", f"valid; {counted(len(gateways), 'gateway')}")
    if path is not None and open_to_others(path):
        yield Check("settings", "rights", "hint", f"other accounts may read {path}", f"chmod 600 {path}")
    if not policy.channels:
        yield Check("settings", "alerts", "hint", "there is no channel, so nobody is told", "recon docs alerts")
    for route, why in never_taken(policy, list(gateways)):
        yield Check("settings", f"route {route}", "hint", f"it never matches: {why}", "recon docs operator")


def of_database(settings: Settings) -> Iterator[Check]:
    """Look at the database: whether it answers, its schema, the service's role, its clock, and the service."""
    try:
        with existing_database(settings) as handle, connect(handle.service_url, "doctor") as connection:
            yield Check("database", "connection", "ok", "it answers, and its schema is of this version")
            yield from _of_role(settings, handle.service_url)
            before = utc_now()
            (row,) = query_rows(connection, "SELECT clock_timestamp() AS at", {})
            yield _of_clock((utc_now() - before) / 2 + before - row["at"])  # type: ignore[operator] # a time
            running, told = service_words(connection)
            yield Check("service", "running", "ok" if running else "hint", told, "" if running else "recon run")
            yield from _of_books(connection, settings)
            for need in set_up(connection, {"gateway": None}):
                yield Check("settings", "units", "hint", need.what, need.command)
    except NotMigrated as error:
        yield Check("database", "schema", "failed", str(error), "recon migrate")
    except (DatabaseError, SQLAlchemyError, psycopg.Error) as error:
        reason = error if isinstance(error, DatabaseError) else database_error(error, "it cannot be asked")
        yield Check("database", "connection", "failed", str(reason), "see [database] of the settings")


def _of_role(settings: Settings, url: str) -> Iterator[Check]:
    try:
        with connect(url, "doctor") as connection:
            assert_service_role(connection)
    except DatabaseError as error:
        yield Check("database", "role", "failed", str(error), "recon docs operator")
        return
    yield Check("database", "role", "ok", "the service's login can append, and do nothing else to the log")
    if settings.database.url is not None and settings.database.operator_url is None:
        yield Check(
            "database", "own login", "hint", "people share the service's login, so nobody is authenticated",
            "set [database] operator_url to a login of your own",
        )  # fmt: skip


def _of_books(connection: Connection, settings: Settings) -> Iterator[Check]:
    """Look whether each gateway is recorded, connected and folded; a part may fail in a service that runs."""
    late = {each.gateway: each.reason for each in read_stale(connection, settings.gateways) if each.account is None}
    for name in settings.gateways:
        if name in late:
            yield Check("books", name, "hint", late[name], "recon status")
        else:
            yield Check("books", name, "ok", "they follow the log")


def _of_clock(ahead: timedelta) -> Check:
    told = f"this machine is {skew(ahead)} from the database's clock"
    if abs(ahead) <= MAX_SKEW:
        return Check("clock", "database", "ok", told)
    return Check("clock", "database", "failed", told, "set both by a time service such as chrony")


def of_disk(settings: Settings) -> Iterator[Check]:
    """Look at the room on the disks that recon writes to itself."""
    database = settings.database
    places: list[tuple[str, Path]] = []
    if database.url is None and database.migrate_url is None:
        places.append(("database", (database.data_dir or default_data_dir()).absolute()))
    if settings.backup.backup_dir is not None:
        places.append(("backups", settings.backup.backup_dir))
    if not places:
        yield Check("disk", "database", "hint", "the database is on a server of your own", "watch its disk there")
    for what, place in places:
        yield _of_room(what, next(each for each in (place, *place.parents) if each.exists()))


def _of_room(what: str, place: Path) -> Check:
    usage = shutil.disk_usage(place)
    told = f"{size(usage.free)} of {size(usage.total)} free in {place}"
    short = usage.free < LEAST_BYTES or usage.free < usage.total * LEAST_SHARE
    advice = "make room, or move it: a full disk stops the recording" if short else ""
    return Check("disk", what, "failed" if usage.free < LEAST_BYTES else "hint" if short else "ok", told, advice)


def of_backup(settings: Settings) -> Check:
    """Look at the age of the last backup."""
    last = last_backup(settings, utc_now())
    if last is None:
        return Check("backup", "last", "hint", "no backup is known (operator 11)", "recon docs operator")
    if last.problem is not None:
        return Check("backup", "last", "failed", last.problem, "recon backup")
    return Check("backup", "last", "ok", f"{last.name}, {age(last.age, 2)} old")


def of_venues(settings: Settings) -> Iterator[Check]:
    """Ask each venue of the settings once: whether it answers, and whether its key may do more than read."""
    for _, account, venue in venues_of(settings):
        for look in look_at(venue):
            yield Check(f"venue {account}", venue.exchange, look.state, look.words, look.advice)


def of_gateways(settings: Settings, seconds: float) -> Iterator[Check]:
    """Ask each gateway, as `recon ems check` does."""
    log_warnings_only()
    for name, gateway in settings.gateways.items():
        done = trio.run(partial(check_gateway, name, gateway, seconds))
        for step in done.steps:
            again = f"recon ems check --gateway {name}" if step.state == "failed" else ""
            yield Check(f"gateway {name}", step.step, step.state, f"{step.site}: {step.detail}", again)
