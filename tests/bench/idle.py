"""A WebSocket server whose sessions never say anything: gateways that are idle."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.bench.blaster import until_closed, upgrade


@contextmanager
def idle_server() -> Iterator[int]:
    """Serve sessions on a free port of 127.0.0.1 until the end; yield the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
        yield int(server.getsockname()[1])


def _accept(server: socket.socket) -> None:
    with suppress(OSError):  # the end of the server
        while True:
            peer, _ = server.accept()
            threading.Thread(target=_serve, args=(peer,), daemon=True).start()


def _serve(peer: socket.socket) -> None:
    with peer, suppress(OSError):
        upgrade(peer)
        until_closed(peer)
