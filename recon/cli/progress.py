"""A progress bar on standard error, for commands that read a whole log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from recon.cli.output import text_of

#: Called with how much of the work is done, and how much there is.
Advance: TypeAlias = Callable[[int, int], None]


@contextmanager
def progress_bar() -> Iterator[Callable[[str], Advance]]:
    """Give a function that begins a bar of this name on stderr; silent where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:

        def begin(name: str) -> Advance:
            task = progress.add_task(text_of(name), total=None)
            return lambda done, total: progress.update(task, completed=done, total=total)

        yield begin
