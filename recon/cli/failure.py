"""What a command says and returns when it fails: a line for each error on stderr, and an exit status."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Iterator
from typing import Final, NamedTuple

import psycopg
import typer
from sqlalchemy.exc import SQLAlchemyError

from recon.cli import usage
from recon.cli.interrupt import INTERRUPTED
from recon.cli.output import note
from recon.db.errors import database_error
from recon.errors import OutputError, ReconError
from recon.library_words import in_our_words
from recon.redaction import LAST_NET

#: A defect of recon (EX_SOFTWARE of sysexits).
DEFECT: Final = 70
#: What the system says where a disk takes no more; it can happen wherever something is written.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
_UNANSWERED: Final = "recon: nothing was answered, so nothing was done"


class Failure(NamedTuple):
    """The lines that tell what failed, for stderr, and the exit status of a command that failed so."""

    status: int
    lines: list[str]


def report(error: BaseException, *, with_traceback: bool) -> int:
    """Write what failed to stderr and return the exit status."""
    if with_traceback:
        sys.stderr.write(LAST_NET.clean("".join(traceback.format_exception(error))))
    found = failure(error)
    for line in found.lines:
        note(line)
    return found.status


def failure(error: BaseException) -> Failure:
    """Return what failed, in our words and without secrets."""
    if isinstance(error, typer.Abort):
        # typer takes Ctrl-C at a question for the end of the input.
        interrupted = isinstance(error.__context__, KeyboardInterrupt)
        return Failure(INTERRUPTED, []) if interrupted else Failure(1, [_UNANSWERED])
    if isinstance(error, usage.ClickException):
        return Failure(usage.MISUSED, [LAST_NET.clean(line) for line in usage.misuse(error)])
    errors: list[ReconError] = []
    for leaf in _leaves(error):
        if isinstance(leaf, ReconError):
            errors.append(leaf)
        elif isinstance(leaf, SQLAlchemyError | psycopg.Error):
            errors.append(database_error(leaf, "the database refused or failed"))
        elif isinstance(leaf, OSError) and leaf.errno in _FULL:
            errors.append(OutputError(f"{leaf.filename or 'a file'} cannot be written: {leaf.strerror}"))
        elif not isinstance(leaf, KeyboardInterrupt):
            what = f"{type(leaf).__name__}: {LAST_NET.clean(str(leaf))}"
            return Failure(DEFECT, [f"recon: a defect: {what}; `recon --traceback …` shows where, please report it"])
    if not errors:
        return Failure(INTERRUPTED, [])
    lines = dict.fromkeys(line for each in errors for line in str(each).splitlines())
    return Failure(errors[0].exit_status, [f"recon: {in_our_words(LAST_NET.clean(line))}" for line in lines])


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors of a nursery's group, however deeply nested."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error
