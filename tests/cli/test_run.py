"""`recon run` as a user has it: settings in a file, the embedded database, and a second command that looks at it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from recon.cli.currency import SHOWN_NOT_CURRENT
from recon.db.embedded.cluster import pause
from recon.db.embedded.server import connection_url_if_running
from recon.db.engine import create_engine
from recon.db.roles import SERVICE

ROOT = Path(__file__).parents[2]
#: Longest wait for something that must happen, in seconds.
PATIENCE = 120.0

_BOTH_PARTS = """
    SELECT count(*) = 2 FROM recon_store.service_parts WHERE gateway = 'sim' AND part IN ('recorder', 'projector')
"""

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]


@contextmanager
def _running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603 - our own commands
        [sys.executable, "-m", "recon.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        # Where a test fails, its reader sees why.
        print(arguments[0], *process.communicate(timeout=PATIENCE), sep="\n")  # noqa: T201 - pytest shows it where a test fails


def _recon(*arguments: str) -> Any:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "recon.cli", *arguments, "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE,
        check=False,
    )
    return json.loads(done.stdout) if done.returncode in {0, SHOWN_NOT_CURRENT} else None


def _until(check: Callable[[], Any]) -> Any:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if found := check():
            return found
        pause()
    pytest.fail("it did not happen in time")


def _asking(data_dir: Path) -> Callable[[str], Any]:
    """Return a function that asks the service's own server, once it runs; a process for each question takes long."""
    url = _until(lambda: connection_url_if_running(data_dir, SERVICE))
    engine = create_engine(url, "tests", pooled=False)

    def ask(question: str) -> Any:
        # Until the service has made the roles and the views there is no answer.
        with suppress(DBAPIError), engine.connect() as connection:
            return connection.scalar(text(question))
        return None

    return ask


def test_run_listens_and_others_may_look(server_dir: Path, tmp_path: Path) -> None:
    ready, config = tmp_path / "ready.json", tmp_path / "recon.toml"
    with _running("simulate", "--plan", "clean", "--duration", "120", "--ready", str(ready)):
        _until(ready.exists)
        url = json.loads(ready.read_text())["urls"]["sim"]
        config.write_text(
            f'[database]\ndata_dir = "{server_dir}"\n[gateways.sim]\nurls = ["{url}"]\n'
            '[gateways.sim.accounts."KRAKEN/JOHN"]\nassets = { XBT = "XXBT", USD = "ZUSD", ETH = "XETH" }\n'
            '[accounts]\nsettlement_window = "1s"\n',
            encoding="utf-8",
        )
        look = ("--config", str(config))
        with _running("run", *look) as service:
            ask = _asking(server_dir)
            _until(lambda: ask("SELECT true FROM recon.balances WHERE verdict = 'agreed' LIMIT 1"))
            _until(lambda: ask(_BOTH_PARTS))
            assert "agreed" in {row["verdict"] for row in _recon("balances", *look)["balances"]}
            status = _recon("status", *look)
            assert [(row["name"], row["state"]) for row in status["gateways"]] == [("sim", "connected")]
            assert {row["part"] for row in status["service"] if row["gateway"] == "sim"} >= {"recorder", "projector"}
            assert _recon("events", *look, "--kind", "session.opened")
            assert _recon("rebuild", *look) is not None
            assert [row["state"] for row in _recon("verify", *look)] == ["ok"]
            service.send_signal(signal.SIGTERM)
            _, err = service.communicate(timeout=PATIENCE)
            assert service.returncode == 0, err
    # The server has stopped with the service; looking starts it for as long as the look takes.
    (gateway,) = _recon("status", *look)["gateways"]
    assert gateway["state"] == "disconnected"
    assert not (server_dir / "postgres" / "postmaster.pid").exists()
