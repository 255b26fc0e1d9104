"""Failures: what did not hold, where, and the events that show it; each is saved as a file and can be played again."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import msgspec

from recon.log.events import Event
from recon.testing import is_readable
from recon.times import microseconds, to_datetime
from tests.fuzz.players import Batch
from tests.fuzz.streams import Origin, Planned
from tests.fuzz.tables import RefusedRow

Level = Literal["decode", "fold", "postgres"]
#: Positions and sizes differ between failures of one cause.
_NUMBERS: Final = re.compile(r"[0-9]+")
#: Most characters of a failure's text.
MAX_TEXT: Final = 4000


class Failure(msgspec.Struct):
    """Something that did not hold. `sign` is the same for failures of the same cause, as far as can be told."""

    level: Level
    seed: str
    sign: str
    text: str
    batches: list[Batch] = []
    what: str = "frame"
    frame: bytes = b""
    count: int = 1


class NotAsAlone(Exception):
    """The calm account's books are not those of the log without the hostile events."""


class NoBreak(Exception):
    """The planted wrong balance made no break within the usual delay."""


class _Line(msgspec.Struct):
    """An event of a saved case; a payload that is no text is base64."""

    batch: int
    restarts: bool
    seq: int
    recorded_us: int
    received_us: int
    kind: str
    account: str | None
    session: str | None
    origin: Origin
    text: str | None = None
    payload: bytes = b""


def sign_of(error: BaseException) -> str:
    """Return what failures of one cause have in common: the type of the error, and where in recon it arose."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/recon/" in frame.filename]
    place = f"{Path(ours[-1].filename).stem}.{ours[-1].name}" if ours else ""
    words = str(getattr(getattr(error, "diag", None), "message_primary", None) or "")
    about = str(error)[:60] if isinstance(error, NotAsAlone | NoBreak | RefusedRow) else words[:60]
    return _NUMBERS.sub("N", " ".join(part for part in (type(error).__name__, place, about) if part))


def failure_of(level: Level, seed: str, error: BaseException) -> Failure:
    """Return a failure for an error that escaped."""
    text = "".join(traceback.format_exception(error))
    return Failure(level, seed, sign_of(error), text[-MAX_TEXT:])


def save(failure: Failure, directory: Path) -> Path:
    """Write a failure's case to a directory; return the path of the file, which `--replay` takes."""
    directory.mkdir(parents=True, exist_ok=True)
    name = "".join(each if each.isalnum() else "-" for each in failure.sign)[:80].strip("-")
    path = directory / f"{failure.level}-{name}.jsonl"
    head = msgspec.json.encode(
        {"level": failure.level, "seed": failure.seed, "sign": failure.sign, "text": failure.text}
    )
    lines = [msgspec.json.encode(line) for line in _lines(failure)]
    path.write_bytes(b"\n".join([head, *lines]) + b"\n")
    return path


def load(path: Path) -> Failure:
    """Return a saved failure."""
    head, *lines = path.read_bytes().splitlines()
    failure = msgspec.json.decode(head, type=Failure)
    for line in lines:
        read = msgspec.json.decode(line, type=_Line)
        payload = read.payload if read.text is None else read.text.encode()
        if failure.level == "decode":
            failure.frame = payload
            continue
        at, received = to_datetime(read.recorded_us), to_datetime(read.received_us)
        event = Event(read.seq, at, received, read.kind, read.account, read.session, is_readable(payload), payload)
        while len(failure.batches) <= read.batch:
            failure.batches.append(Batch([], read.restarts))
        failure.batches[read.batch].events.append(Planned(event, read.origin))
    return failure


def _lines(failure: Failure) -> Iterable[_Line]:
    if failure.level == "decode":
        yield _line(
            0,
            False,
            Planned(Event(1, to_datetime(0), to_datetime(0), "frame", None, None, True, failure.frame), "hostile"),
        )
    for number, batch in enumerate(failure.batches):
        for planned in batch.events:
            yield _line(number, batch.restarts, planned)


def _line(number: int, restarts: bool, planned: Planned) -> _Line:
    event = planned.event
    line = _Line(
        number,
        restarts,
        event.seq,
        microseconds(event.recorded_at),
        microseconds(event.received_at),
        event.kind,
        event.account,
        event.session,
        planned.origin,
    )
    try:
        line.text = event.payload.decode()
    except UnicodeDecodeError:
        line.payload = event.payload
    return line
