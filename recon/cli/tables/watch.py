"""Looking again and again: the same screen, drawn anew every few seconds, until `q` or Ctrl-C."""

from __future__ import annotations

import io
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Final

from recon.cli.output import write
from recon.cli.tables.look import Look
from recon.errors import ConfigError, ReconError

#: The other screen of a terminal, without a cursor; and back.
_ENTER: Final = "\x1b[?1049h\x1b[?25l"
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_REST_OF_LINE: Final = "\x1b[K"
_REST_OF_SCREEN: Final = "\x1b[J"


def watch(draw: Callable[[Look], list[str]], measure: Callable[[], Look], seconds: float) -> None:
    """Draw a screen every so many seconds. Errors: ConfigError where there is no terminal."""
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise ConfigError("--watch needs a terminal; for a program, run the command with --json again and again")
    with _other_screen(), _single_keys():
        while True:
            look = measure()
            write(frame(_drawn(draw, look), look, seconds))
            if _pressed(seconds) in {"q", "Q"}:
                return


def frame(lines: list[str], look: Look, seconds: float) -> str:
    """Return what draws these lines over the former ones, as far as the screen holds them, and how to end it."""
    room = max(look.height - 1, 1)
    hidden = len(lines) - room
    shown = lines[: room - 1] if hidden > 0 else lines
    more = [look.painted(f"{hidden + 1} more lines: make the window higher, or narrow the list", "dim")]
    body = [*shown, *(more if hidden > 0 else [])]
    foot = look.painted(f"q ends   again every {seconds:g} s", "dim")
    filled = [*body, *[""] * (room - len(body)), foot]
    return _HOME + f"{_REST_OF_LINE}\r\n".join(filled) + _REST_OF_LINE + _REST_OF_SCREEN


def _drawn(draw: Callable[[Look], list[str]], look: Look) -> list[str]:
    """Draw once; what is said beside the screen stands above it, and a failure takes its place until it is over."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            lines = draw(look)
    except ReconError as error:
        lines = [look.painted(line, "bold red") for line in f"nothing can be shown: {error}".splitlines()]
    return [*(look.painted(line, "yellow") for line in said.getvalue().splitlines()), *lines]


def _pressed(seconds: float) -> str:
    """Return the key that was pressed within so many seconds; "" if none was."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return sys.stdin.read(1) if ready else ""


@contextmanager
def _other_screen() -> Iterator[None]:
    write(_ENTER)
    try:
        yield
    finally:
        write(_LEAVE)


@contextmanager
def _single_keys() -> Iterator[None]:
    """Read keys as they are pressed, and give the terminal back as it was."""
    descriptor = sys.stdin.fileno()
    former = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, former)
