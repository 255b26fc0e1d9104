"""Reading the views: queries that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, case, func, select, text

from recon.cli.output import Row
from recon.db.migrate import schema_version
from recon.errors import ConfigError
from recon.service.schema import service_parts as service_parts_table

#: Most events that `recon events` prints.
MAX_EVENTS: Final = 100_000
#: A service that has said nothing for this long does not run.
SIGN_OF_LIFE: Final = timedelta(seconds=30)


def select_view(connection: Connection, view: str, order: str, filters: Mapping[str, object]) -> list[Row]:
    """Return the rows of a view whose columns have these values; a filter of None is none."""
    wanted = {column: value for column, value in filters.items() if value is not None}
    where = " AND ".join(f"{column} = :{column}" for column in wanted) or "true"
    statement = f"SELECT * FROM recon.{view} WHERE {where} ORDER BY {order}"  # noqa: S608 - names of our own
    return query_rows(connection, statement, wanted)


def gateway_names(connection: Connection, only: str | None = None) -> list[str]:
    """Return the gateways that have a log. Errors: ConfigError where `only` is none of them."""
    names = list(connection.scalars(text("SELECT name FROM recon.gateways ORDER BY name")))
    if only is None:
        return names
    if only not in names:
        others = f"there are {', '.join(names)}" if names else "no gateway has a log yet"
        raise ConfigError(f"no gateway {only!r} has a log; {others}")
    return [only]


def check_account(connection: Connection, gateway: str | None, only: str) -> None:
    """Refuse an account that the gateway, or else any gateway, has not named. Errors: ConfigError."""
    names = [str(row["account"]) for row in select_view(connection, "accounts", "account", {"gateway": gateway})]
    if only not in names:
        others = f"there are {', '.join(dict.fromkeys(names))}" if names else "there is none yet"
        place = "no gateway has an" if gateway is None else f"{gateway} has no"
        raise ConfigError(f"{place} account {only!r}; {others}")


def sees_service(connection: Connection) -> bool:
    """True if this login may read what the parts of running services do."""
    if schema_version(connection) is None:
        return False
    may = "SELECT has_table_privilege(to_regclass(:table), 'SELECT')"
    table = f"{service_parts_table.schema}.{service_parts_table.name}"
    return bool(connection.scalar(text(may), {"table": table}))


def service_parts(connection: Connection) -> list[Row]:
    """Return what the parts of each running service do, where this login may read it."""
    if not sees_service(connection):
        return []
    columns = service_parts_table.c
    gone = columns.updated_at < func.now() - SIGN_OF_LIFE
    query = select(
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


def query_rows(connection: Connection, statement: str, parameters: Mapping[str, object]) -> list[Row]:
    """Return the rows of a query, each as a mapping."""
    return [dict(row) for row in connection.execute(text(statement), dict(parameters)).mappings()]
