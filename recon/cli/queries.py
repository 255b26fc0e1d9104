"""Reading the views: a connection for a command that only looks, and the queries of the commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, case, func, text
from sqlalchemy import select as select_

from recon.cli.output import Row
from recon.config import Settings
from recon.db.embedded.data_dir import default_data_dir
from recon.db.engine import create_engine
from recon.db.migrate import check_migrated, schema_version
from recon.db.resolve import DatabaseHandle, resolve_database
from recon.errors import ConfigError, NotMigrated
from recon.log.events import CATCH_UP_BEGUN, CATCH_UP_ENDED, REST_ANSWER
from recon.service.schema import service_parts

#: Most events that one call of `recon events` prints.
MAX_EVENTS: Final = 100_000
#: A service that has said nothing for this long does not run.
SIGN_OF_LIFE: Final = timedelta(seconds=30)

_EVENT_COLUMNS: Final = (
    "gateway, seq, recorded_at, received_at, kind, account, session, readable, payload::text AS payload,"
    " CASE WHEN NOT readable THEN encode(raw, 'base64') END AS raw_base64, redacted, digest"
)
# Only payloads of our own are looked into.
_FILTERS: Final = {
    "kind": "kind = :kind",
    "account": f"""(account = :account OR CASE
        WHEN kind IN ('{CATCH_UP_BEGUN}', '{CATCH_UP_ENDED}')
        THEN jsonb_exists((payload -> 'accounts')::jsonb, CAST(:account AS text))
        WHEN kind = '{REST_ANSWER}' THEN account IS NULL AND payload #>> '{{ask,what}}' = 'history'
        ELSE false END)""",
}


@contextmanager
def existing_database(settings: Settings) -> Iterator[DatabaseHandle]:
    """Give the database of the settings; an embedded one that was never made is not made by looking at it.

    Errors: NotMigrated, DatabaseError.
    """
    database = settings.database
    if database.url is None and database.migrate_url is None:
        data_dir = database.data_dir or default_data_dir()
        if not (data_dir / "postgres").exists():
            raise NotMigrated(f"there is no database in {data_dir} yet; run `recon migrate`, or `recon run`")
    with resolve_database(settings) as handle:
        yield handle


@contextmanager
def reading(settings: Settings, command: str) -> Iterator[Connection]:
    """Give a connection that can read the views. Errors: NotMigrated, DatabaseError."""
    with existing_database(settings) as handle, connected(handle.analyst_url, command) as connection:
        yield connection


@contextmanager
def connected(url: str, command: str) -> Iterator[Connection]:
    """Connect to a migrated database in one transaction. Errors: NotMigrated, DatabaseError."""
    with create_engine(url, f"recon {command}", pooled=False).connect() as connection:
        if schema_version(connection) is not None:
            check_migrated(connection)
        elif connection.scalar(text("SELECT to_regclass('recon.gateways')")) is None:
            raise NotMigrated("the database holds no recon schema, or this login may not see it; run `recon migrate`")
        yield connection


def select(connection: Connection, view: str, order: str, filters: Mapping[str, object]) -> list[Row]:
    """Return the rows of a view whose columns have these values; a filter of None is none."""
    wanted = {column: value for column, value in filters.items() if value is not None}
    where = " AND ".join(f"{column} = :{column}" for column in wanted) or "true"
    statement = f"SELECT * FROM recon.{view} WHERE {where} ORDER BY {order}"  # noqa: S608 - names of our own
    return rows_of(connection, statement, wanted)


def gateway_names(connection: Connection, only: str | None = None) -> list[str]:
    """Return the gateways that have a log. Errors: ConfigError where `only` is none of them."""
    names = list(connection.scalars(text("SELECT name FROM recon.gateways ORDER BY name")))
    if only is None:
        return names
    if only not in names:
        known = f"; there are {', '.join(names)}" if names else "; no gateway has one yet"
        raise ConfigError(f"there is no log of a gateway {only!r}{known}")
    return [only]


def check_account(connection: Connection, gateway: str | None, only: str) -> None:
    """Refuse an account that no gateway, or the one that is meant, has named. Errors: ConfigError."""
    names = [str(row["account"]) for row in select(connection, "accounts", "account", {"gateway": gateway})]
    if only not in names:
        known = f"there are {', '.join(dict.fromkeys(names))}" if names else "there is none yet"
        raise ConfigError(
            f"{'no gateway has an' if gateway is None else f'{gateway} has no'} account {only!r}; {known}"
        )


def events(
    connection: Connection,
    *,
    gateways: Sequence[str],
    account: str | None,
    kind: str | None,
    since: int | datetime | None,
    limit: int,
) -> list[Row]:
    """Return events in the order of time: from a log position or time on, or else the latest.

    An account has those that name it, the catch-ups that it was part of, and answers about all accounts.
    """
    found: list[Row] = []
    wanted = {key: value for key, value in {"account": account, "kind": kind}.items() if value is not None}
    where = "".join(f" AND {_FILTERS[key]}" for key in wanted)
    order = "DESC" if since is None else "ASC"
    for gateway in gateways:
        first = _position(connection, gateway, since) if isinstance(since, datetime) else since or 0
        statement = (
            f"SELECT {_EVENT_COLUMNS} FROM recon.events WHERE gateway = :gateway AND seq >= :first{where}"  # noqa: S608
            f" ORDER BY seq {order} LIMIT :limit"
        )
        found += rows_of(connection, statement, {"gateway": gateway, "first": first, "limit": limit, **wanted})
    found.sort(key=lambda row: (row["recorded_at"], row["gateway"], row["seq"]))
    return found[-limit:] if since is None else found[:limit]


def _position(connection: Connection, gateway: str, since: datetime) -> int:
    """Return the first log position at or after a time: log time never goes back, so halving finds it."""
    find = text("SELECT recorded_at FROM recon.events WHERE gateway = :gateway AND seq = :seq")
    head = connection.scalar(text("SELECT head_seq FROM recon.gateways WHERE name = :gateway"), {"gateway": gateway})
    low, high = 1, int(head or 0) + 1
    while low < high:
        middle = (low + high) // 2
        at: datetime | None = connection.scalar(find, {"gateway": gateway, "seq": middle})
        if at is not None and at < since:
            low = middle + 1
        else:
            high = middle
    return low


def status(connection: Connection, gateway: str | None) -> dict[str, Sequence[Row]]:
    """Return how everything stands: gateways, accounts, verdicts, open breaks and alerts."""
    wanted = {} if gateway is None else {"gateway": gateway}
    where = "" if gateway is None else " WHERE gateway = :gateway"
    verdicts = f"""
        SELECT gateway, verdict, count(*) AS units FROM (
            SELECT gateway, verdict FROM recon.positions UNION ALL SELECT gateway, verdict FROM recon.balances
        ) AS u{where} GROUP BY gateway, verdict ORDER BY gateway, verdict
    """  # noqa: S608 - names of our own
    alerts = f"""
        SELECT gateway, channel, state, count(*) AS alerts, max(last_error) AS last_error FROM recon.alerts{where}
        GROUP BY gateway, channel, state ORDER BY gateway, channel, state
    """  # noqa: S608
    return {
        "service": service(connection),
        "gateways": select(connection, "gateways", "name", {"name": gateway}),
        "accounts": select(connection, "accounts", "gateway, account", wanted),
        "not_whole": not_whole(connection, gateway),
        "verdicts": rows_of(connection, verdicts, wanted),
        "open_breaks": select(connection, "open_breaks", "opened_at, id", wanted),
        "alerts": rows_of(connection, alerts, wanted),
    }


def not_whole(connection: Connection, gateway: str | None) -> list[Row]:
    """Return the accounts that are not covered now, or whose last gap is not made up for, and why."""
    where = "" if gateway is None else " AND a.gateway = :gateway"
    statement = f"""
        SELECT a.gateway, a.account, a.state, a.reason, a.since, a.catch_up, a.open_orders_unaccounted,
               concat_ws('; ', a.reason, nullif(k.outcome, 'whole')) AS outcome
        FROM recon.accounts AS a LEFT JOIN LATERAL (
            SELECT c.outcome FROM recon.catch_ups AS c WHERE (c.gateway, c.account) = (a.gateway, a.account)
            ORDER BY c.from_seq DESC LIMIT 1
        ) AS k ON true
        WHERE (a.state <> 'covered' OR coalesce(a.catch_up, 'whole') <> 'whole'){where}
        ORDER BY a.gateway, a.account
    """  # noqa: S608 - names of our own
    return rows_of(connection, statement, {} if gateway is None else {"gateway": gateway})


def sees_service(connection: Connection) -> bool:
    """Tell whether this login may know what the parts of running services do."""
    if schema_version(connection) is None:
        return False
    may = "SELECT has_table_privilege(to_regclass(:table), 'SELECT')"
    return bool(connection.scalar(text(may), {"table": f"{service_parts.schema}.{service_parts.name}"}))


def service(connection: Connection) -> list[Row]:
    """Return what the parts of each running service do, where this login may know."""
    if not sees_service(connection):
        return []
    columns = service_parts.c
    gone = columns.updated_at < func.now() - SIGN_OF_LIFE
    query = select_(
        columns.instance,
        columns.gateway,
        columns.part,
        case((gone, "gone"), else_=columns.state).label("state"),
        columns.detail,
        columns.since,
        columns.updated_at,
        columns.figures,
    ).order_by(columns.instance, columns.gateway, columns.part)
    return [dict(row) for row in connection.execute(query).mappings()]


def rows_of(connection: Connection, statement: str, parameters: Mapping[str, object]) -> list[Row]:
    """Return what a query gives, a mapping for each row."""
    return [dict(row) for row in connection.execute(text(statement), dict(parameters)).mappings()]
