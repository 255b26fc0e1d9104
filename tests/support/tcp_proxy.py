"""A TCP proxy before the server's Unix socket, whose connections can be muted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from sqlalchemy import make_url

CHUNK_BYTES = 65536


class Proxy:
    """Relays each connection to Postgres until it is muted."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._target = f"{self._url.query['host']}/.s.PGSQL.{self._url.query['port']}"
        self._relays: list[trio.CancelScope] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Return the URL of the same database and role, through this proxy."""
        query = {name: value for name, value in self._url.query.items() if name not in {"host", "port"}}
        through = self._url.set(host="127.0.0.1", port=self.port, query=query)
        return through.render_as_string(hide_password=False)

    def mute(self) -> None:
        """Stop relaying on the present connections, in both directions, but keep them open."""
        for relay in self._relays:
            relay.cancel()

    async def serve(self, client: trio.SocketStream) -> None:
        async with client, await trio.open_unix_socket(self._target) as server:
            async with trio.open_nursery() as relay:
                self._relays.append(relay.cancel_scope)
                relay.start_soon(self._pump, client, server)
                relay.start_soon(self._pump, server, client)
            # Ended by `mute`, or because both sides closed; open sockets are harmless then.
            await trio.sleep_forever()

    @staticmethod
    async def _pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
        while data := await source.receive_some(CHUNK_BYTES):
            await sink.send_all(data)
        await sink.send_eof()


@asynccontextmanager
async def proxy(url: str) -> AsyncIterator[Proxy]:
    """Serve a proxy for the time of the block."""
    made = Proxy(url)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, made.serve, 0)
        made.port = listeners[0].socket.getsockname()[1]
        yield made
        nursery.cancel_scope.cancel()
