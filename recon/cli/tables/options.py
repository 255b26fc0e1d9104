"""The options of every command that prints a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Final

import msgspec
import typer

from recon.cli.output import Column, Row
from recon.cli.tables.table import Choice, Table
from recon.errors import ConfigError
from recon.nearest import hint
from recon.reads.filter import Filter, of_words
from recon.reads.sort import SortKey, sort_keys, sorted_rows

#: Seconds between two looks of --watch: the default, the least and the most.
WATCH_SECONDS: Final = 2.0
LEAST_WATCH: Final = 0.5
MOST_WATCH: Final = 3600.0

Columns = Annotated[
    str | None, typer.Option(metavar="NAMES", help="These columns, separated by commas, instead of the usual ones.")
]
Wide = Annotated[bool, typer.Option("--wide", help="All columns.")]
Sort = Annotated[
    str | None, typer.Option(metavar="NAMES", help="Sort by these columns; a minus before one: descending.")
]
Raw = Annotated[bool, typer.Option("--raw", help="Figures, ids and times as stored.")]
NoPager = Annotated[bool, typer.Option("--no-pager", help="Never page long output.")]


class TableOptions(msgspec.Struct, frozen=True):
    """What a person asks of a table: which rows, which columns, in which order, and how they are shown."""

    filter: Filter = Filter()
    columns: tuple[str, ...] = ()
    wide: bool = False
    sort: str = ""
    raw: bool = False
    pager: bool = True
    #: Seconds between two looks; None: look once.
    watch: float | None = None
    #: True where the rows come in the order that is asked for.
    presorted: bool = False

    def choice_of(self, table: Table) -> Choice:
        """Return which columns of a table are shown: of those asked for the ones that it has."""
        keys = [key_of(name, table.columns) for name in self.columns]
        return Choice(tuple(key for key in keys if key is not None), self.wide, flat=bool(self.sort))

    def is_of(self, table: Table) -> bool:
        """True if columns of this table are asked for."""
        return not self.columns or bool(self.choice_of(table).columns)

    def narrowed(self, **values: str | None) -> Filter:
        """Return the filter with the values of a command's own options, such as --gateway."""
        return self.filter.also(**values)

    def check(self, columns: Sequence[Column]) -> None:
        """Refuse a column to show that no table has. Errors: ConfigError."""
        for name in self.columns:
            if key_of(name, columns) is None:
                known = [column.key for column in columns if column.kind not in UNNAMED]
                raise ConfigError(f"there is no column {name!r} to show; {hint(name, known)}")

    def sorts_of(self, columns: Sequence[Column], known: Collection[str] = ()) -> tuple[SortKey, ...]:
        """Return the order that is asked for, by keys or titles of these columns. Errors: ConfigError."""
        names = [column.key for column in columns if column.kind not in UNNAMED]
        words = [word.strip() for word in self.sort.split(",") if word.strip()]
        keys = [
            f"{'-' if word[0] == '-' else ''}{key_of(word.lstrip('+-'), columns) or word.lstrip('+-')}"
            for word in words
        ]
        return sort_keys(",".join(keys), known or names)

    def sorted(self, rows: Sequence[Row]) -> list[Row]:
        """Return rows in the order that is asked for, by any of their values. Errors: ConfigError."""
        return sorted_rows(rows, sort_keys(self.sort, rows[0].keys())) if rows else []

    def check_list(self, of: str, columns: Sequence[Column]) -> None:
        """Refuse what no list with these columns can be asked for, before any work is done. Errors: ConfigError."""
        self.check(columns)
        self.sorts_of(columns)
        self.filter.check_names({column.key for column in columns}, of)

    def kept(self, rows: Sequence[Row], columns: Sequence[Column]) -> list[Row]:
        """Return the rows that are asked for, where no database narrows them; names of other lists do not matter."""
        known = {column.key for column in columns}
        return [row for row in rows if self.filter.keeps(row, known)]


#: Columns that have no name of their own to ask for.
UNNAMED: Final = frozenset({"mark", "strip"})


def key_of(name: str, columns: Sequence[Column]) -> str | None:
    """Return the key of the column that a person names by its key, or by its title; None where there is none."""
    asked = name.replace("_", " ").casefold()
    named = [column for column in columns if column.kind not in UNNAMED]
    by_title = (column.key for column in named if column.heading.casefold() == asked)
    return next((column.key for column in named if column.key == name), None) or next(by_title, None)


def one_look_options(
    *,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="NAME=VALUE",
            help="Show only rows with this value, such as account=KRAKEN; several of one name are alternatives.",
        ),
    ] = None,
    columns: Columns = None,
    wide: Wide = False,
    sort: Sort = None,
    raw: Raw = False,
    no_pager: NoPager = False,
) -> TableOptions:
    """Read the options of a table that a command shows once, of what it did. Errors: ConfigError."""
    return table_options(filters=filters, columns=columns, wide=wide, sort=sort, raw=raw, no_pager=no_pager)


def table_options(  # noqa: PLR0913 - each option of a command is a parameter
    *,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            "-f",
            metavar="NAME=VALUE",
            help="Only rows with this value, such as state=open; several of one name are alternatives.",
        ),
    ] = None,
    columns: Columns = None,
    wide: Wide = False,
    sort: Sort = None,
    raw: Raw = False,
    no_pager: NoPager = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until q or Ctrl-C.")] = False,
    interval: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=LEAST_WATCH, max=MOST_WATCH, help="With --watch: time between two looks."),
    ] = WATCH_SECONDS,
) -> TableOptions:
    """Read the options of a table. Errors: ConfigError."""
    return TableOptions(
        of_words(filters or ()),
        tuple(name.strip() for name in (columns or "").split(",") if name.strip()),
        wide,
        sort or "",
        raw,
        not no_pager,
        interval if watch else None,
    )
