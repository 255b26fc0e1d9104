"""Closes the socket of an HTTP connection whose TLS handshake is cancelled.

httpcore closes it only for an Exception, and Trio's Cancelled is not one: the socket would stay open until it is
garbage collected. Any HTTP request of recon may be cancelled, so the network below httpx is wrapped.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable

import httpcore
import httpx
import trio

_Options = Iterable[tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]]


def close_cancelled_handshakes(client: httpx.AsyncClient) -> None:
    """Make a client close its sockets also when cancelled; a client without a network stays as it is."""
    transport = client._transport  # noqa: SLF001  # httpx hands no network backend on to httpcore
    if isinstance(transport, httpx.AsyncHTTPTransport):
        pool = transport._pool  # noqa: SLF001
        pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the signature is httpcore's
        local_address: str | None = None,
        socket_options: _Options | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._backend.connect_tcp(host, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection before TLS, or without it."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except trio.Cancelled:
            # A socket closes at once; being cancelled, it then raises Cancelled again.
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)
