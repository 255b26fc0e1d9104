from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

pytestmark = pytest.mark.acceptance

#: So many heartbeats without another message come only after the day: trading and polling never pause so long.
HEARTBEATS_AFTER_DAY = 15

#: Seconds after which a wait is given up; a bound on hanging, not on speed.
PATIENCE = 120.0


@contextmanager
def simulator(tmp_path: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "recon.simulator", "--ready", str(ready), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603  # our own module
    try:
        yield process, wait_for(ready)["urls"]
    finally:
        process.kill()
        process.communicate()


def wait_for(path: Path) -> dict[str, Any]:
    """Wait for a file that appears whole."""

    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, "the simulator did not say that it listens"
        threading.Event().wait(0.02)
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def test_it_runs_writes_what_it_planted_outlives_its_day_and_ends_on_sigterm(tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    options = ("--plan", "clean", "--seed", "7", "--duration", "1", "--ports", "0", "--truth", str(truth))
    with simulator(tmp_path, *options) as (process, urls), connect(urls["sim"]) as client:
        only_heartbeats = ["SERVER_INFO"] * HEARTBEATS_AFTER_DAY
        kinds: list[str] = []
        while kinds[-HEARTBEATS_AFTER_DAY:] != only_heartbeats:  # the day ends, the heartbeats go on
            kinds.append(json.loads(client.recv(timeout=PATIENCE))["type"])
        document = json.loads(truth.read_text())
        assert (document["plan"], document["seed"]) == ("clean", 7)
        assert document["gateways"]["sim"]["started_at"]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert out == f"sim {urls['sim']}\n"
    assert "Traceback" not in err


def test_the_demo_listens_on_two_ports_and_an_interrupt_ends_it(tmp_path: Path) -> None:
    with simulator(tmp_path, "--plan", "demo", "--duration", "60", "--ports", "0,0") as (process, urls):
        assert set(urls) == {"prod-eu", "prod-us"}
        for url in urls.values():
            with connect(url) as client:
                assert json.loads(client.recv(timeout=PATIENCE))["exchange_id"]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def test_a_key_file_guards_it(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sesame\n")
    options = ("--plan", "clean", "--ports", "0", "--api-key-file", str(key))
    with (
        simulator(tmp_path, *options) as (_, urls),
        connect(urls["sim"], additional_headers={"X-CoinAPI-Key": "sesame"}) as client,
    ):
        assert client.recv(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--plan", "demo", "--duration", "5"), "too short"),
        (("--plan", "clean", "--ports", "0,0"), "1 gateway, but was given 2 ports"),
        (("--plan", "clean", "--ports", "x"), "--ports takes numbers"),
        (
            ("--plan", "clean", "--ports", "0", "--api-key-file", "/nonexistent"),
            "/nonexistent: the API key cannot be read: No such file",
        ),
    ],
)
def test_what_cannot_be_run_is_one_line_and_status_8(options: tuple[str, ...], message: str) -> None:
    done = subprocess.run(  # noqa: S603  # our own module
        [sys.executable, "-m", "recon.simulator", *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 8
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_key_that_is_no_text_is_named(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"\xff\xfes")
    test_what_cannot_be_run_is_one_line_and_status_8(
        ("--plan", "clean", "--ports", "0", "--api-key-file", str(key)),
        f"{key}: the API key cannot be read: it is not UTF-8 text",
    )


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(  # noqa: S603  # our own module
            [sys.executable, "-m", "recon.simulator", "--plan", "clean", "--ports", port],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 8
    assert f"port {port} on 127.0.0.1 cannot be opened: another program has taken it" in done.stderr
    assert len(done.stderr.splitlines()) == 1
