"""The entry point: run one command line, and end with its exit status.

An error of recon is one line on stderr and its documented exit status, never a traceback; `--traceback` shows it.
Nothing heavy is imported before the handler for Ctrl-C stands.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from shutil import which
from typing import Final, NoReturn

from recon.cli.interrupt import INTERRUPTED, LINE, end_at_once
from recon.cli.streams import guard_streams

#: The option that shows where an error came from.
TRACEBACK: Final = "--traceback"


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # No character is an error, however few a terminal can show.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _status(arguments)
    except KeyboardInterrupt:
        status = INTERRUPTED
    if status == INTERRUPTED:
        sys.stderr.write(LINE)
    return status


def _status(arguments: Sequence[str]) -> int:
    # After the handler for Ctrl-C stands.
    from recon.cli.command_line import COMMANDS, command_line  # noqa: PLC0415
    from recon.cli.output import spell  # noqa: PLC0415
    from recon.cli.spelling import PLAIN, spelling_of  # noqa: PLC0415

    spell(spelling_of(sys.orig_argv, sys.argv[0], which(PLAIN), arguments, COMMANDS))
    try:
        # A command ends by returning, or by typer.Exit, whose status is returned.
        status = command_line().main(args=list(arguments), prog_name="recon", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the last stop
        from recon.cli.failure import report  # noqa: PLC0415 - imports the database driver

        return report(error, with_traceback=TRACEBACK in arguments)


def main() -> NoReturn:
    """Run the command line of this process."""
    end_at_once()
    guard_streams()
    status = run(sys.argv[1:])
    end_at_once()
    sys.exit(status)
