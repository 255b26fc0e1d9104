"""A command that reads and shows: one JSON document, or a screen, drawn again and again with --watch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from recon.cli.connection import readable_database
from recon.cli.currency import Currency
from recon.cli.output import Row, print_json
from recon.cli.tables.options import TableOptions
from recon.cli.tables.screen import Screen
from recon.cli.tables.show import show
from recon.config import Settings
from recon.db.source import Source
from recon.errors import ConfigError


class Answer(NamedTuple):
    """What was read: a screen for a person, a document for a program, and whether both are current."""

    screen: Screen
    document: Row | Sequence[Row]
    currency: Currency | None = None


def answer(
    settings: Settings, command: str, options: TableOptions, read: Callable[[Source], Answer], *, json: bool
) -> Currency | None:
    """Read in a connection of its own, and print; return whether what was printed last is current.

    Errors: ConfigError.
    """
    if json and options.watch is not None:
        raise ConfigError("--watch is for a terminal: leave out --json, or run the command with it again and again")
    last: list[Currency | None] = [None]

    with readable_database(settings, command) as connect:

        def read_once() -> Answer:
            with connect() as connection:
                found = read(connection)
            last[0] = found.currency
            return found

        if json:
            print_json(read_once().document)
        else:
            show(lambda: read_once().screen, options)
    return last[0]
