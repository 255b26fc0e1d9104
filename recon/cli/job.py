"""A command for schedulers: it prints one document whatever happens, and ends with 3 where it could not run.

Wrong arguments, unusable settings, a database that is away, and a defect are one answer to a scheduler: nothing was
checked. What exactly failed is on stderr, as for any command, and in the document's `reason`.
"""

from __future__ import annotations

import sys
import traceback
from typing import Final, NoReturn

import typer
from typer._click.core import Context
from typer.core import TyperCommand

from recon.cli import usage
from recon.cli.failure import failure
from recon.cli.interrupt import INTERRUPTED
from recon.cli.output import note, print_document
from recon.clock import utc_now
from recon.errors import ReaderGone
from recon.reads.check.document import EXIT_STATUS, could_not_run
from recon.redaction import LAST_NET

#: The exit status of a job that could not run.
COULD_NOT_RUN: Final = EXIT_STATUS["could_not_run"]


class JobCommand(TyperCommand):
    """A command whose every failure is a document and one exit status."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Context | None = None, **extra: object
    ) -> Context:
        """Read the arguments; those that cannot be understood keep it from running."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except usage.ClickException as error:
            _end(error, with_traceback=False)

    def invoke(self, ctx: Context) -> object:
        """Run it; an interrupt and an end that it chose stay what they are."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, ReaderGone):
            raise
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the last stop of a job
            _end(error, with_traceback=bool(ctx.find_root().params.get("show_traceback")))


def _end(error: BaseException, *, with_traceback: bool) -> NoReturn:
    if with_traceback:
        sys.stderr.write(LAST_NET.clean("".join(traceback.format_exception(error))))
    found = failure(error)
    if found.status == INTERRUPTED:
        raise KeyboardInterrupt from None
    for line in found.lines:
        note(line)
    print_document(could_not_run("\n".join(line.removeprefix("recon: ") for line in found.lines), utc_now()))
    raise typer.Exit(COULD_NOT_RUN) from None
