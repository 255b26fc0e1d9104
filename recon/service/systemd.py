"""What systemd is told of the service: that it is ready, what it does, that it still moves, and that it stops.

1. The protocol is a datagram to the socket that NOTIFY_SOCKET names, a line for each statement.
2. The watchdog is fed by a task of the loop, and only while every part moves. So whatever stands still, the loop or a
   part, the process is ended and started anew.
3. Nobody who is not there to be told harms the service: what cannot be sent is logged, and said again later.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import Final, Never

import structlog
import trio

#: How often the line of `systemctl status` is written where no watchdog asks for more, in seconds.
TELL_SECONDS: Final = 10.0
#: The watchdog is fed this many times within its interval.
FEEDINGS: Final = 3
#: Longest line, in characters.
MAX_LINE: Final = 500

_log = structlog.get_logger(__name__)


class Notifier:
    """Sends statements to the service manager."""

    def __init__(self, address: str, watchdog_seconds: float | None = None) -> None:
        """Prepare. An address that begins with @ is an abstract one; `watchdog_seconds` is the watchdog's interval."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_seconds = watchdog_seconds

    def send(self, *statements: str) -> bool:
        """Send statements in one datagram; return whether it was taken."""
        lines = [" ".join(each.split())[:MAX_LINE] for each in statements]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            _log.info("systemd could not be told", reason=error.strerror or str(error))
            return False
        return True


def notifier_of(environment: Mapping[str, str], pid: int) -> Notifier | None:
    """Return who is to be told, by the environment; None: systemd did not start this process, or wants no word."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return None
    for_us = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
    microseconds = environment.get("WATCHDOG_USEC", "")
    asked = for_us and microseconds.isdecimal() and int(microseconds) > 0
    return Notifier(address, int(microseconds) / 1e6 if asked else None)


async def keep_told(notifier: Notifier, alive: Callable[[], bool], summary: Callable[[], str]) -> Never:
    """Say that the service is ready, then what it does and that it moves, until cancelled; then that it stops."""
    watchdog = notifier.watchdog_seconds
    pause = TELL_SECONDS if watchdog is None else min(TELL_SECONDS, watchdog / FEEDINGS)
    statements = ["READY=1", f"MAINPID={os.getpid()}"]
    try:
        while True:
            moves = alive()
            if not moves:
                _log.error("a part stands still; systemd's watchdog is not fed", state=summary())
            fed = ["WATCHDOG=1"] if watchdog is not None and moves else []
            notifier.send(*statements, f"STATUS={summary()}", *fed)
            statements = []
            await trio.sleep(pause)
    finally:
        notifier.send("STOPPING=1", "STATUS=stopping")
