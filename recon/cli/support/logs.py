"""The ends of log files, each within a bound."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from recon.db.embedded.process import START_LOG

#: Of each log its last bytes, and of these its last lines.
TAIL_BYTES: Final = 1 << 20
TAIL_LINES: Final = 2_000
#: The newest logs of the embedded server; there is one for each day of the week.
SERVER_LOGS: Final = 2
#: Stands for standard input, such as the journal's.
STDIN: Final = "-"


def server_logs(data_dir: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the end of each log of the embedded server."""
    logs = sorted((data_dir / "postgres" / "log").glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in [data_dir / START_LOG, *logs[:SERVER_LOGS]]:
        if path.is_file():
            yield f"logs/postgres/{path.name}.txt", tail(path)


def given_log(name: str, number: int) -> tuple[str, str]:
    """Return a name in the bundle and the end of a log that a person named. Raise OSError."""
    if name == STDIN:
        return f"logs/{number}-standard-input.txt", _last_lines(sys.stdin.buffer.read()[-TAIL_BYTES:])
    return f"logs/{number}-{Path(name).name}.txt", tail(Path(name))


def tail(path: Path) -> str:
    """Return the last lines of a file. Raise OSError."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - TAIL_BYTES))
        return _last_lines(stream.read(TAIL_BYTES), cut=size > TAIL_BYTES)


def _last_lines(content: bytes, *, cut: bool = False) -> str:
    lines = content.decode("utf-8", "replace").splitlines()
    # The first line is not whole then; a secret that was cut in two would be known no more.
    return "\n".join(lines[1 if cut else 0 :][-TAIL_LINES:]) + "\n"
