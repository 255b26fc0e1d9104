"""Progress on standard error, for commands that read a whole log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from recon.cli.output import note, span, text_of
from recon.display.words import counted

#: Called with how much of the work is done, and how much there is.
Advance: TypeAlias = Callable[[int, int], None]
#: Where standard error is no terminal, a line of folding follows the one before after so many seconds.
LINE_SECONDS: Final = 10.0


@contextmanager
def progress_bar(*further: ProgressColumn) -> Iterator[Callable[[str], Advance]]:
    """Give a function that begins a bar of this name on stderr; silent where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, *further, console=console, disable=not console.is_terminal, transient=True) as progress:

        def begin(name: str) -> Advance:
            task = progress.add_task(text_of(name), total=None)
            return lambda done, total: progress.update(task, completed=done, total=total)

        yield begin


@contextmanager
def folding_progress(now: Callable[[], float] = time.monotonic) -> Iterator[Callable[[str], Advance]]:
    """Give a function that begins the folding of a gateway: how many events, how many a second, how long still.

    It is a bar on a terminal, and elsewhere a line every LINE_SECONDS. `now` gives the seconds of a steady clock.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        with progress_bar(_RateColumn()) as begin:
            yield begin
    else:
        yield lambda name: _Lines(name, now).advance


class _RateColumn(ProgressColumn):
    """How many events are folded a second, of late."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s")


class _Lines:
    """The progress of one gateway, as lines."""

    def __init__(self, name: str, now: Callable[[], float]) -> None:
        self._name = text_of(name)
        self._now = now
        self._began = self._told = now()

    def advance(self, done: int, total: int) -> None:
        at = self._now()
        if at - self._told < LINE_SECONDS or not done:
            return
        self._told = at
        rate = done / (at - self._began)
        left = span(timedelta(seconds=round((total - done) / rate)))
        note(f"{self._name}: {done:,} of {counted(total, 'event')}, {rate:,.0f}/s, {left} left")
