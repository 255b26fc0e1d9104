"""What a process that recon starts gets of our environment, and that it ends when asked to, or else by force."""

from __future__ import annotations

import subprocess
import sys

import pytest
import trio

from recon.child_processes import passed_on, stop

#: Seconds that a process which obeys has: it takes milliseconds.
PATIENCE = 60.0
SAYS_SO = "import os; os.write(1, b'.'); input()"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SAYS_SO}"


def test_settings_secrets_and_the_service_manager_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RECON_DATABASE__URL", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.setenv(name, "ours")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    passed = passed_on()
    assert "ours" not in passed.values()
    assert passed["PYTHONPATH"] == "/somewhere"


@pytest.mark.trio
@pytest.mark.parametrize(("program", "seconds", "signal"), [(SAYS_SO, PATIENCE, -15), (DEAF, 0.1, -9)])
async def test_a_process_is_asked_to_end_and_killed_if_it_does_not(program: str, seconds: float, signal: int) -> None:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert await process.stdout.receive_some(1) == b"."
    with trio.CancelScope() as scope:
        scope.cancel()
        await stop(process, seconds)
    assert process.poll() == signal
    with pytest.raises(trio.ClosedResourceError):
        await process.stdin.send_all(b"\n")
    await stop(process, seconds)


@pytest.mark.trio
async def test_a_process_that_has_ended_is_left_alone() -> None:
    process = await trio.lowlevel.open_process([sys.executable, "-c", "raise SystemExit(3)"])
    await process.wait()
    await stop(process, PATIENCE)
    assert process.poll() == 3
