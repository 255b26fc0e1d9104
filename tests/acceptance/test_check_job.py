"""`recon check` as cron runs it: the real process, nothing but a settings file, and each of its four statuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TestDatabase
from tests.support.cron import BREAKS, CLEAN, COULD_NOT_RUN, NOT_COVERED, Cron
from tests.support.drifting_gateway import DriftingGateway
from tests.support.processes import GATEWAY, LogReader, Service, running, until
from tests.support.ws_servers import gateway as served

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

ACCOUNT = "KRAKEN/ANN"


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
