"""What a report is: columns with types in a fixed order, and where its rows come from. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

#: What the values of a column are: text, exact decimals, whole numbers, yes or no, times in UTC, days.
ColumnType: TypeAlias = Literal["text", "decimal", "integer", "boolean", "time", "date"]
#: A value of a row; None is not known, and never zero or empty.
Value: TypeAlias = str | Decimal | int | bool | datetime | date | None
#: The values of one row, in the order of the columns.
ReportRow: TypeAlias = Sequence[Value]


class ReportColumn(msgspec.Struct, frozen=True):
    """A column: its key, which is the view's, and its type; `past`: also known of a time in the past.

    `sql` makes a value of the type from the view's column, which stands for `{}` in it; without, it is one already.
    """

    key: str
    type: ColumnType
    past: bool = True
    sql: str = "{}"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One report: `view` now, and `past` as of a time, a function of (valid_at, known_at).

    Where each row stays as it is once it is there, there is none: `recorded` names the columns that say when it
    happened, and when it was known. So the past is a part of the view.

    `order` leaves no two rows equal, so that the same books always give the same file. `filters` are the names that it
    can be narrowed by, with their columns. `without` are the view's columns that it leaves out on purpose.
    """

    name: str
    title: str
    view: str
    past: str | None = None
    recorded: tuple[str, str] | None = None
    columns: Sequence[ReportColumn]
    order: Sequence[str]
    filters: Mapping[str, str]
    without: Sequence[str] = ()
    #: The column whose values a printed report counts, and whether it shows charts of breaks and drift.
    tally: str | None = None
    pictured: bool = False
    #: The columns that a printed report has, as paper is narrow; none named: all.
    printed: Sequence[str] = ()


def text(key: str, *, past: bool = True) -> ReportColumn:
    """Return a column of text."""
    return ReportColumn(key, "text", past)


def decimal(key: str, *, past: bool = True) -> ReportColumn:
    """Return a column of exact decimals."""
    return ReportColumn(key, "decimal", past)


def integer(key: str, *, past: bool = True) -> ReportColumn:
    """Return a column of whole numbers."""
    return ReportColumn(key, "integer", past)


def document(key: str) -> ReportColumn:
    """Return a column of JSON, as its text."""
    return ReportColumn(key, "text", sql="CAST({} AS text)")


def seconds(key: str) -> ReportColumn:
    """Return a column of lengths of time, in exact seconds."""
    return ReportColumn(key, "decimal", sql="extract(epoch FROM {})")


def boolean(key: str, *, past: bool = True) -> ReportColumn:
    """Return a column of yes or no."""
    return ReportColumn(key, "boolean", past)


def time(key: str, *, past: bool = True) -> ReportColumn:
    """Return a column of times."""
    return ReportColumn(key, "time", past)


def day(key: str, *, past: bool = True) -> ReportColumn:
    """Return a column of days."""
    return ReportColumn(key, "date", past)
