"""Making a TLS handshake, and finding out soon where the other side does not speak TLS at all.

A server of plain HTTP waits for the end of a request, which a TLS handshake never sends; so it is asked in its own way
beside, once the handshake takes too long or was broken off. Nothing secret is sent that way.
"""

from __future__ import annotations

import ssl
from typing import Final

import trio

#: Seconds after which a handshake is suspected to be with a port that does not speak TLS, and for asking it.
SUSPECT_SECONDS: Final = 1.5
PROBE_SECONDS: Final = 3.0
#: Most bytes of the answer that are looked at.
MAX_PROBE_BYTES: Final = 1024


class PlainPort(Exception):
    """The port speaks HTTP without TLS."""


async def handshake(secured: trio.SSLStream[trio.SocketStream], host: str, port: int, *, seconds: float) -> None:
    """Shake hands within a bound. Raises PlainPort, and what a handshake raises, or trio.TooSlowError."""
    failure: Exception | None = None
    is_plain = False

    async def suspect(scope: trio.CancelScope) -> None:
        nonlocal is_plain
        await trio.sleep(SUSPECT_SECONDS)
        is_plain = await speaks_http(host, port)
        if is_plain:
            scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(suspect, nursery.cancel_scope)
        try:
            with trio.fail_after(seconds):
                await secured.do_handshake()
        except (OSError, trio.BrokenResourceError, trio.TooSlowError) as error:
            failure = error
        nursery.cancel_scope.cancel()
    if isinstance(failure, trio.BrokenResourceError) and not isinstance(
        failure.__cause__, ssl.SSLCertVerificationError
    ):
        is_plain = is_plain or await speaks_http(host, port)
    if is_plain:
        raise PlainPort
    if failure is not None:
        raise failure


async def speaks_http(host: str, port: int) -> bool:
    """Tell whether a port answers plain HTTP; one of TLS that says in HTTP that it wants TLS does not count."""
    heard = b""
    try:
        with trio.move_on_after(PROBE_SECONDS):
            async with await trio.open_tcp_stream(host, port) as stream:
                name = f"[{host}]" if ":" in host else host
                await stream.send_all(f"GET / HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\n\r\n".encode())
                while len(heard) < MAX_PROBE_BYTES and (more := await stream.receive_some(MAX_PROBE_BYTES)):
                    heard += more
    except (OSError, trio.BrokenResourceError):
        return False
    return heard.startswith(b"HTTP/") and b"https" not in heard.lower()
