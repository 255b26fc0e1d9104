"""Links of a screen of a past time stay in that time. Pure.

Every link to a screen that can mean a past time gets both times, wherever it was written: by a template, a table or a
chart. So no screen can forget it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final
from urllib.parse import urlencode

from markupsafe import escape

from recon.reads.as_of import KNOWN, VALID

#: A link within the page: path, query and fragment. The way back to now is marked.
_LINK: Final = re.compile(r'(?<!data-now )href="(/[^"?#]*)(\?[^"#]*)?(#[^"]*)?"')
_GIVEN: Final = re.compile(rf"[?;&]({VALID}|{KNOWN})=")


def with_times(html: str, times: Sequence[tuple[str, str]], places: Collection[str]) -> str:
    """Return a page whose links keep the times; `places` are the first parts of the paths that have a past."""
    more = str(escape(urlencode(times)))

    def kept(link: re.Match[str]) -> str:
        path, query, fragment = link[1], link[2] or "", link[3] or ""
        if first_part(path) not in places or _GIVEN.search(query):
            return link[0]
        joined = f"{query}&amp;{more}" if query else f"?{more}"
        return f'href="{path}{joined}{fragment}"'

    return _LINK.sub(kept, html) if times else html


def first_part(path: str) -> str:
    """Return the first part of a path: `/cases/3d9e` is of `cases`."""
    return path.split("/")[1]


def places_of(paths: Iterable[str]) -> frozenset[str]:
    """Return the first parts of paths."""
    return frozenset(first_part(path) for path in paths)
