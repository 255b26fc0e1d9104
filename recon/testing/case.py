"""A case: a short recording in a directory, with the outcome that is expected of it (recon/docs/cases.md).

1. `frames.jsonl` holds the messages, each passed on byte for byte, with the beginnings and ends of sessions.
2. `rules.json`, optional, is the rules document as the log has it.
3. `expected.json`, optional, is the outcome expected (`recon.testing.expectation`).
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from recon.errors import DocumentRefused
from recon.ledger.rules import parse_rules

FRAMES: Final = "frames.jsonl"
RULES: Final = "rules.json"
EXPECTED: Final = "expected.json"
#: Seconds that pass after the last line, where the case does not say.
QUIET_SECONDS: Final = 90
#: Longest case in seconds, with its quiet: a tick is folded for each.
MAX_SECONDS: Final = 7 * 86_400
#: The rules of a case without rules: a settlement window of one second, nothing else.
PLAIN_RULES: Final = b'{"defaults": {"settlement_window_us": 1000000}}'


class CaseLine(msgspec.Struct, frozen=True):
    """One line of a case: a frame, a beginning or end of the session, or of a silence of heartbeats."""

    at_s: Decimal
    frame: msgspec.Raw = msgspec.Raw(b"")
    control: Literal["open", "close"] | None = None
    silence: bool | None = None

    @property
    def at_us(self) -> int:
        """Return the time in microseconds after the beginning."""
        return int(self.at_s * 1_000_000)

    @property
    def payload(self) -> bytes:
        """Return the frame as it was written; empty where the line is none."""
        return bytes(self.frame)


class Case(NamedTuple):
    """A case: its lines in the order of their times, the rules in force, and the seconds of quiet at the end."""

    name: str
    lines: list[CaseLine]
    rules: bytes = PLAIN_RULES
    quiet_s: int = QUIET_SECONDS

    @property
    def until_us(self) -> int:
        """Return the end of the case, in microseconds after the beginning."""
        return (self.lines[-1].at_us if self.lines else 0) + self.quiet_s * 1_000_000


_line: Final = msgspec.json.Decoder(CaseLine).decode


class _Quiet(msgspec.Struct):
    quiet_s: int = QUIET_SECONDS


def load_case(directory: Path, *, rules: bytes | None = None) -> Case:
    """Read a case; `rules` take the place of its own. Raise DocumentRefused, naming file and line."""
    lines = _parsed(directory / FRAMES)
    if rules is None:
        rules = _read(directory / RULES) if (directory / RULES).is_file() else PLAIN_RULES
        check_rules(rules, directory / RULES)
    quiet_s = _quiet_of(directory / EXPECTED)
    case = Case(directory.name, lines, rules, quiet_s)
    if case.until_us > MAX_SECONDS * 1_000_000:
        raise DocumentRefused(f"{directory}: the case lasts longer than {MAX_SECONDS} s; cut it")
    return case


def check_rules(rules: bytes, path: Path) -> None:
    """Raise DocumentRefused with the file's name if its rules cannot be read."""
    try:
        parse_rules(rules)
    except DocumentRefused as error:
        raise DocumentRefused(f"{path}: {error}") from error


def _quiet_of(path: Path) -> int:
    if not path.is_file():
        return QUIET_SECONDS
    try:
        quiet_s = msgspec.json.decode(_read(path), type=_Quiet).quiet_s
    except (msgspec.DecodeError, ValueError) as error:
        raise DocumentRefused(f"{path}: {error}") from error
    if not 0 <= quiet_s <= MAX_SECONDS:
        raise DocumentRefused(f"{path}: quiet_s is {quiet_s}; it must be from 0 to {MAX_SECONDS} seconds")
    return quiet_s


def _parsed(path: Path) -> list[CaseLine]:
    """Return the lines of a file in the order of their times; lines of one time stay in their order."""
    lines: list[CaseLine] = []
    is_open = True
    for number, text in enumerate(_read(path).splitlines(), start=1):
        if text.strip():
            lines.append(_parsed_line(text, f"{path}, line {number}"))
    lines.sort(key=lambda line: line.at_s)
    for line in lines:
        if line.control is not None and is_open is (line.control == "open"):
            raise DocumentRefused(f"{path}: at {line.at_s} s the session is {line.control} already; remove the line")
        is_open = is_open if line.control is None else line.control == "open"
        if line.payload and not is_open:
            raise DocumentRefused(f"{path}: a frame comes at {line.at_s} s while no session is open")
    return lines


def _parsed_line(text: bytes, place: str) -> CaseLine:
    try:
        line = _line(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise DocumentRefused(f"{place}: {error}") from error
    if not line.at_s.is_finite() or not 0 <= line.at_s <= MAX_SECONDS:
        raise DocumentRefused(f"{place}: at_s must be from 0 to {MAX_SECONDS} seconds")
    if sum((bool(line.payload), line.control is not None, line.silence is not None)) != 1:
        raise DocumentRefused(f"{place}: a line has exactly one of frame, control and silence")
    return line


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DocumentRefused(f"{path}: cannot be read: {error.strerror}") from error
