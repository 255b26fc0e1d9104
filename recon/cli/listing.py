"""A list of rows that may be long: the latest ones, as many as are asked for, and whether there are more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from recon.cli.answer import Answer, answer
from recon.cli.as_of import say_times, title_of
from recon.cli.options import settings_of
from recon.cli.output import Column, Row
from recon.cli.tables.options import TableOptions
from recon.cli.tables.screen import NextStep, Screen
from recon.cli.tables.table import Note, Table
from recon.clock import utc_now
from recon.db.source import Source
from recon.display.words import counted
from recon.reads.as_of import NOW, AsOf
from recon.reads.known_names import check_filter
from recon.reads.read import Read

#: Most rows that a list prints.
MAX_ROWS: Final = 100_000

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=MAX_ROWS, help="At most this many, the latest ones.")]
Since = Annotated[
    str | None, typer.Option(metavar="WHEN", help="From a time (2026-01-05T09:00:00Z) or an age (2h, 7d) on.")
]
UnitFilter = Annotated[
    str | None, typer.Option("--unit", "-u", metavar="CODE", help="Only this asset or contract, by its code.")
]


def _nothing(_row: Row, _shown: Collection[str]) -> Sequence[Note]:
    return ()


def _no_steps(_rows: Sequence[Row]) -> Sequence[NextStep]:
    return ()


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A list as a command shows it; `more` completes a row, `units` are keys of figures with one scale."""

    read: Read
    columns: Sequence[Column]
    noun: str
    plural: str = ""
    units: Sequence[Sequence[str]] = ()
    more: Callable[[Row], Row] = dict
    notes: Callable[[Row, Collection[str]], Sequence[Note]] = _nothing
    notes_under: str = ""
    steps: Callable[[Sequence[Row]], Sequence[NextStep]] = _no_steps
    #: What to do where there is no row.
    if_empty: str = ""


class Wanted(msgspec.Struct, frozen=True):
    """Which rows of a list are asked for, by options that are not of its table."""

    config: Path | None
    gateway: str | None = None
    account: str | None = None
    unit: str | None = None
    since: str | None = None
    limit: int = 50
    as_of: AsOf = NOW


def show_listing(listing: Listing, options: TableOptions, wanted: Wanted, *, json: bool) -> None:
    """Read and show a list. Errors: ConfigError for names and columns that there are not."""
    settings = settings_of(wanted.config)
    asked = options.narrowed(gateway=wanted.gateway, account=wanted.account, unit=wanted.unit, since=wanted.since)

    past = wanted.as_of

    def read(connection: Source) -> Answer:
        check_filter(connection, asked, settings.gateways)
        gateway, account = asked.one("gateway"), asked.one("account")
        currency, now = say_times(connection, settings, past, gateway=gateway, account=account), utc_now()
        sort = options.sorts_of(listing.columns, listing.read.sorts)
        query = listing.read.query(asked, now, sort=sort, limit=wanted.limit + 1, as_of=past)
        found = [listing.more(row) for row in query.rows(connection)]
        rows = found[: wanted.limit]
        said = counted(len(rows), listing.noun, listing.plural)
        if len(found) > wanted.limit:
            said += f", {'the first' if sort else 'the latest'}; there are more: --limit"
        none = currency.empty(f"no {listing.plural or f'{listing.noun}s'}")
        table = Table(
            columns=listing.columns,
            rows=rows,
            units=listing.units,
            notes=listing.notes,
            notes_under=listing.notes_under,
        )
        screen = Screen(
            tables=[table],
            sums=[said],
            moment=title_of(currency, now, past),
            steps=listing.steps(rows) if rows else (),
            empty="\n".join(filter(None, (none, listing.if_empty))),
        )
        return Answer(screen, rows, currency)

    # The rows are sorted as they are read: of all, not of those that are shown.
    answer(settings, listing.read.name, msgspec.structs.replace(options, presorted=True), read, json=json)
