"""What a terminal can show: its size, colours and shapes, and the time that ages count back from. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from recon.cli.spelling import PLAINLY, Spelling

#: Below this width, in columns, each record is a block of lines.
LEAST_TABLE: Final = 60

_CODES: Final = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36", "reverse": "7",
}  # fmt: skip


class Look(msgspec.Struct, frozen=True):
    """How something is shown; `raw`: figures, ids and times as stored."""

    width: int
    height: int
    colour: bool
    glyphs: bool
    now: datetime
    raw: bool = False
    spelling: Spelling = PLAINLY

    def painted(self, text: str, style: str) -> str:
        """Return the text in a style of words, such as `bold red`; as it is where there are no colours."""
        if not self.colour or not style or not text.strip():
            return text
        # Room around a text is not part of it: an underline or background would show.
        start = len(text) - len(text.lstrip(" "))
        end = len(text.rstrip(" "))
        codes = ";".join(_CODES[word] for word in style.split())
        return f"{text[:start]}\x1b[{codes}m{text[start:end]}\x1b[0m{text[end:]}"

    def written(self, text: str) -> str:
        """Return the text as the terminal can show it: without UTF-8 other characters than ASCII are written out.

        Commands of recon are as the person types them.
        """
        text = self.spelling.of(text)
        return text if self.glyphs or text.isascii() else text.encode("ascii", "backslashreplace").decode()
