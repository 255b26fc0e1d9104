"""Texts from outside, made harmless: characters that do not print are written out. Pure."""

from __future__ import annotations

from typing import Final

#: Characters that print, and show nothing: fillers of Hangul, and a cell of Braille without a dot.
_UNSEEN: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def safe(text: str) -> str:
    """Escape characters that do not print: control characters, line ends, direction marks."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def is_blank(text: str) -> bool:
    """True if a text has no character that can be seen: it says nothing, and names nobody."""
    return all(c.isspace() or c in _UNSEEN or not c.isprintable() for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return how many of something: `1 case`, `4 cases`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
