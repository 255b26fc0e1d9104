"""The TLS handshake of a gateway check, and a quick test for ports that do not speak TLS.

A server of plain HTTP waits for the end of a request, which a TLS handshake never sends. So once the handshake takes
too long or breaks off, a second connection sends a plain request. It carries no secret.
"""

from __future__ import annotations

import ssl
from typing import Final

import trio

from recon.ems.urls import authority

#: Seconds after which a port is suspected of not speaking TLS, and seconds for the plain request.
SUSPECT_SECONDS: Final = 1.5
PROBE_SECONDS: Final = 3.0
#: Most bytes of the response that are read.
MAX_PROBE_BYTES: Final = 1024


class PlainPort(Exception):
    """The port speaks HTTP without TLS."""


async def handshake(secured: trio.SSLStream[trio.SocketStream], host: str, port: int, *, seconds: float) -> None:
    """Make the handshake within a bound. Raise PlainPort, trio.TooSlowError, or the handshake's own error."""
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
    if _is_broken_off(failure):
        is_plain = is_plain or await speaks_http(host, port)
    if is_plain:
        raise PlainPort
    if failure is not None:
        raise failure


def _is_broken_off(failure: Exception | None) -> bool:
    """True if a handshake broke for another reason than a certificate, which only TLS sends."""
    return isinstance(failure, trio.BrokenResourceError) and not isinstance(
        failure.__cause__, ssl.SSLCertVerificationError
    )


async def speaks_http(host: str, port: int) -> bool:
    """True if a port answers plain HTTP, except where a TLS port says in HTTP that it requires TLS."""
    response = b""
    request = f"GET / HTTP/1.1\r\nHost: {authority(host, port)}\r\nConnection: close\r\n\r\n".encode()
    try:
        with trio.move_on_after(PROBE_SECONDS):
            async with await trio.open_tcp_stream(host, port) as stream:
                await stream.send_all(request)
                while len(response) < MAX_PROBE_BYTES and (more := await stream.receive_some(MAX_PROBE_BYTES)):
                    response += more
    except (OSError, trio.BrokenResourceError):
        return False
    return response.startswith(b"HTTP/") and b"https" not in response.lower()
