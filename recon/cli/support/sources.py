"""What a bundle says of the database: state, findings, settings and sizes; no payload of an event, and no query."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from recon.cli.commands.status import status_document
from recon.cli.currency import read_currency
from recon.cli.health import problems
from recon.config import Settings
from recon.db.source import Source, query_rows

#: Rows of a document at most.
MAX_ROWS: Final = 500

_QUERIES: Final[Mapping[str, str]] = {
    "findings": "SELECT * FROM recon.findings ORDER BY seq DESC, gateway, number LIMIT :rows",
    "findings-by-kind": "SELECT gateway, kind, count(*) AS findings, max(seq) AS last_seq FROM recon.findings"
    " GROUP BY gateway, kind ORDER BY gateway, kind LIMIT :rows",
    "gateways": "SELECT * FROM recon.gateways ORDER BY name LIMIT :rows",
    "editions": "SELECT gateway, edition, max(seq) AS seq, max(fold_version) AS fold_version, max(state) AS state"
    " FROM recon_store.editions GROUP BY gateway, edition ORDER BY gateway, edition LIMIT :rows",
    "kinds-of-events": "SELECT gateway, kind, count(*) AS events, max(seq) AS last_seq FROM recon.events"
    " WHERE recorded_at > now() - interval '1 hour' GROUP BY gateway, kind ORDER BY gateway, kind LIMIT :rows",
    "postgres-settings": "SELECT name, setting, unit, source, pending_restart FROM pg_settings"
    " WHERE source NOT IN ('default', 'client', 'session')"
    " AND name !~ 'conninfo|command|passphrase|ssl_key|krb|ldap' ORDER BY name LIMIT :rows",
    "postgres-sizes": "SELECT n.nspname AS schema, c.relname AS table, pg_total_relation_size(c.oid) AS bytes,"
    " greatest(c.reltuples, 0)::bigint AS rows_about"
    " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND n.nspname LIKE 'recon%' ORDER BY 3 DESC LIMIT :rows",
    "postgres-database": "SELECT version() AS version, pg_database_size(current_database()) AS bytes,"
    " pg_postmaster_start_time() AS started_at, now() AS now, pg_is_in_recovery() AS in_recovery",
    "postgres-sessions": "SELECT usename AS login, application_name, state, wait_event_type, wait_event, backend_start,"
    " xact_start, count(*) AS sessions FROM pg_stat_activity GROUP BY 1, 2, 3, 4, 5, 6, 7"
    " ORDER BY xact_start NULLS LAST LIMIT :rows",
}

#: Reads one document.
Read = Callable[[], object]


def documents(connection: Source, settings: Settings) -> Iterator[tuple[str, Read]]:
    """Yield the name of each document, and how it is read; one that fails does not keep the others away."""
    from recon.alerts.channels import watchdogs  # noqa: PLC0415 - slow to import

    def probe() -> object:
        currency = read_currency(connection, settings)
        return [
            {"severity": each.severity, "about": each.about, "problem": each.text}
            for each in problems(connection, currency, list(settings.gateways), watchdogs(settings))
        ]

    yield "probe", probe
    yield "status", lambda: status_document(connection, None)
    for name, query in _QUERIES.items():
        yield name, lambda query=query: query_rows(connection, query, {"rows": MAX_ROWS})  # type: ignore[misc]
