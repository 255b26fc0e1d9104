"""`recon report`: what the books hold, as a file for other programs and for paper (operator 2.6)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, Literal

import typer

from recon.cli.as_of import KnownAt, ValidAt, past_of, say_times
from recon.cli.connection import reader_connection
from recon.cli.currency import Currency, RequireCurrent
from recon.cli.ended import ending_in_order
from recon.cli.options import AccountFilter, Config, GatewayFilter, settings_of
from recon.cli.output import note
from recon.clock import utc_now
from recon.config import Settings
from recon.db.reader import Reader
from recon.display.words import counted
from recon.errors import ConfigError
from recon.nearest import listed
from recon.reads.basis import read_basis
from recon.reads.filter import of_words
from recon.reads.known_names import check_filter
from recon.reports.catalogue import REPORTS
from recon.reports.destination import spooled, whole_file
from recon.reports.formats import BINARY, FORMATS, Format, csv_file, sink_of
from recon.reports.header import Header
from recon.reports.picture_reading import read_pictures
from recon.reports.reading import Asked, query_of, read_rows

if TYPE_CHECKING:
    from recon.reports.formats.sink import Sink

Kind = Literal["positions", "balances", "breaks", "movements", "fills", "fees", "pnl", "close"]
#: The name of standard output.
STANDARD_OUTPUT: Final = Path("-")
#: What the name of a CSV file gets for the file that says what it is.
ABOUT: Final = ".about.json"


def report(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="|".join(REPORTS))],
    *,
    config: Config = None,
    format_: Annotated[
        Format | None, typer.Option("--format", "-f", help="[default: by the end of FILE's name; csv if it has none]")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to; - is standard output.")
    ] = STANDARD_OUTPUT,
    replace: Annotated[bool, typer.Option("--replace", help="Replace FILE where it is there already.")] = False,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    narrowed: Annotated[
        list[str] | None, typer.Option("--filter", metavar="NAME=VALUE", help="Only these rows; may be given often.")
    ] = None,
    head: Annotated[
        bool, typer.Option("--head", help="Put the head above the rows of CSV, as lines that begin with #.")
    ] = False,
    as_of: ValidAt = None,
    known_at: KnownAt = None,
    require_current: RequireCurrent = False,
) -> None:
    """Write a report as CSV, JSON, Parquet, xlsx or HTML.

    A file appears whole or not at all. One that is there is kept, unless --replace is given. Every number is exact in
    every format; where a format cannot hold one, it says so and has the exact text beside it.
    """
    chosen = format_ or _by_name(output)
    make = sink_of(chosen)
    settings, now = settings_of(config), utc_now()
    only = of_words(narrowed or []).also(gateway=gateway, account=account)
    asked = Asked(report=REPORTS[kind], filter=only, now=now, past=past_of(as_of, known_at))
    query_of(asked)  # refuses what cannot be asked for before anything is read
    with ending_in_order(), reader_connection(settings, "report", snapshot=True) as reader:
        check_filter(reader, asked.filter, settings.gateways)
        currency = _say(reader, settings, asked, required=require_current)
        header = header_of(reader, asked, currency)
        pictures = read_pictures(reader, asked) if chosen == "html" and asked.report.pictured else []
        explained = chosen == "csv" and not head
        with (
            _also(output, explained=explained, replace=replace) as about,
            _stream(output, chosen, replace=replace) as stream,
        ):
            if chosen == "csv" and head:
                stream.write(csv_file.head(header))
            sink = make(stream, header, pictures)
            count, remarks = _write(sink, reader, asked)
            if about is not None:
                about.write(csv_file.about(header, count))
    for remark in remarks:
        note(remark)
    if output != STANDARD_OUTPUT:
        note(f"{output}: {counted(count, 'row')} of {kind}")


def header_of(reader: Reader, asked: Asked, currency: Currency) -> Header:
    """Return what a report says of itself."""
    return Header(
        report=asked.report,
        version=version("recon"),
        made_at=asked.now,
        as_of=asked.past.valid_at,
        known_at=asked.past.known_at,
        filters=asked.filter.words(),
        books=read_basis(reader, asked.filter.one("gateway"), asked.past.known_at),
        not_current=currency.lines,
    )


def _say(reader: Reader, settings: Settings, asked: Asked, *, required: bool) -> Currency:
    place = {name: asked.filter.one(name) for name in ("gateway", "account")}
    return say_times(reader, settings, asked.past, **place, required=required)


def _write(sink: Sink, reader: Reader, asked: Asked) -> tuple[int, list[str]]:
    count = 0
    try:
        for rows in read_rows(reader, asked):
            sink.write(rows)
            count += len(rows)
        return count, sink.end()
    finally:
        sink.close()


def _by_name(output: Path) -> Format:
    """Return the format that a file's name ends with; without an ending CSV. Errors: ConfigError."""
    ending = output.suffix.lower().removeprefix(".")
    if not ending:
        return "csv"
    for each in FORMATS:
        if each == ending:
            return each
    raise ConfigError(f"{output} ends like no format, which are {listed(FORMATS, 'and')}: rename it, or give --format")


@contextmanager
def _also(output: Path, *, explained: bool, replace: bool) -> Iterator[BinaryIO | None]:
    """Give the stream of the file that says what a CSV file is; standard output has none."""
    if not explained or output == STANDARD_OUTPUT:
        yield None
        return
    with whole_file(output.with_name(f"{output.name}{ABOUT}"), replace=replace, beside=output) as stream:
        yield stream


@contextmanager
def _stream(output: Path, chosen: Format, *, replace: bool) -> Iterator[BinaryIO]:
    """Give the stream that a report is written to. Errors: ConfigError."""
    if output != STANDARD_OUTPUT:
        with whole_file(output, replace=replace) as stream:
            yield stream
        return
    out = sys.stdout.buffer
    if chosen not in BINARY:
        yield out
        out.flush()
        return
    if sys.stdout.isatty():
        raise ConfigError(f"{chosen} is nothing for a terminal: give -o FILE, or a pipe")
    with spooled(out) as stream:
        yield stream
