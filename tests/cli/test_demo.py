"""The demonstration as a user runs it: from nothing, against the real service, and leaving nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import directory_for_server

ROOT = Path(__file__).parents[2]
#: The shortest day whose faults can all be judged, in seconds.
SHORTEST = "28"
#: Seconds after which a wait is given up; a bound on hanging, not on speed.
PATIENCE = 120.0

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres, pytest.mark.timeout(240)]


def _demo(temporary: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "recon.cli", "demo", "--headless", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary)},
    )


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A directory for temporary files that the server's account can pass through."""
    with directory_for_server() as place:
        yield place


@pytest.mark.slow
def test_every_planted_fault_is_flagged_and_nothing_else(temporary: Path) -> None:
    process = _demo(temporary, "--duration", SHORTEST, "--seed", "11", "--json")
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, out + err
    summary = json.loads(out)
    assert summary["passed"]
    assert summary["false_alarms"] == []
    kinds = {row["fault"] for row in summary["planted"]}
    assert kinds >= {"late_fill", "lost_fill", "deposit", "wrong_balance"}
    assert all(row["flagged"] for row in summary["planted"])
    assert {row["state"] for row in summary["planted"] if row["fault"] == "late_fill"} == {"cleared"}
    assert set(summary["benign"]) >= {"restart", "duplicate_report", "unreadable_frame", "reordered_reports"}
    assert "disconnect_with_fills (fetched over REST)" in summary["benign"], "what a gap hid was caught up with"
    assert summary["alerts_received"] == summary["alerts_delivered"] >= len(summary["planted"])
    assert summary["alerts_refused"] == 0
    assert list(temporary.iterdir()) == [], "nothing is left behind"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_cleanly(temporary: Path, number: signal.Signals) -> None:
    process = _demo(temporary, "--duration", "60")
    assert process.stdout is not None
    told: list[str] = []
    for line in process.stdout:
        told.append(line)
        if "connected" in line:
            break
    else:
        pytest.fail(f"it ended by itself: {told}, {process.communicate()}")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, out + err
    assert err == ("recon: interrupted\n" if number == signal.SIGINT else "")
    assert list(temporary.iterdir()) == []
    assert _running(temporary) == "", "no process of it goes on"


def test_nothing_of_it_goes_on_after_a_kill(temporary: Path) -> None:
    process = _demo(temporary, "--duration", "60")
    assert process.stdout is not None
    told: list[str] = []
    for line in process.stdout:
        told.append(line)
        if "connected" in line:
            break
    else:
        pytest.fail(f"it ended by itself: {told}, {process.communicate()}")
    assert "recon.simulator" in _running(temporary)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + PATIENCE
    while running := _running(temporary):
        assert time.monotonic() < deadline, f"it goes on: {running}"
        threading.Event().wait(0.05)


def _running(temporary: Path) -> str:
    """Return the command lines of processes that work in a directory."""
    listed = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    return "\n".join(line for line in listed.splitlines() if str(temporary) in line)


@pytest.mark.slow
def test_on_a_terminal_it_stays_and_its_data_can_be_tried(temporary: Path) -> None:
    process, terminal = os.forkpty()
    if not process:  # pragma: no cover - the other process
        os.environ.update(TMPDIR=str(temporary), TERM="xterm", LC_ALL="C.UTF-8", COLUMNS="80", LINES="24")
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-m", "recon.cli", "demo", "--duration", SHORTEST, "--seed", "11"])  # noqa: S606
    seen, settings = b"", ""
    while b"Ctrl-C ends it\r\n" not in seen.partition(b"try next")[2]:
        seen += os.read(terminal, 1 << 16)
    shown = seen.decode()
    assert "found after" in shown
    assert "planted faults found, 0 false alarms: passed" in shown
    settings = shown.partition("export RECON_CONFIG=")[2].split()[0]
    command = shown.partition(" break show ")[2].split()[0]
    environ = os.environ | {"RECON_CONFIG": settings}
    outputs = []
    for words in (["status"], ["break", "show", command], ["doctor", "--seconds", "3"]):
        given = [sys.executable, "-m", "recon.cli", *words]
        tried = subprocess.run(given, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)  # noqa: S603
        assert tried.returncode == 0, tried.stderr
        outputs.append(tried.stdout)
    assert "NEEDS SOMEBODY" in outputs[0]
    assert outputs[1].startswith(f"case {command}")
    assert "gateway prod-eu" in outputs[2], "nothing failed, also at the gateway without REST"
    assert "nobody is told" not in outputs[2], "commands know the channels of the service"
    os.kill(process, signal.SIGINT)
    while True:
        try:
            if not os.read(terminal, 1 << 16):
                break
        except OSError:
            break  # the other end is closed
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert list(temporary.iterdir()) == []
