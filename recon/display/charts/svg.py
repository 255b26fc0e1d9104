"""An SVG drawing of whole pixels: shapes with classes, texts escaped. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final, Literal, TypeAlias

from recon.display.words import safe

Anchor: TypeAlias = Literal["start", "middle", "end"]
#: Width of a character of the charts' text, in pixels, on average.
CHARACTER: Final = 6
#: The same of a bold figure.
_BOLD: Final = 8
#: Free pixels beside a text at an edge.
_MARGIN: Final = 4
Number: TypeAlias = int


class Drawing:
    """A drawing of one size."""

    def __init__(self, width: int, height: int, css: str, name: str, title: str) -> None:
        """Begin; `name` makes the title's id, so it is used once on a page."""
        self.width, self.height = width, height
        self._css, self._id, self._title = css, f"{name}-{css}", title
        self._parts: list[str] = []

    def line(self, css: str, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Draw a line."""
        self._add(f'<line class="{css}" x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}"/>')

    def rect(self, css: str, corner: tuple[int, int], size: tuple[int, int], title: str = "") -> None:
        """Draw a rectangle; one of no width is drawn as a pixel."""
        box = f'class="{css}" x="{corner[0]}" y="{corner[1]}" width="{max(1, size[0])}" height="{max(1, size[1])}"'
        self._add(f"<rect {box}>{_titled(title)}</rect>" if title else f"<rect {box}/>")

    def text(self, at: tuple[int, int], text: str, css: str = "", anchor: Anchor = "start") -> None:
        """Write a text."""
        class_ = f' class="{css}"' if css else ""
        placed = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self._add(f'<text{class_} x="{at[0]}" y="{at[1]}"{placed}>{_escaped(text)}</text>')

    def centered(self, at: tuple[int, int], text: str) -> None:
        """Write a text around a place, moved so far that none of it is cut."""
        half = width_of(text) // 2 + _MARGIN
        self.text((max(half, min(at[0], self.width - half)), at[1]), text, anchor="middle")

    def at_the_end(self, y: int, figure: str, css: str) -> None:
        """Write a bold figure at the right edge; `room_of` is what it needs."""
        self.text((self.width - _MARGIN, y), figure, css, "end")

    def path(self, css: str, commands: Sequence[str], title: str = "") -> None:
        """Draw a path; without commands, nothing."""
        if commands:
            drawn = f'class="{css}" d="{"".join(commands)}"'
            self._add(f"<path {drawn}>{_titled(title)}</path>" if title else f"<path {drawn}/>")

    def dot(self, css: str, at: tuple[int, int], title: str, radius: int = 3) -> None:
        """Draw a point with what it says."""
        self._add(f'<circle class="{css}" cx="{at[0]}" cy="{at[1]}" r="{radius}">{_titled(title)}</circle>')

    def diamond(self, css: str, at: tuple[int, int], title: str, size: int = 6) -> None:
        """Draw a diamond with what it says."""
        self.path(css, [f"M{at[0]} {at[1] - size}l{size} {size}l-{size} {size}l-{size} -{size}z"], title)

    def text_of(self) -> str:
        """Return the drawing as the text of an element."""
        size = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        head = f'<svg class="{self._css}" {size} role="img" aria-labelledby="{self._id}">'
        return f'{head}<title id="{self._id}">{_escaped(self._title)}</title>{"".join(self._parts)}</svg>'

    def _add(self, part: str) -> None:
        self._parts.append(part)


def room_of(figure: str) -> int:
    """Return the room of a bold figure at the right edge, in pixels; its digits are as wide as the widest."""
    return _BOLD * len(figure) + 3 * _MARGIN


def width_of(text: str) -> int:
    """Return how wide a text of a chart is at most, in pixels."""
    return CHARACTER * len(text)


def _titled(text: str) -> str:
    return f"<title>{_escaped(text)}</title>"


def _escaped(text: str) -> str:
    return escape(safe(text), quote=True)
