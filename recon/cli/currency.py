"""Whether what a command shows is current: each gateway recorded, connected and folded, each account covered.

1. What is not current is said first, on stderr, with since when and why; with `--json` it is part of the document.
2. With `--require-current` nothing is shown then, as if there were no database (operator 2.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec
import typer

from recon.cli.output import note
from recon.cli.tables.cells import NOT_CURRENT
from recon.config import Settings
from recon.db.source import Source
from recon.display.ages import time_of_day
from recon.errors import NotCurrent
from recon.reads.currency import Stale, read_stale

#: The exit status of a command that has shown what is not current.
SHOWN_NOT_CURRENT: Final = 11

RequireCurrent = Annotated[
    bool, typer.Option("--require-current", help="Show nothing, and end with 3, unless recon sees everything now.")
]


class Currency(msgspec.Struct, frozen=True):
    """What is not current of what a command shows: gateways, and accounts of others, each with since when and why."""

    stale: Sequence[Stale]

    @property
    def current(self) -> bool:
        """True if recon sees now whatever the command shows."""
        return not self.stale

    @property
    def lines(self) -> list[str]:
        """Return a line for each gateway or account that is not current."""
        return [each.line for each in self.stale]

    def sees(self, gateway: object, account: object) -> bool:
        """True if an account of a gateway is seen now."""
        return not any(each.gateway == gateway and each.account in {None, account} for each in self.stale)

    def document(self) -> dict[str, object]:
        """Return the first keys of a document: whether it is current, and if not, why."""
        return {
            "current": self.current,
            "reason": "; ".join(self.lines) or None,
            "not_current": [each.row for each in self.stale],
        }

    def empty(self, text: str) -> str:
        """Return what to say of an empty table: that nothing is known, where the newest is not shown."""
        return text if self.current else f"{text} known, but this is not current"

    def end(self) -> None:
        """End with a status of its own what was asked whether all is well. Call it after printing."""
        if self.stale:
            raise typer.Exit(SHOWN_NOT_CURRENT)


def moment_of(currency: Currency, now: datetime) -> str:
    """Return what stands at the right of a title: the time, and whether what is shown is current."""
    return f"{time_of_day(now, now)} UTC  {'current' if currency.current else 'not current'}"


def with_currency(row: Mapping[str, object], currency: Currency) -> dict[str, object]:
    """Return a row of an account for a person: marked where the account is not seen now."""
    return {**row, NOT_CURRENT: not currency.sees(row["gateway"], row["account"])}


def say_currency(
    connection: Source,
    settings: Settings,
    *,
    gateway: str | None = None,
    account: str | None = None,
    required: bool = False,
) -> Currency:
    """Say on stderr what is not current, before anything is shown. Errors: NotCurrent where it is `required`."""
    currency = read_currency(connection, settings, gateway, account)
    if required and not currency.current:
        raise NotCurrent("\n".join(currency.lines))
    for line in currency.lines:
        note(f"not current: {line}")
    return currency


def read_currency(
    connection: Source, settings: Settings, gateway: str | None = None, account: str | None = None
) -> Currency:
    """Return what is not current."""
    return Currency(read_stale(connection, settings.gateways, gateway, account))
