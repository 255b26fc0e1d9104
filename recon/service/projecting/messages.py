"""What the service and the process of a projection say to each other: a line of JSON each. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from recon.backfill.view import BackfillView
from recon.errors import ProjectionError
from recon.lines import Lines
from recon.projection.position import Position

#: Longest line, in bytes: an account's missing orders may be many.
MAX_LINE_BYTES: Final = 64 << 20


class Begin(msgspec.Struct, frozen=True, tag=True):
    """To the process, first: what to fold, by which login, and what may be in no line of the log."""

    gateway: str
    url: str
    level: str
    secrets: Sequence[str]
    first: bool

    def __repr__(self) -> str:
        """Name the gateway alone."""
        return f"Begin({self.gateway!r})"


class Hint(msgspec.Struct, frozen=True, tag=True):
    """To the process: read the log soon; `first` tells whether this instance records the gateway."""

    seq: int | None
    first: bool


class Finish(msgspec.Struct, frozen=True, tag=True):
    """To the process, last: fold what is left, if told so, and end."""

    fold: bool


class Beat(msgspec.Struct, frozen=True, tag=True):
    """From the process: the projector moves."""


class Moved(msgspec.Struct, frozen=True, tag=True):
    """From the process: the projector stands at another position."""

    position: Position


class Stepped(msgspec.Struct, frozen=True, tag=True):
    """From the process: a step that folded events was committed; `view` has the accounts that it changed."""

    events: int
    refused: int
    told: int
    seconds: float
    computed: float
    view: BackfillView


class StepFailed(msgspec.Struct, frozen=True, tag=True):
    """From the process: a step failed."""


class Reported(msgspec.Struct, frozen=True, tag=True):
    """From the process: the projector is in another state."""

    state: str
    detail: str


class Logged(msgspec.Struct, frozen=True, tag=True):
    """From the process: a line for the log of the service, at a level of Python's logging."""

    level: int
    logger: str
    event: str
    fields: dict[str, str | int | float | bool | None]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """From the process, last: why the projector ended."""

    of: Literal["database", "projection"]
    reason: str


Order = Begin | Hint | Finish
Report = Beat | Moved | Stepped | StepFailed | Reported | Logged | Failed

_orders: Final[msgspec.json.Decoder[Order]] = msgspec.json.Decoder(Order)
_reports: Final[msgspec.json.Decoder[Report]] = msgspec.json.Decoder(Report)
_encoder: Final = msgspec.json.Encoder()


def line_of(message: Order | Report) -> bytes:
    """Return a message as its line. Raise ProjectionError for one beyond the bound."""
    line = _encoder.encode(message) + b"\n"
    if len(line) > MAX_LINE_BYTES:
        kind = type(message).__name__
        raise ProjectionError(f"a message of the projection ({kind}) is longer than {MAX_LINE_BYTES >> 20} MiB")
    return line


def order_of(line: bytes) -> Order:
    """Return the order in a line. Raise ProjectionError where there is none."""
    try:
        return _orders.decode(line)
    except msgspec.DecodeError:
        raise ProjectionError(_FOREIGN) from None


def report_of(line: bytes) -> Report:
    """Return the report in a line. Raise ProjectionError where there is none."""
    try:
        return _reports.decode(line)
    except msgspec.DecodeError:
        raise ProjectionError(_FOREIGN) from None


_FOREIGN: Final = "service and projection do not understand each other: was recon replaced while it ran? restart it"


def lines_of_messages() -> Lines:
    """Return what makes lines of the pieces in which messages come."""
    return Lines(MAX_LINE_BYTES, f"a message of the projection is longer than {MAX_LINE_BYTES >> 20} MiB")
