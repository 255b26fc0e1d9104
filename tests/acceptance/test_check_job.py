"""`recon check` as cron runs it: the real process, nothing but a settings file, and each of its four statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import TestDatabase
from tests.support.drifting_gateway import DriftingGateway
from tests.support.processes import GATEWAY, PATIENCE, LogReader, Service, running, until
from tests.support.ws_servers import gateway as served

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

ACCOUNT = "KRAKEN/ANN"
CLEAN, BREAKS, NOT_COVERED, COULD_NOT_RUN = range(4)


class Told(NamedTuple):
    """What one run of a job came to."""

    status: int
    document: dict[str, Any]
    summary: str


class Cron:
    """Runs a line as cron does: by `sh`, elsewhere, with next to no environment, output into files."""

    def __init__(self, directory: Path, url: str, gateway_url: str) -> None:
        self._directory = directory
        self._settings = directory / "job.toml"
        self._settings.write_text(
            f'[database]\nurl = "{url}"\n[gateways.{GATEWAY}]\nurls = ["{gateway_url}"]\n', encoding="utf-8"
        )
        self._settings.chmod(0o600)

    def run(self, *arguments: str, settings: str | None = None) -> Told:
        out, err = self._directory / "out.json", self._directory / "err.txt"
        line = f"{sys.executable} -m recon.cli check --config {settings or self._settings} {' '.join(arguments)}"
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self._directory), "LOGNAME": "job", "SHELL": "/bin/sh"}
        if "PYTHONPATH" in os.environ:
            environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
        done = subprocess.run(  # noqa: S603 - our own command
            ["/bin/sh", "-c", f"{line} >{out} 2>{err}"], env=environment, cwd="/", timeout=PATIENCE, check=False
        )
        return Told(done.returncode, json.loads(out.read_text("utf-8")), err.read_text("utf-8"))


def test_a_job_of_cron_gets_each_of_the_four_statuses(database: TestDatabase, tmp_path: Path) -> None:
    drift, reader = DriftingGateway([ACCOUNT]), LogReader(database.service_url)
    with served(drift.script) as server:
        cron = Cron(tmp_path, database.service_url, server.url)
        assert cron.run().status == NOT_COVERED, "it was never recorded"
        service = Service(
            tmp_path,
            {
                "database": {"url": database.service_url},
                "gateways": {GATEWAY: {"urls": [server.url]}},
                "accounts": {"settlement_window": "200ms"},
            },
        )
        with running(service):
            until(lambda: reader.ask("SELECT FROM recon.balances WHERE verdict = 'agreed'"))
            until(lambda: cron.run().status == CLEAN)
            clean = cron.run("--require-covered")
            assert clean.status == CLEAN, clean.summary
            assert clean.document["counts"]["units"] == {"agreed": 1}
            seq = clean.document["logs"][0]["seq"]
            # Openings are final once the hold of their report is over.
            until(lambda: reader.ask("SELECT FROM recon.gateways WHERE last_event_at > connected_at + interval '4 s'"))
            drift.more = True
            until(lambda: reader.ask("SELECT FROM recon.open_breaks"))
            broken = cron.run()
            assert broken.status == BREAKS, broken.summary
            assert broken.document["logs"][0]["seq"] > seq
            ((found,),) = [broken.document["breaks"]]
            assert (found["account"], found["amount"], found["amount_usd"]) == (ACCOUNT, "1", "1.5")
            assert cron.run("--fail-on", "material").status == CLEAN, "1.5 USD are not material"
            assert service.stop() == 0
        told = cron.run("--fail-on", "material")
        assert told.status == NOT_COVERED, told.summary
        assert "no service records it" in told.summary
        assert cron.run().status == BREAKS, "what is known stays known"
    for told in (cron.run("--fail-on=sometimes"), cron.run(settings="/nowhere.toml")):
        assert (told.status, told.document["status"]) == (COULD_NOT_RUN, "could_not_run")
        assert told.document["reason"]
