"""The query of a screen's address: what the screen takes, each once.

Nothing of an address is passed over: a name that the screen does not take would look like a filter that holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from recon.errors import ConfigError
from recon.nearest import hint
from recon.web.csv_file import CSV, FORMAT
from recon.web.screen import Screen

#: Longest name that is repeated in a message, in characters.
_SHOWN: Final = 60


def query_of(screen: Screen, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return what an address asks of a screen; an empty value asks for nothing, as an empty field of a form.

    Errors: ConfigError for a name that the screen does not take, and for one that is given twice.
    """
    asked: dict[str, str] = {}
    takes = (*screen.takes, FORMAT) if screen.has_file else screen.takes
    for name, value in pairs:
        if name not in takes:
            known = hint(name, takes) if takes else "it takes nothing"
            raise ConfigError(f"{screen.title} takes no {name[:_SHOWN]!r} in its address; {known}")
        if not value.strip():
            continue
        if name in asked:
            raise ConfigError(f"{name} is given twice; give it once. Alternatives of one name are joined by a comma")
        asked[name] = value
    if asked.get(FORMAT, CSV) != CSV:
        raise ConfigError(f"there is no format {asked[FORMAT][:_SHOWN]!r}; a list is had as {CSV}")
    return asked
