"""Showing a command's answer: on a terminal what fits it, in a pipe everything, with --watch again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from recon.cli.output import note, write
from recon.cli.tables import terminal
from recon.cli.tables.look import Look
from recon.cli.tables.options import TableOptions
from recon.cli.tables.pipe import pipe_text
from recon.cli.tables.screen import Screen, screen_lines
from recon.cli.tables.table import Table
from recon.cli.tables.watch import watch
from recon.reads.sort import SortKey, sorted_rows


def show(build: Callable[[], Screen], options: TableOptions) -> None:
    """Show what `build` reads; with --watch it is called anew for each look. Errors: ConfigError."""
    if options.watch is None:
        print_screen(build(), options)
        return
    watch(lambda look: _lines(build(), look, options), lambda: terminal.look(raw=options.raw), options.watch)


def print_screen(screen: Screen, options: TableOptions) -> None:
    """Print a screen once: for a person, or for a pipe. Errors: ConfigError for columns that there are not."""
    arranged = _arranged(screen, options)
    if not arranged.rows:
        for line in screen.empty.splitlines():
            note(line)
    elif not terminal.is_terminal():
        write("".join(pipe_text(table, options.choice_of(table)) for table in arranged.tables if table.rows))
    else:
        look = terminal.look(raw=options.raw)
        terminal.write_lines(screen_lines(arranged, look, options.choice_of), look.height, paged=options.pager)


def _lines(screen: Screen, look: Look, options: TableOptions) -> list[str]:
    lines = screen_lines(_arranged(screen, options), look, options.choice_of)
    return lines if screen.rows else [*lines, *screen.empty.splitlines()]


def _arranged(screen: Screen, options: TableOptions) -> Screen:
    """Return the screen in the order that is asked for, without the tables that have none of the columns asked for."""
    columns = [column for table in screen.tables for column in table.columns]
    options.check(columns)
    keys = () if options.presorted else options.sorts_of(columns)
    tables = [_sorted(table, keys) for table in screen.tables if options.is_of(table)]
    return msgspec.structs.replace(screen, tables=tables)


def _sorted(table: Table, keys: Sequence[SortKey]) -> Table:
    known = {column.key for column in table.columns}
    own = [key for key in keys if key.column in known]
    return msgspec.structs.replace(table, rows=sorted_rows(table.rows, own)) if own else table
