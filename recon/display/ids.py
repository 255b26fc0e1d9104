"""Short ids: the first characters of an id, as many as make it unique. Pure.

A name that stands in the place of an id, such as `gateway.down`, is never cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

#: Fewest characters of an id; commands take any unique beginning of so many.
SHORT: Final = 8
_ID: Final = re.compile("[0-9a-f-]+")
#: Characters of a digest in a command.
DIGEST: Final = 10

_OF_A_BREAK: Final = re.compile(r", digest [0-9a-f]{64}")


def short_ids(shown: Iterable[str], known: Iterable[str] = ()) -> dict[str, str]:
    """Return for each id its shortest beginning that is of no other one, shown or known; 8 characters at least."""
    wanted = dict.fromkeys(shown)
    ordered = sorted({*wanted, *known})
    beginnings: dict[str, str] = {}
    for index, each in enumerate(ordered):
        # Of all others, a neighbour in the order shares the longest beginning.
        neighbours = [*ordered[max(index - 1, 0) : index], *ordered[index + 1 : index + 2]]
        least = max((_shared(each, other) + 1 for other in neighbours), default=0)
        beginnings[each] = each[: max(least, SHORT)] if _ID.fullmatch(each) else each
    return {each: beginnings[each] for each in wanted}


def short_id(full: str) -> str:
    """Return the first characters of one id."""
    return full[:SHORT] if _ID.fullmatch(full) else full


def _shared(one: str, other: str) -> int:
    """Return how many first characters two ids share."""
    length = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        length += 1
    return length


def without_digest(reason: str) -> str:
    """Return a step's reason without the digest of its break: what is approved has one of all that was proposed."""
    return _OF_A_BREAK.sub("", reason)
