"""How long the books at a past time take: all units, one unit, breaks and restatements; and what it costs to write."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Final

from sqlalchemy import Connection, text

from recon.db.embedded.cluster import SUPERUSER
from recon.db.engine import create_engine
from recon.db.raw import driver_connection
from tests.bench.figures import Figures
from tests.bench.processor_time import family_seconds
from tests.bench.stage import Stage
from tests.support.filled_books import ENTRIES, FilledBooks

#: Where in the log the books are asked for.
SHARES: Final = (0.1, 0.5, 0.9)
_INDEXES: Final = ("ix_entries_opening", "ix_entries_late", "ix_entries_early")
_ONE: Final = (
    "SELECT * FROM recon.balances_as_of(:at, :end) WHERE gateway = :gateway AND account = 'VENUE7' AND asset = 'COIN7'"
)
#: What is measured: key, name, and the SQL.
_ASKED: Final = (
    ("as_of.now", "all balances as of a time, as known then", "SELECT * FROM recon.balances_as_of(:at, :at)"),
    ("as_of.all", "all balances as of a time, as known now", "SELECT * FROM recon.balances_as_of(:at, :end)"),
    ("as_of.one", "one balance as of a time", _ONE),
    ("as_of.breaks", "all breaks as of a time", "SELECT * FROM recon.breaks_as_of(:at, :end)"),
    ("as_of.restated", "all restatements since a time", "SELECT * FROM recon.restatements(:at, :end)"),
    ("as_of.seq", "log position of a time", "SELECT recon.seq_at(:gateway, :at)"),
)


def measure(stage: Stage, figures: Figures, entries: int, repeats: int) -> None:
    """Measure books of so many entries."""
    owner = create_engine(stage.server.url(SUPERUSER), "recon bench", pooled=False)
    analyst = create_engine(stage.analyst_url, "recon bench", pooled=False)
    books = FilledBooks(stage.new_gateway(), entries)
    with owner.connect() as connection:
        _writing(connection, figures, stage, min(entries, 500_000), repeats)
        books.write(connection)
        stage.settle()
    with analyst.connect() as connection:
        for key, name, sql in _ASKED:
            before = _processor(connection)
            times = [_asked(connection, books, sql, share) for share in SHARES for _ in range(repeats)]
            spent = (_processor(connection) - before) / len(times) * 1000
            note = f"{entries:,} entries of {books.units:,} units; {spent:.0f} ms of processor time of Postgres"
            figures.add(key, name, median(times), "ms", f"{note}; slowest of {len(times)}: {max(times):.1f} ms")
        _check(connection, books)


def _asked(connection: Connection, books: FilledBooks, sql: str, share: float) -> float:
    given = {"at": books.at(share), "end": books.end, "gateway": books.gateway}
    parameters = {name: value for name, value in given.items() if f":{name}" in sql}

    def ask() -> None:
        connection.execute(text(sql), parameters).all()
        connection.rollback()

    return _seconds(ask) * 1000


def _writing(connection: Connection, figures: Figures, stage: Stage, entries: int, repeats: int) -> None:
    """Measure how many entries a second are inserted with and without the indexes for this, in turn."""
    definitions = [
        str(connection.execute(text(f"SELECT pg_get_indexdef('recon_store.{name}'::regclass)")).scalar_one())
        for name in _INDEXES
    ]
    rates: dict[str, list[float]] = {"with": [], "without": []}
    for turn in range(2 * repeats):
        which = ("with", "without")[(turn + turn // 2) % 2]
        if which == "without":
            for name in _INDEXES:
                connection.exec_driver_sql(f"DROP INDEX recon_store.{name}")
        connection.exec_driver_sql("TRUNCATE recon_store.entries")
        given = {**FilledBooks("writing", entries).parameters(), "first": 0, "until": entries}
        parameters = {name: value for name, value in given.items() if f":{name}" in ENTRIES}
        connection.commit()
        stage.settle()
        before = _processor(connection)
        connection.execute(text(ENTRIES), parameters)
        rates[which].append(entries / max(_processor(connection) - before, 0.01))
        connection.exec_driver_sql("TRUNCATE recon_store.entries")
        if which == "without":
            for definition in definitions:
                connection.exec_driver_sql(definition)
        connection.commit()
    for which, measured in rates.items():
        note = f"a second of Postgres' processor time; INSERT … SELECT of {entries:,}, median of {repeats}, in turn"
        figures.add(
            f"as_of.insert.{which}", f"entries inserted, {which} indexes of late ones", median(measured), "/s", note
        )


def _check(connection: Connection, books: FilledBooks) -> None:
    """Raise RuntimeError unless the books at a past time are the sum of the entries, added up one by one."""
    given = {"at": books.at(0.5), "end": books.end, "gateway": books.gateway}
    wrong = connection.execute(
        text(
            "SELECT count(*) FROM recon.balances_as_of(:at, :end) AS b JOIN (SELECT account, unit, sum(amount) AS value"
            " FROM recon.entries_as_of(:at, :end) WHERE gateway = :gateway GROUP BY account, unit) AS e"
            " ON (e.account, e.unit) = (b.account, b.asset)"
            " WHERE b.gateway = :gateway AND b.balance IS DISTINCT FROM e.value"
        ),
        given,
    ).scalar_one()
    connection.rollback()
    if wrong:
        raise RuntimeError(f"{wrong} balances as of a time are not the sum of their entries")


def _processor(connection: Connection) -> float:
    """Return the processor time of the session's process of Postgres, in seconds: what other load does not blur."""
    return family_seconds(driver_connection(connection).info.backend_pid)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
