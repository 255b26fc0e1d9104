"""Why a step failed, in plain words, if what it folded may be the reason.

Words name the place in recon or the table's rule. They never hold a value of the event, or a library's message.
"""

from __future__ import annotations

import traceback

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from recon.db.errors import refusal_of
from recon.errors import DatabaseError, ReconError


def reason_of(error: Exception) -> str | None:
    """Return why an event may have made a step fail; None if the failure is not an event's doing.

    An event makes a step fail by an exception of the fold, or by a row that the database refuses. A database that is
    away, busy or of another schema is nobody's doing, and neither is a machine without memory.
    """
    if isinstance(error, DatabaseError):
        return _refused(error.refusal)
    if isinstance(error, SQLAlchemyError | psycopg.Error):
        return _refused(refusal_of(error))
    if isinstance(error, ReconError | MemoryError):
        return None
    return f"recon cannot fold it: {type(error).__name__}{_place(error)}"


def _refused(refusal: str | None) -> str | None:
    return None if refusal is None else f"the database refuses a row of it: {refusal}"


def _place(error: Exception) -> str:
    """Return where in recon an exception arose."""
    frames = [
        (module, frame.f_code.co_name, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if (module := str(frame.f_globals.get("__name__", ""))).startswith("recon.")
    ]
    if not frames:
        return ""
    module, function, line = frames[-1]
    return f" in {function} ({module}, line {line})"
