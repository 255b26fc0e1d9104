"""The query of a screen's address: what the screen takes, each once.

Nothing of an address is passed over: a name that the screen does not take would look like a filter that holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from recon.errors import ConfigError
from recon.nearest import hint
from recon.reads.as_of import KNOWN, VALID, AsOf, of_texts
from recon.web.csv_file import CSV, FORMAT
from recon.web.screen import Screen

#: Longest name that is repeated in a message, in characters.
_SHOWN: Final = 60
#: What asks for a past time.
_TIMES: Final = frozenset({VALID, KNOWN})


def query_of(screen: Screen, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return what an address asks of a screen; an empty value asks for nothing, as an empty field of a form.

    Errors: ConfigError for a name that the screen does not take, and for one that is given twice.
    """
    asked: dict[str, str] = {}
    takes = (*screen.takes, FORMAT) if screen.has_file else screen.takes
    for name, value in pairs:
        if name in _TIMES and screen.no_past and value.strip():
            raise ConfigError(f"{screen.title} has no past time: {screen.no_past}. Leave out {name}")
        if name not in takes and name not in _TIMES:
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


def split_times(query: dict[str, str], now: datetime) -> tuple[dict[str, str], AsOf]:
    """Return what else is asked, and of which time. Errors: ConfigError for what is no time of the past."""
    as_of = of_texts(query.get(VALID), query.get(KNOWN), now)
    return {name: value for name, value in query.items() if name not in _TIMES}, as_of
