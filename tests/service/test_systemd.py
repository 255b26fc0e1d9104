"""What systemd hears, on a real datagram socket: recon/service/systemd.py, rules 1 to 3."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import trio
from trio.testing import MockClock

from recon.service.systemd import FEEDINGS, MAX_LINE, Notifier, keep_told, notifier_of


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """Yield the address of a service manager, and what it has heard since it was last asked."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.setblocking(False)
        yield str(path), lambda: heard(receiver)


def heard(receiver: socket.socket) -> list[str]:
    lines: list[str] = []
    while True:
        try:
            lines += receiver.recv(65536).decode().splitlines()
        except BlockingIOError:
            return lines


Manager = tuple[str, Callable[[], list[str]]]


def test_rule_1__statements_are_the_lines_of_one_datagram(manager: Manager) -> None:
    address, hear = manager
    assert Notifier(address).send("READY=1", "STATUS=two\nlines  and more")
    assert hear() == ["READY=1", "STATUS=two lines and more"]
    assert Notifier(address).send("STATUS=" + "x" * 10_000)
    assert len(hear()[0]) == MAX_LINE


def test_rule_1__an_abstract_address_is_told_too() -> None:
    name = f"recon-test-{uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0{name}")
        receiver.setblocking(False)
        assert Notifier(f"@{name}").send("READY=1")
        assert heard(receiver) == ["READY=1"]


def test_rule_3__nobody_there_is_no_failure(tmp_path: Path) -> None:
    assert not Notifier(str(tmp_path / "nobody")).send("READY=1")


@pytest.mark.parametrize(
    ("environment", "watchdog"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdog_is_fed_only_if_it_is_ours(environment: dict[str, str], watchdog: float | None) -> None:
    notifier = notifier_of({"NOTIFY_SOCKET": "/run/notify", **environment}, 7)
    assert notifier is not None
    assert notifier.watchdog_seconds == watchdog


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:1:2"}])
def test_without_systemd_nobody_is_told(environment: dict[str, str]) -> None:
    assert notifier_of(environment, 7) is None


@pytest.mark.trio
async def test_rule_2__it_is_fed_while_everything_moves_and_not_when_a_part_stands_still(
    manager: Manager, autojump_clock: MockClock
) -> None:
    address, hear = manager
    moves = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_told, Notifier(address, 60.0), lambda: moves, lambda: "recording g")
        await trio.sleep(1)
        assert hear() == ["READY=1", f"MAINPID={os.getpid()}", "STATUS=recording g", "WATCHDOG=1"]
        await trio.sleep(60)
        lines = hear()
        assert lines.count("WATCHDOG=1") >= FEEDINGS, "late once is not dead"
        assert "READY=1" not in lines
        moves = False
        await trio.sleep(20)
        hear()
        await trio.sleep(120)
        starved = hear()
        assert starved
        assert set(starved) == {"STATUS=recording g"}, "systemd hears what is wrong, and ends it"
        moves = True
        await trio.sleep(20)
        assert "WATCHDOG=1" in hear()
        nursery.cancel_scope.cancel()
    assert hear()[-2:] == ["STOPPING=1", "STATUS=stopping"]


@pytest.mark.trio
async def test_without_a_watchdog_only_the_state_is_told(manager: Manager, autojump_clock: MockClock) -> None:
    address, hear = manager
    with trio.move_on_after(25):
        await keep_told(Notifier(address), lambda: True, lambda: "fine")
    assert hear() == ["READY=1", f"MAINPID={os.getpid()}", *["STATUS=fine"] * 3, "STOPPING=1", "STATUS=stopping"]
