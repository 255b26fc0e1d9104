"""Readers of single fields, for a row that does not decode as a whole: the slow, tolerant half of decoding. Pure.

Each reader takes the JSON text of a field and returns its value, or None with a finding. No reader raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from recon.display.words import counted
from recon.ems.protocol.bounds import (
    MAX_CODE_CHARS,
    MAX_ID_CHARS,
    MAX_TEXT_CHARS,
    MAX_TIME_CHARS,
    cut,
    identifier_key,
)
from recon.ems.protocol.messages import FillRow, Finding, StatusStep
from recon.ems.protocol.timestamps import parse_time
from recon.exact import bounded, without_noise

#: The errors of reading hostile JSON: malformed text, invalid UTF-8, wrong types; nesting that is too deep.
UNREADABLE: Final = (ValueError, RecursionError)
#: Most findings that one message may carry; the last then says how many were left out.
MAX_FINDINGS: Final = 100
#: Most characters of the wire's own text that a finding quotes.
MAX_QUOTE: Final = 60
#: Deepest nesting in which steps of a history are looked for; the documented forms need four levels.
MAX_NESTING: Final = 8
#: Times are compared as text: below this they are the "no value" marker `0001-01-01…` (protocol 15).
FIRST_TIME: Final = "0002"

RawMembers: TypeAlias = dict[str, msgspec.Raw]

_OBJECT: Final = msgspec.json.Decoder(RawMembers)
_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_STRING: Final = msgspec.json.Decoder(str)
_DECIMAL: Final = msgspec.json.Decoder(Decimal)


class Findings:
    """The findings of one message, bounded."""

    __slots__ = ("_items", "_omitted")

    def __init__(self) -> None:
        self._items: list[Finding] = []
        self._omitted = 0

    def add(self, kind: str, about: str, message: str) -> None:
        """Add a finding, or count it if there are too many."""
        if len(self._items) < MAX_FINDINGS:
            self._items.append(Finding(kind, about, message))
        else:
            self._omitted += 1

    def collected(self) -> tuple[Finding, ...]:
        """Return the findings; the last one says how many were left out."""
        if self._omitted:
            self._items.append(
                Finding("more", "message", f"{counted(self._omitted, 'further finding')} in this message")
            )
        return tuple(self._items)


class Field:
    """The place of a value: its row, its name, and the findings that it may add to."""

    __slots__ = ("_findings", "about", "name")

    def __init__(self, about: str, name: str, findings: Findings) -> None:
        self.about = about
        self.name = name
        self._findings = findings

    def note(self, kind: str, problem: str, text: bytes) -> None:
        """Add the finding that the value of this field cannot be used."""
        shown = text[:MAX_QUOTE].decode("utf-8", "replace") + ("…" if len(text) > MAX_QUOTE else "")
        self._findings.add(kind, self.about, f"{self.name} {problem}: {shown}; the field is taken as not known")

    def note_length(self, chars: int, most: int, remedy: str) -> None:
        """Add the finding that the text of this field is too long."""
        message = f"{self.name} has {chars} characters, and {most} at most are taken; {remedy}"
        self._findings.add("long_text", self.about, message)


Reader: TypeAlias = Callable[[bytes, Field], object]


def object_members(text: bytes) -> RawMembers | None:
    """Return the members of a JSON object, unread; None if the text is not an object."""
    try:
        return _OBJECT.decode(text)
    except UNREADABLE:
        return None


def array_elements(text: bytes) -> list[msgspec.Raw] | None:
    """Return the elements of a JSON array, unread; None if the text is not an array."""
    try:
        return _ARRAY.decode(text)
    except UNREADABLE:
        return None


def number(text: bytes, field: Field) -> Decimal | None:
    """Return a JSON number, or a string that holds one, exactly but for a double's noise (semantics 1.1 to 1.3)."""
    if text == b"null":
        return None
    try:
        value = _DECIMAL.decode(text)
    except UNREADABLE:
        field.note("number", "is not a number", text)
        return None
    if not bounded(value):
        field.note("number", "is not finite, or beyond the bounds for numbers", text)
        return None
    return without_noise(value)


def identifier(text: str, field: Field) -> str:
    """Return an identifier, or, with a finding, the key of one that is too long."""
    if len(text) > MAX_ID_CHARS:
        field.note_length(len(text), MAX_ID_CHARS, "it is known by its beginning and its sha256")
    return _without_nul(identifier_key(text))


def code(text: str, field: Field, most: int = MAX_CODE_CHARS) -> str:
    """Return a code, with a finding cut if it is too long."""
    if len(text) > most:
        field.note_length(len(text), most, "the rest is left out")
    return _without_nul(cut(text, most))


def _without_nul(text: str) -> str:
    """Return a text without U+0000, which no database takes."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def saying(text: str, field: Field) -> str:
    """Return a text for people, with a finding cut if it is too long."""
    return code(text, field, MAX_TEXT_CHARS)


def string(text: bytes, field: Field) -> str | None:
    """Return a string; a number keeps its text, because some ids come as bare numbers."""
    first = text[:1]
    if first == b'"':
        try:
            return _STRING.decode(text)
        except UNREADABLE:
            field.note("field", "is not readable text", text)
            return None
    if text == b"null":
        return None
    if first in b"-0123456789":
        return text.decode("ascii")
    field.note("field", "is not a text", text)
    return None


def texts(text: bytes, field: Field) -> tuple[str, ...] | str | None:
    """Return a list of texts, or a single text; any other value is ignored (protocol 5)."""
    if text[:1] == b'"':
        return string(text, field)
    members = [bytes(member) for member in array_elements(text) or ()]
    return tuple(word for word in (string(member, field) for member in members if member[:1] == b'"') if word)


def display_text(text: bytes, field: Field) -> str | None:
    """Return a string, and any other value as its JSON text; for people, never parsed."""
    if text == b"null":
        return None
    return string(text, field) if text[:1] == b'"' else text.decode("utf-8", "replace")


def boolean(text: bytes, field: Field) -> bool | None:
    """Return a boolean."""
    if text in {b"true", b'"true"'}:
        return True
    if text in {b"false", b'"false"'}:
        return False
    if text != b"null":
        field.note("field", "is neither true nor false", text)
    return None


def usable_time(text: str | None) -> str | None:
    """Return a time, None for an empty one, the wire's "no value" marker, or a text too long for a time."""
    usable = text and text >= FIRST_TIME and len(text) <= MAX_TIME_CHARS and "\0" not in text
    return text if usable else None


def _texts_in(text: bytes, field: Field, depth: int = 0) -> Iterator[str]:
    """Yield the texts in nested lists, and in lists written as JSON text inside strings."""
    if depth > MAX_NESTING:
        field.note("history", "is nested too deeply", text)
        return
    inner = array_elements(text)
    if inner is None:
        members = object_members(text)
        inner = None if members is None else [members[key] for key in ("status", "time") if key in members]
    if inner is not None:
        for item in inner:
            yield from _texts_in(bytes(item), field, depth + 1)
        return
    leaf = string(text, field)
    if leaf is None:
        return
    if leaf.lstrip()[:1] == "[":
        yield from _texts_in(leaf.encode(), field, depth + 1)
    else:
        yield leaf


def history(text: bytes, field: Field) -> tuple[StatusStep, ...]:
    """Return a status history, from pairs in any of the nestings that occur, in order (protocol 16)."""
    steps: list[StatusStep] = []
    timed = True
    for leaf in _texts_in(text, field):
        if parse_time(leaf) is None and not leaf.startswith("0001-"):
            steps.append(StatusStep(code(leaf, field)))
            timed = False
        elif timed:
            field.note("history", "has a time without a status", leaf.encode())
        else:
            steps[-1] = StatusStep(steps[-1].status, usable_time(leaf))
            timed = True
    return tuple(steps)


def fills(text: bytes, field: Field) -> tuple[FillRow, ...]:
    """Return a list of fills, read row by row."""
    if text == b"null":
        return ()
    rows = array_elements(text)
    if rows is None:
        field.note("field", "is not a list", text)
        return ()
    read: list[FillRow] = []
    for item in rows:
        members = object_members(bytes(item))
        if members is None:
            field.note("row", "holds something that is not a fill", bytes(item))
            continue
        missing = msgspec.Raw(b"null")
        time, price, amount = (bytes(members.get(name, missing)) for name in ("time", "price", "amount"))
        read.append(FillRow(usable_time(string(time, field)), number(price, field), number(amount, field)))
    return tuple(read)
