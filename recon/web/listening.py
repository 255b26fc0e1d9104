"""A socket that listens for browsers and programs, with what its connections inherit."""

from __future__ import annotations

import socket
import sys
from typing import Final

#: How long an answer may lie unread before its connection is given up, in milliseconds.
UNREAD_MS: Final = 20_000
#: Connections that wait to be accepted.
BACKLOG: Final = 32


def listening_at(host: str, port: int) -> socket.socket:
    """Return a socket that listens; of port 0 the system chooses one that is free. Raise OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    if sys.platform == "linux":
        # Connections inherit it: a client that stops reading its answer is given up, and holds no stop up.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
    return listening
