"""The options that ask for a past time, and how a command says of when its answer is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from recon.cli.currency import Currency, moment_of, say_currency
from recon.cli.output import note
from recon.cli.tables.terminal import is_terminal
from recon.clock import utc_now
from recon.config import Settings
from recon.db.source import Source
from recon.reads.as_of import AsOf, of_texts

VALID_OPTION: Final = "--as-of"
KNOWN_OPTION: Final = "--known-at"

ValidAt = Annotated[
    str | None,
    typer.Option(VALID_OPTION, metavar="WHEN", help="As it was at a time (2026-01-05T17:00Z) or an age ago (2h, 7d)."),
]
KnownAt = Annotated[
    str | None,
    typer.Option(KNOWN_OPTION, metavar="WHEN", help="As it was known at a time, or an age ago. [default: now]"),
]


def past_of(valid_at: str | None, known_at: str | None) -> AsOf:
    """Return the two times that are asked for. Errors: ConfigError."""
    return of_texts(valid_at, known_at, utc_now(), (VALID_OPTION, KNOWN_OPTION))


def say_times(
    connection: Source,
    settings: Settings,
    as_of: AsOf,
    *,
    gateway: str | None = None,
    account: str | None = None,
    required: bool = False,
) -> Currency:
    """Say beside the answer of when it is, and what is not current; what was known once stays current.

    Errors: NotCurrent where that is `required`.
    """
    if as_of.is_past and not is_terminal():
        note(as_of.words)
    if as_of.known_at is not None:
        return Currency(())
    return say_currency(connection, settings, gateway=gateway, account=account, required=required)


def title_of(currency: Currency, now: datetime, as_of: AsOf) -> str:
    """Return what stands at the right of a title: both times of the past, or the time and whether it is current."""
    if not as_of.is_past:
        return moment_of(currency, now)
    return as_of.words if currency.current else f"{as_of.words}, not current"
