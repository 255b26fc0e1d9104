"""The terminal as it is: its size, measured, and what it can show; long output goes through a pager."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import Final

from recon.cli.output import note, spelling, write
from recon.cli.tables.look import Look
from recon.clock import utc_now

#: What is assumed where nothing can be measured, in columns and lines.
FALLBACK: Final = (80, 24)
#: How `less` shows output where LESS does not say: colours as they are, and an end at once if it fits one screen.
_LESS: Final = "FRX"


def is_terminal() -> bool:
    """True if standard output is a terminal."""
    return sys.stdout.isatty()


def look(*, raw: bool = False) -> Look:
    """Measure the terminal. `NO_COLOR` and `TERM=dumb` are honoured; without UTF-8 there are no shapes."""
    width, height = shutil.get_terminal_size(FALLBACK)
    coloured = is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    return Look(width, height, coloured, encoding in {"utf8", "utf16", "utf32"}, utc_now(), raw, spelling())


def write_lines(lines: list[str], height: int, *, paged: bool) -> None:
    """Write lines to standard output, through the pager if they are more than the screen holds."""
    text = "".join(f"{line}\n" for line in lines)
    command = _pager() if paged and len(lines) >= height and sys.stdin.isatty() and is_terminal() else []
    if not command or not _paged(command, text):
        write(text)


def _pager() -> list[str]:
    """Return the pager: that of PAGER, where an empty one is none, or else `less`."""
    named = os.environ.get("PAGER")
    if named is not None:
        return shlex.split(named)
    less = shutil.which("less")
    return [less] if less else []


def _paged(command: list[str], text: str) -> bool:
    """Show a text in the pager; False where it cannot be started, which is said."""
    environ = {"LESS": _LESS, "LESSCHARSET": "utf-8", **os.environ}
    try:
        process = subprocess.Popen(  # noqa: S603 - the person's own pager
            command, stdin=subprocess.PIPE, env=environ, text=True, encoding="utf-8", errors="backslashreplace"
        )
    except OSError:
        note(f"the pager {command[0]} cannot be started; set PAGER, or give --no-pager")
        return False
    while True:
        try:
            process.communicate(text)
        except KeyboardInterrupt:
            # The pager gets Ctrl-C too, and decides what it means; it ends by its own key.
            text = ""
            continue
        return True
