"""The real process under a service manager: it is told when the service is ready, that it moves, and that it stops."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import TestDatabase
from tests.support.processes import Service, running, until

pytestmark = [pytest.mark.postgres, pytest.mark.acceptance]


class Manager:
    """Hears what a service says."""

    def __init__(self, receiver: socket.socket) -> None:
        self._receiver = receiver
        self.heard: list[str] = []

    def hears(self, beginning: str) -> bool:
        """Listen to what has come; return whether a line of all that was heard begins so."""
        while True:
            try:
                self.heard += self._receiver.recv(65536).decode().splitlines()
            except BlockingIOError:
                return any(line.startswith(beginning) for line in self.heard)


@contextmanager
def managing(path: Path) -> Iterator[Manager]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.setblocking(False)
        yield Manager(receiver)


def test_the_process_says_that_it_is_ready_moves_and_stops(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, object] = {
        "database": {"url": database.service_url},
        "gateways": {"dead": {"urls": ["ws://127.0.0.1:1/"]}},
    }
    with managing(tmp_path / "notify") as manager:
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1500000")
        with running(Service(tmp_path, settings)) as service:
            until(lambda: manager.hears("WATCHDOG=1"))
            assert manager.heard[0] == "READY=1"
            assert service.process is not None
            assert manager.heard[1] == f"MAINPID={service.process.pid}"
            until(lambda: manager.hears("STATUS=recording dead"))
            manager.heard.clear()
            until(lambda: manager.hears("WATCHDOG=1"))
            assert service.stop() == 0
        assert manager.hears("STOPPING=1")
        assert manager.heard[-2:] == ["STOPPING=1", "STATUS=stopping"]
