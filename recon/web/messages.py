"""What a person asks by POST: to acknowledge, assign or silence breaks. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from recon.errors import DocumentRefused
from recon.library_words import in_our_words

#: Most breaks of one request, and characters of an id, a name and a text.
MAX_BREAKS: Final = 1000
MAX_ID: Final = 64
MAX_WHO: Final = 200
MAX_TEXT: Final = 2000

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class _Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", forbid_unknown_fields=True):
    """Breaks by their ids or their first characters, or one case."""

    breaks: Annotated[tuple[Id, ...], Meta(max_length=MAX_BREAKS)] = ()
    case: Id | None = None


class Acknowledge(_Request, frozen=True, kw_only=True, tag="acknowledge"):
    """I have it: the breaks are assigned to whoever asks."""

    text: Text | None = None


class Assign(_Request, frozen=True, kw_only=True, tag="assign"):
    """Somebody has it."""

    to: Annotated[str, Meta(min_length=1, max_length=MAX_WHO)]
    text: Text | None = None


class Silence(_Request, frozen=True, kw_only=True, tag="silence"):
    """Tell nobody of the cases until a time."""

    until: Annotated[datetime, Meta(tz=True)]
    text: Text


Action: TypeAlias = Acknowledge | Assign | Silence

_decode: Final = msgspec.json.Decoder(Action).decode


def _unreadable(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the body cannot be read: it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "the body cannot be read: it is not UTF-8 text"
    return f"the body cannot be read: {in_our_words(str(error))}"


def action_of(body: bytes) -> Action:
    """Return what a body asks. Errors: DocumentRefused, with the key that is wrong."""
    try:
        action: Action = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentRefused(_unreadable(error)) from None
    if bool(action.breaks) == (action.case is not None):
        raise DocumentRefused("the body names either breaks, or a case")
    return action
