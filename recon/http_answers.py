"""What an HTTP answer may do to our client: nothing beyond its status, its few headers that we read, and its body.

httpx reads `Location` also when redirects are not followed, and raises errors outside of its own tree for some values.
It keeps every cookie and sends it back. None of our servers needs either.
"""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy

import httpx


def ignore_redirects_and_cookies(client: httpx.AsyncClient) -> None:
    """Make a client neither read where an answer redirects to, nor keep a cookie; the status still says redirect."""
    client.event_hooks["response"].append(_forget_location)
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))


async def _forget_location(response: httpx.Response) -> None:
    response.headers.pop("location", None)
