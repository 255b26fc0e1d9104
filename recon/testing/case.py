"""A case: a short recording in a directory, with the outcome that is expected of it (recon/docs/cases.md).

1. `frames.jsonl` holds the messages, each passed on byte for byte, with the beginnings and ends of sessions.
2. `rules.json`, optional, is the rules document as the log has it.
3. `expected.json`, optional, is the outcome expected (`recon.testing.expectation`).
"""

from __future__ import annotations

from binascii import a2b_base64
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

import msgspec

from recon.errors import DocumentRefused
from recon.ledger.rules import parse_rules
from recon.testing.log import START

FRAMES: Final = "frames.jsonl"
RULES: Final = "rules.json"
EXPECTED: Final = "expected.json"
#: Seconds that pass after the last line, where the case does not say.
QUIET_SECONDS: Final = 90
#: Longest case in seconds, with its quiet: a tick is folded for each.
MAX_SECONDS: Final = 7 * 86_400
#: The rules of a case without rules: a settlement window of one second, nothing else.
PLAIN_RULES: Final = b'{"defaults": {"settlement_window_us": 1000000}}'


#: Kinds of recon's own events that a case may have.
OwnKind: TypeAlias = Literal["rules", "fact"]


class OwnEvent(msgspec.Struct, frozen=True):
    """An event that recon itself records: rules that come into force, or a fact from outside."""

    kind: OwnKind
    payload: msgspec.Raw
    account: str | None = None


class CaseLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a case: a frame, an event of recon's own, or the end or beginning of a session or of heartbeats.

    A frame that JSON cannot hold on one line is written in base64.
    """

    at_s: Decimal
    frame: msgspec.Raw = msgspec.Raw(b"")
    base64: str | None = None
    event: OwnEvent | None = None
    control: Literal["open", "close"] | None = None
    silence: bool | None = None

    @property
    def at_us(self) -> int:
        """Return the time in microseconds after the beginning."""
        return int(self.at_s * 1_000_000)

    @property
    def payload(self) -> bytes:
        """Return the frame as it was received; empty where the line is none."""
        return bytes(self.frame) if self.base64 is None else a2b_base64(self.base64, strict_mode=True)

    @property
    def contents(self) -> int:
        """Return how many of its kinds the line is of; a sound one is of one."""
        others = (self.base64, self.event, self.control, self.silence)
        return bool(bytes(self.frame)) + sum(each is not None for each in others)


class Case(NamedTuple):
    """A case: its lines in the order of their times, the rules in force, and the seconds of quiet at the end."""

    name: str
    lines: list[CaseLine]
    rules: bytes = PLAIN_RULES
    quiet_s: int = QUIET_SECONDS
    #: The log time of second zero.
    begins_at: datetime = START

    @property
    def until_us(self) -> int:
        """Return the end of the case, in microseconds after the beginning."""
        return (self.lines[-1].at_us if self.lines else 0) + self.quiet_s * 1_000_000


_line: Final = msgspec.json.Decoder(CaseLine).decode


class _Around(msgspec.Struct):
    """What `expected.json` says of the time around the lines."""

    quiet_s: int = QUIET_SECONDS
    begins_at: Annotated[datetime, msgspec.Meta(tz=True)] = START


def load_case(directory: Path, *, rules: bytes | None = None) -> Case:
    """Read a case; `rules` take the place of its own. Raise DocumentRefused, naming file and line."""
    lines = _parsed(directory / FRAMES)
    if rules is None:
        rules = _read(directory / RULES) if (directory / RULES).is_file() else PLAIN_RULES
        check_rules(rules, directory / RULES)
    around = _around(directory / EXPECTED)
    case = Case(directory.name, lines, rules, around.quiet_s, around.begins_at.astimezone(UTC))
    if case.until_us > MAX_SECONDS * 1_000_000:
        raise DocumentRefused(f"{directory}: the case lasts longer than {MAX_SECONDS} s; cut it")
    return case


def check_rules(rules: bytes, path: Path) -> None:
    """Raise DocumentRefused with the file's name if its rules cannot be read."""
    try:
        parse_rules(rules)
    except DocumentRefused as error:
        raise DocumentRefused(f"{path}: {error}") from error


def _around(path: Path) -> _Around:
    if not path.is_file():
        return _Around()
    try:
        around = msgspec.json.decode(_read(path), type=_Around)
    except (msgspec.DecodeError, ValueError) as error:
        raise DocumentRefused(f"{path}: {error}") from error
    if not 0 <= around.quiet_s <= MAX_SECONDS:
        raise DocumentRefused(f"{path}: quiet_s is {around.quiet_s}; it must be from 0 to {MAX_SECONDS} seconds")
    return around


def _parsed(path: Path) -> list[CaseLine]:
    """Return the lines of a file in the order of their times; lines of one time stay in their order."""
    lines: list[CaseLine] = []
    is_open = True
    for number, text in enumerate(_read(path).splitlines(), start=1):
        if text.strip():
            lines.append(_parsed_line(text, f"{path}, line {number}"))
    lines.sort(key=lambda line: line.at_s)
    for line in lines:
        is_open = is_open if line.control is None else line.control == "open"
        if line.payload and not is_open:
            raise DocumentRefused(f"{path}: a frame comes at {line.at_s} s while no session is open")
    return lines


def _parsed_line(text: bytes, place: str) -> CaseLine:
    try:
        line = _line(text)
        line.payload  # noqa: B018 - base64 that is none is refused here
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise DocumentRefused(f"{place}: {error}") from error
    if not line.at_s.is_finite() or not 0 <= line.at_s <= MAX_SECONDS:
        raise DocumentRefused(f"{place}: at_s must be from 0 to {MAX_SECONDS} seconds")
    if line.contents != 1:
        raise DocumentRefused(f"{place}: a line has exactly one of frame, base64, event, control and silence")
    return line


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DocumentRefused(f"{path}: cannot be read: {error.strerror}") from error
