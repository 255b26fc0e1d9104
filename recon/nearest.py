"""A name that is not known, and the known names that are nearest to it. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Final

#: Most names that a message lists.
LISTED: Final = 20
#: Most names that a person may have meant.
MEANT: Final = 3
#: How alike two names must be, as a share, for one to be meant by the other; and to be the only one that is meant.
_ALIKE: Final = 0.6
_SURELY: Final = 0.8


def nearest(name: str, known: Collection[str]) -> list[str]:
    """Return the known names that may be meant by another, capitals aside: the one that is nearest.

    Where none is very near, all that begin with it, three at most: `KRAKEN` may be any of `KRAKEN/JOHN`, `KRAKEN/ANN`.
    """
    asked, by_case = name.casefold(), {each.casefold(): each for each in sorted(known)}
    close = difflib.get_close_matches(asked, by_case, n=1, cutoff=_SURELY)
    begin = [] if close or not asked else [each for each in by_case if each.startswith(asked)][:MEANT]
    found = close or begin or difflib.get_close_matches(asked, by_case, n=1, cutoff=_ALIKE)
    return [by_case[each] for each in found]


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return the end of a message about a name that is not known: the nearest; "" if none is near."""
    near = nearest(name, known)
    return f"; did you mean {listed(near, 'or')}?" if near else ""


def hint(name: str, known: Collection[str], *, every: bool = False) -> str:
    """Return what a message says of a name that is not known: the nearest, else those that there are.

    They are counted from `LISTED` on, unless `every` one is wanted.
    """
    near = nearest(name, known)
    if near:
        return f"did you mean {listed(near, 'or')}?"
    if not known:
        return "there is none yet"
    names = sorted(known)
    shown = names if every else names[:LISTED]
    more = len(names) - len(shown)
    return f"there are {', '.join(shown)}{f' and {more} more' if more else ''}"


def sentence(name: str, known: Collection[str]) -> str:
    """Return the hint as a sentence of its own."""
    said = hint(name, known)
    end = "" if said.endswith("?") else "."
    return f"{said[0].upper()}{said[1:]}{end}"


def listed(names: Collection[str], last: str = "and") -> str:
    """Return names as in a sentence: `a`, `a and b`, `a, b and c`."""
    *before, end = names
    return f"{', '.join(before)} {last} {end}" if before else end
