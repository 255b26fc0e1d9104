"""Reading the rows of a report from the public views, in batches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from recon.db.reader import Reader
from recon.reads.activity import ENTRIES
from recon.reads.as_of import NOW, AsOf
from recon.reads.filter import Condition, Filter
from recon.reads.query import Query
from recon.reports.catalogue.closings import CLOSE_STATES
from recon.reports.model import Report, ReportColumn, ReportRow

#: Rows that are in memory at once.
BATCH_ROWS: Final = 4_096
#: Longest that the server may take for the first batch, and for each further one.
BATCH_TIMEOUT: Final = timedelta(minutes=30)

#: The types of columns that are not known of the past.
_CASTS: Final = {
    "text": "text", "decimal": "numeric", "integer": "bigint", "boolean": "boolean", "time": "timestamptz",
    "date": "date",
}  # fmt: skip
#: What a name of a filter has as values, where these are not the usual ones.
_WORDS: Final[Mapping[str, Mapping[str, Callable[[], Collection[str]]]]] = {
    "movements": ENTRIES.words,
    "fees": ENTRIES.words,
    "close": {"state": lambda: CLOSE_STATES},
}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of a report, and of when; `now` is the time from which ages count."""

    report: Report
    filter: Filter
    now: datetime
    past: AsOf = NOW

    @property
    def is_past(self) -> bool:
        """True if it is of another time than now."""
        return self.past.is_past

    @property
    def times(self) -> Mapping[str, object]:
        """Return the parameters of what is asked of the past; none for now."""
        if not self.is_past:
            return {}
        return {"valid_at": self.past.valid_at or self.now, "known_at": self.past.known_at or self.now}


def query_of(asked: Asked) -> Query:
    """Return the SQL of a report: explicit columns, and an order that leaves no two rows equal. Errors: ConfigError."""
    report = asked.report
    columns = ",\n    ".join(_column(column, past=asked.is_past) for column in report.columns)
    condition = _condition(asked, {name: f"r.{column}" for name, column in report.filters.items()})
    order = ", ".join(f"r.{key}" for key in report.order)
    where = condition.text
    if asked.is_past and report.past is None and report.recorded is not None:
        happened, known = report.recorded
        where += f" AND r.{happened} <= :valid_at AND r.{known} <= :known_at"
    source = report.view if report.past is None or not asked.is_past else f"{report.past}(:valid_at, :known_at)"
    clauses = [f"SELECT\n    {columns}", f"FROM {source} AS r", f"WHERE {where}", f"ORDER BY {order}"]
    return Query("\n".join(clauses), {**condition.parameters, **asked.times})


def read_rows(reader: Reader, asked: Asked) -> Iterator[Sequence[ReportRow]]:
    """Yield the rows in batches; what is not read yet stays on the server. Errors: ConfigError, DatabaseError."""
    query = query_of(asked)
    yield from reader.batches(query.text, query.parameters, rows=BATCH_ROWS, timeout=BATCH_TIMEOUT)


def _column(column: ReportColumn, *, past: bool) -> str:
    if past and not column.past:
        return f"CAST(NULL AS {_CASTS[column.type]}) AS {column.key}"
    return f"{column.sql.format(f'r.{column.key}')} AS {column.key}"


def _condition(asked: Asked, columns: Mapping[str, str]) -> Condition:
    asked.filter.check_words(_WORDS.get(asked.report.name))
    return asked.filter.condition(columns, asked.past.now(asked.now), asked.report.name)
