"""Text of a known width: measuring, padding, and breaking between words; a number is never broken. Pure."""

from __future__ import annotations

import re
from typing import Final
from unicodedata import combining, east_asian_width

#: A word that is a number, with or without separators, or a part of one; punctuation may follow.
_NUMBER: Final = re.compile(r"[(\[]?[+-]?\d[\d,.:]*[)\],;:.%]*")

#: A long word without spaces, such as JSON, is broken after one of these.
_PUNCTUATION: Final = frozenset(',;:{}[]()/|_-="')


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)


def left(text: str, width: int) -> str:
    """Return the text with room after it."""
    return text + " " * (width - width_of(text))


def right(text: str, width: int) -> str:
    """Return the text with room before it."""
    return " " * (width - width_of(text)) + text


def wrapped(text: str, width: int) -> list[str]:
    """Return a text as lines of at most this width, broken between words; at least one line.

    A word that is longer is broken, unless it is a number: that has a line of its own, however long.
    """
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if width_of(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        *whole, line = _broken(word, width)
        lines += whole
    return [*lines, line] if line or not lines else lines


#: What a line of words may not be broken within: a command in backticks with what stands beside it, or else a word.
_TOLD: Final = re.compile(r"(?:`[^`]*`|\S)+")


def told_lines(text: str, width: int) -> list[str]:
    """Return what is said to a person as lines, broken between words alone; a line that is set in stays as it is.

    What is longer than a line, such as a command in backticks or a path, has a line of its own: so it can be copied.
    """
    if width_of(text) <= width or text.startswith(" "):
        return [text]
    lines: list[str] = []
    for word in _TOLD.findall(text):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


def least_width(text: str) -> int:
    """Return the width below which a number of the text would be broken."""
    return max((width_of(word) for word in text.split(" ") if _NUMBER.fullmatch(word)), default=1)


def _broken(word: str, width: int) -> list[str]:
    """Return the parts of a long word, broken beside punctuation where there is some, and never between two digits."""
    parts: list[str] = []
    while width_of(word) > width and not _NUMBER.fullmatch(word):
        most = next((end for end in range(min(len(word), width), 0, -1) if width_of(word[:end]) <= width), 1)
        end = next((end for end in range(most, 0, -1) if _beside_punctuation(word, end)), None)
        end = end or next((end for end in range(most, 0, -1) if not _within_number(word, end)), None)
        end = end or next((end for end in range(most, len(word)) if not _within_number(word, end)), len(word))
        parts.append(word[:end])
        word = word[end:]
    return [*parts, word] if word or not parts else parts


def _beside_punctuation(word: str, end: int) -> bool:
    return word[end - 1] in _PUNCTUATION and not _within_number(word, end)


def _within_number(word: str, end: int) -> bool:
    """True if a break would part the digits of one number."""
    before, after = word[end - 1], word[end : end + 1]
    if before.isdigit():
        return after.isdigit() or (after in ".," and word[end + 1 : end + 2].isdigit())
    sign = before in ".,+-" and after.isdigit()
    return sign and (before in "+-" or word[end - 2 : end - 1].isdigit())


def command_lines(command: str, width: int, indent: str = "    ") -> list[str]:
    """Return a command as lines that a shell reads as one: broken between words, with a backslash at the end."""
    lines: list[str] = []
    line = ""
    for word in command.split(" "):
        joined = f"{line} {word}" if line else word
        if line.strip() and width_of(joined) > width - 2:
            lines.append(f"{line} \\")
            line = indent + word
        else:
            line = joined
    return [*lines, line]
