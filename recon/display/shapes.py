"""States by word and shape; colour comes third. Pure.

A state is readable in black and white, by the colour-blind, and without UTF-8.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

#: What a state asks for; the page has a colour token of each name.
Tone: TypeAlias = Literal["bad", "wait", "stale", "text", "muted", "accent"]

#: How a terminal shows each tone.
STYLES: Final[dict[Tone, str]] = {
    "bad": "bold red",
    "wait": "yellow",
    "stale": "magenta",
    "text": "",
    "muted": "dim",
    "accent": "cyan",
}


class Shape(NamedTuple):
    """The shape of a state: its glyph, the same in ASCII, its class on the page, and its tone."""

    glyph: str
    ascii: str
    css: str
    tone: Tone

    @property
    def style(self) -> str:
        """Return how a terminal shows it and its word."""
        return STYLES[self.tone]


BREAK: Final = Shape("◆", "!", "st-break", "bad")
PENDING: Final = Shape("◐", "?", "st-pending", "wait")
STALE: Final = Shape("▒", "~", "st-stale", "stale")
AGREED: Final = Shape("✓", "=", "st-agreed", "text")
UNOBSERVED: Final = Shape("○", "o", "st-unobserved", "muted")
UNMODELLED: Final = Shape("□", "[]", "st-unmodelled", "muted")
WORK: Final = Shape("▶", ">", "st-work", "accent")
REFUSED: Final = Shape("✗", "x", "st-bad", "bad")
#: No shape: a word that is no state.
NONE: Final = Shape("", "", "", "text")

_WORDS: Final = {
    BREAK: ("break", "open", "take up"),
    PENDING: ("pending", "proposed", "to approve", "approve", "waiting", "retrying", "running", "catching_up"),
    STALE: ("stale", "gap", "silent", "unresolved", "gone", "behind", "not covered", "look at"),
    AGREED: (
        *("agreed", "covered", "complete", "whole", "connected", "current", "in force", "delivered", "ok", "done"),
        *("cleared", "explained", "resolved", "signed", "clean"),
    ),
    UNOBSERVED: ("unobserved", "unconnected", "not yet", "off", "stopped"),
    UNMODELLED: ("unmodelled", "set up", "restated"),
    WORK: ("in work", "assigned", "investigating", "accepted"),
    REFUSED: ("refused", "failed", "failing", "disconnected", "rejected"),
}
_SHAPES: Final = {word: shape for shape, words in _WORDS.items() for word in words}


def shape_of(word: str) -> Shape:
    """Return the shape of a state's word; `NONE` where the word is no state."""
    return _SHAPES.get(word, NONE)
