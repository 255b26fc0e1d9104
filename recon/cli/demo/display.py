"""Displays of the demonstration: a live screen, or short lines for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from recon.cli.demo.receiver import Receiver
from recon.cli.demo.scoring import score
from recon.cli.demo.screen import ScreenState, draw
from recon.cli.demo.simulation import Truth
from recon.cli.demo.snapshot import Snapshot
from recon.cli.output import note, write
from recon.cli.tables import terminal
from recon.display.words import counted

#: How often a line is printed without a screen, in seconds.
LINE_SECONDS: Final = 5.0
#: The rate of events is an average over this time, in seconds.
RATE_SECONDS: Final = 3.0


class Rate:
    """Events per second over the last few seconds."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, int]] = []

    def of(self, elapsed: float, events: int) -> float:
        """Add a count and return the rate."""
        self._seen.append((elapsed, events))
        while len(self._seen) > 2 and self._seen[1][0] <= elapsed - RATE_SECONDS:
            self._seen.pop(0)
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first) if last > first else 0.0


class Display(Protocol):
    """Shows snapshots; used as a context manager."""

    def __enter__(self) -> Self:
        """Start showing."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the terminal."""
        ...

    def close(self) -> None:
        """Give the terminal back: nothing is shown any more."""
        ...

    def say(self, what: str) -> None:
        """Show what is being done, before the first snapshot."""
        ...

    def show(self, snapshot: Snapshot, truth: Truth, receiver: Receiver, elapsed: float) -> None:
        """Show a snapshot."""
        ...


class LineDisplay:
    """A line every few seconds; on stderr where stdout is for one JSON document."""

    def __init__(self, *, quiet: bool) -> None:
        self._write = note if quiet else lambda line: write(f"{line}\n")
        self._rate = Rate()
        self._next = 0.0

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""

    def close(self) -> None:
        """Do nothing: lines stay where they are."""

    def say(self, what: str) -> None:
        """Print what is being done."""
        self._write(what)

    def show(self, snapshot: Snapshot, truth: Truth, receiver: Receiver, elapsed: float) -> None:
        """Print a line when it is time."""
        rate = self._rate.of(elapsed, snapshot.events)
        if elapsed < self._next:
            return
        self._next = elapsed + LINE_SECONDS
        units = ", ".join(f"{count} {verdict}" for verdict, count in snapshot.verdicts().items()) or "none yet"
        gateways = ", ".join(f"{row['name']} {row['state']}" for row in snapshot.gateways) or "no gateway yet"
        result = score(truth.faults, snapshot.openings)
        self._write(
            f"{elapsed:4.0f} s  {gateways}; {counted(snapshot.events, 'event')} ({rate:.0f}/s); units: {units}; "
            f"{result.words}; {counted(receiver.alerts, 'alert')} received"
        )


class LiveDisplay:
    """The live screen."""

    def __init__(self, duration: float) -> None:
        self._footer: Sequence[str] = ("Ctrl-C ends it",)
        self._console = Console()
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._duration = duration
        self._rate = Rate()

    def __enter__(self) -> Self:
        """Take over the terminal."""
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the terminal."""
        self.close()

    def close(self) -> None:
        """Leave the screen."""
        self._live.stop()

    def say(self, what: str) -> None:
        """Print what is being done."""
        self._console.print(f"[dim]{what} …[/dim]")

    def show(self, snapshot: Snapshot, truth: Truth, receiver: Receiver, elapsed: float) -> None:
        """Draw a snapshot."""
        state = ScreenState(
            elapsed=elapsed,
            duration=self._duration,
            events_per_second=self._rate.of(elapsed, snapshot.events),
            faults=truth.faults,
            received=receiver.alerts,
            footer=self._footer,
        )
        lines = draw(snapshot, state, terminal.look())
        self._live.update(Text.from_ansi("\n".join(lines), no_wrap=True, overflow="crop"), refresh=True)
