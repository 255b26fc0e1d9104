"""The headers by which a browser keeps what is not ours out of the page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Everything comes from here, and nothing is written into a page: no inline style, script or handler.
POLICY: Final = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; img-src 'self'"
)
#: On every answer.
ALWAYS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: On every page: nobody on the way keeps it.
PAGE: Final[Mapping[str, str]] = {**ALWAYS, "Cache-Control": "no-store", "Vary": "Cookie"}


def is_own(headers: Mapping[str, str]) -> bool:
    """True if a POST comes from a page of the same origin, as far as the browser says where it comes from."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    return origin.partition("://")[2] == headers.get("host", "")
