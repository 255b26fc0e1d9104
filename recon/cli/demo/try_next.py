"""What a person can try on the data of the demonstration: settings for other commands, and the commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Final

import msgspec
from sqlalchemy import make_url

from recon.cli.demo.page import DemoPage
from recon.cli.demo.scoring import Score
from recon.cli.spelling import PLAINLY, Spelling
from recon.config.toml_text import toml_text
from recon.db.resolve import DatabaseHandle
from recon.display.ids import short_id
from recon.private_files import write_private

SETTINGS: Final = "recon.toml"
#: The room of a pipe, and of a terminal that does not tell its own.
WIDTH: Final = 80
#: Where words begin that have no room beside their command.
_BELOW: Final = " " * 6


class TryNext(msgspec.Struct, frozen=True):
    """Where other commands find the data, and the page of it."""

    settings: Path
    page: DemoPage

    def lines(self, score: Score, spelling: Spelling = PLAINLY, width: int = WIDTH) -> Iterator[str]:
        """Yield what to try, on a case that was found if there is one, in lines of at most so many characters.

        A command and a link are never broken: what they are for stands below them where it has no room beside.
        """
        for what, words in self._tries(score):
            start = spelling.of(what)
            line = f"{start:<30} {words}".rstrip()
            if len(line) <= width or not words:
                yield line
                continue
            yield start.rstrip()
            yield from wrap(words, width, initial_indent=_BELOW, subsequent_indent=_BELOW, break_on_hyphens=False)

    def _tries(self, score: Score) -> Iterator[tuple[str, str]]:
        """Yield what to type or open, and what for."""
        openings = [verdict.opening for verdict in score.verdicts if verdict.opening is not None]
        cases = [opening.case_id for opening in openings if opening.state != "cleared"]
        yield "try next, on the same data:", ""
        yield f"  {self.page.address}", "in the browser; to decide, log in as one of:"
        yield "  ", ", ".join(f"{name} ({password})" for name, password in self.page.people.items())
        yield "or in another terminal:", ""
        yield f"  export RECON_CONFIG={self.settings}", ""
        yield "  recon status", "what needs somebody"
        if cases:
            yield f"  recon break show {short_id(cases[0])}", "why it is a break, and what to do"
        yield "  recon balances", "what agrees, and what does not"
        yield "it stays up: Ctrl-C ends it", ""


def write_settings(
    place: Path, handle: DatabaseHandle, page: DemoPage, service: Mapping[str, object]
) -> TryNext | None:
    """Write the service's settings for other commands, which know what it does; None where it has another server.

    They decide as the first of the people. Raise OSError.
    """
    if handle.embedded is None:
        return None
    name, password = next(iter(page.people.items()))
    base = make_url(handle.service_url)
    query = {key: value for key, value in base.query.items() if key != "passfile"}
    own = base.set(username=name, password=password, query=query).render_as_string(hide_password=False)
    database = {"data_dir": str(handle.embedded.data_dir), "operator_url": own}
    write_private(place / SETTINGS, toml_text({"database": database, **service}).encode())
    return TryNext(place / SETTINGS, page)
