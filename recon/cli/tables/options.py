"""The options of every command that prints a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Final

import msgspec
import typer

from recon.cli.output import Row
from recon.cli.tables.table import Choice, Table
from recon.errors import ConfigError
from recon.nearest import hint
from recon.reads.filter import Filter, of_words
from recon.reads.sort import SortKey, sort_keys, sorted_rows

#: Seconds between two looks of --watch: the default, the least and the most.
WATCH_SECONDS: Final = 2.0
LEAST_WATCH: Final = 0.5
MOST_WATCH: Final = 3600.0


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
        own = {column.key for column in table.columns}
        return Choice(tuple(key for key in self.columns if key in own), self.wide, flat=bool(self.sort))

    def is_of(self, table: Table) -> bool:
        """True if columns of this table are asked for."""
        return not self.columns or any(column.key in self.columns for column in table.columns)

    def narrowed(self, **values: str | None) -> Filter:
        """Return the filter with the values of a command's own options, such as --gateway."""
        return self.filter.also(**values)

    def check(self, known: Collection[str]) -> None:
        """Refuse a column to show that no table has. Errors: ConfigError."""
        for key in self.columns:
            if key not in known:
                raise ConfigError(f"there is no column {key!r} to show; {hint(key, known)}")

    def sorted(self, rows: Sequence[Row]) -> list[Row]:
        """Return rows in the order that is asked for, by any of their values. Errors: ConfigError."""
        return sorted_rows(rows, self.sorts(rows[0].keys()) if rows else ())

    def sorts(self, known: Collection[str]) -> tuple[SortKey, ...]:
        """Return the order that is asked for. Errors: ConfigError for a column that there is not."""
        return sort_keys(self.sort, known)


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
    columns: Annotated[
        str | None, typer.Option(metavar="NAMES", help="These columns, separated by commas, instead of the usual ones.")
    ] = None,
    wide: Annotated[bool, typer.Option("--wide", help="All columns.")] = False,
    sort: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Sort by these columns; a minus before one: descending.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Figures, ids and times as stored.")] = False,
    no_pager: Annotated[bool, typer.Option("--no-pager", help="Never page long output.")] = False,
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
