"""Reading the views: queries that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recon.cli.output import Row
from recon.db.source import Source, query_rows
from recon.db.version import SELECT_VERSION, VERSION_READABLE
from recon.errors import ConfigError
from recon.nearest import hint
from recon.reads.currency import SIGN_OF_LIFE

#: Most events that `recon events` prints.
MAX_EVENTS: Final = 100_000

_SERVICE_PARTS: Final = """
    SELECT instance, gateway, part, CASE WHEN updated_at < now() - :sign_of_life THEN 'gone' ELSE state END AS state,
           detail, since, updated_at, figures
    FROM recon_store.service_parts ORDER BY instance, gateway, part
"""


# Of several refusals of one event by one version, the first counts. The kind is written out for its index.
_REFUSED: Final = """
    SELECT r.gateway, r.seq, e.recorded_at, e.kind, e.account, r.reason, r.fold_version,
           coalesce(r.fold_version = g.fold_version AND r.seq <= g.projected_seq, false) AS in_force, r.refused_seq
    FROM (
        SELECT DISTINCT ON (x.gateway, x.payload ->> 'seq', x.payload ->> 'fold_version')
               x.gateway, (x.payload ->> 'seq')::bigint AS seq, (x.payload ->> 'fold_version')::integer AS fold_version,
               x.payload ->> 'reason' AS reason, x.seq AS refused_seq
        FROM recon.events AS x WHERE x.kind = 'event.refused'
        ORDER BY x.gateway, x.payload ->> 'seq', x.payload ->> 'fold_version', x.seq
    ) AS r
    JOIN recon.events AS e ON e.gateway = r.gateway AND e.seq = r.seq
    JOIN recon.gateways AS g ON g.name = r.gateway
"""


def refused_events(connection: Source, *, gateway: str | None = None, account: str | None = None) -> list[Row]:
    """Return refused events; `in_force` where the books that are shown lack the event."""
    filters = {"r.gateway": gateway, "e.account": account}
    wanted = {column: value for column, value in filters.items() if value is not None}
    where = " AND ".join(f"{column} = :{column[2:]}" for column in wanted) or "true"
    statement = f"{_REFUSED} WHERE {where} ORDER BY r.gateway, r.seq, r.fold_version"
    return query_rows(connection, statement, {column[2:]: value for column, value in wanted.items()})


def select_view(
    connection: Source, view: str, order: str, filters: Mapping[str, object], *, numbers: bool = False
) -> list[Row]:
    """Return the rows of a view whose columns have these values; a filter of None is none.

    `numbers`: the view has numbers, which are read as they are.
    """
    wanted = {column: value for column, value in filters.items() if value is not None}
    where = " AND ".join(f"{column} = :{column}" for column in wanted) or "true"
    start = "SELECT * FROM recon_exact." if numbers else "SELECT * FROM recon."
    statement = f"{start}{view} WHERE {where} ORDER BY {order}"
    return query_rows(connection, statement, wanted)


def gateway_names(connection: Source, only: str | None = None) -> list[str]:
    """Return the gateways that have a log. Errors: ConfigError where `only` is none of them."""
    names = [str(row["name"]) for row in query_rows(connection, "SELECT name FROM recon.gateways ORDER BY name", {})]
    if only is None:
        return names
    if only not in names:
        others = hint(only, names) if names else "no gateway has a log yet"
        raise ConfigError(f"no gateway {only!r} has a log; {others}")
    return [only]


def check_account(connection: Source, gateway: str | None, only: str) -> None:
    """Refuse an account that the gateway, or else any gateway, has not named. Errors: ConfigError."""
    names = [str(row["account"]) for row in select_view(connection, "accounts", "account", {"gateway": gateway})]
    if only not in names:
        place = "no gateway has an" if gateway is None else f"{gateway} has no"
        raise ConfigError(f"{place} account {only!r}; {hint(only, set(names))}")


def schema_version(connection: Source) -> str | None:
    """Return the version of the database's schema; None if it was never migrated, or the login may not read it."""
    if not _scalar(connection, VERSION_READABLE):
        return None
    return str(_scalar(connection, SELECT_VERSION))


def sees_service(connection: Source) -> bool:
    """True if this login may read what the parts of running services do."""
    if schema_version(connection) is None:
        return False
    may = "SELECT has_table_privilege(to_regclass('recon_store.service_parts'), 'SELECT')"
    return bool(_scalar(connection, may))


def service_parts(connection: Source) -> list[Row]:
    """Return what the parts of each running service do, where this login may read it."""
    if not sees_service(connection):
        return []
    return query_rows(connection, _SERVICE_PARTS, {"sign_of_life": SIGN_OF_LIFE})


def _scalar(connection: Source, statement: str) -> object:
    """Return the only column of the first row; None without a row."""
    rows = query_rows(connection, statement, {})
    return next(iter(rows[0].values())) if rows else None
