"""The real process tells that it does not see: a gateway that goes away, and a service that was killed."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from recon.cli.commands.probe import CRITICAL
from recon.db.engine import libpq_url
from tests.conftest import TestDatabase
from tests.support.processes import GATEWAY, Service, flooding, running, until
from tests.support.webhook_receiver import Receiver, receiver

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

SECRET = "whsec_bm9ib2R5IG1heSBrbm93IHRoaXM="
#: Short, so that the test is; the defaults are longer.
SHORT = {
    "gateway_down": "3s",
    "gateway_stalled": "60s",
    "account_not_covered": "60s",
    "settled": "6s",
    "repeat": "10s",
    "service_away": "10s",
}


def arrived(webhook: Receiver, event: str) -> list[dict[str, object]]:
    """Return the alerts of an event, each of its messages once."""
    messages = {each.headers["webhook-id"]: json.loads(each.body) for each in list(webhook.received)}
    return [alert for each in messages.values() if each["type"] == event for alert in each["data"]["alerts"]]


def settings(database: TestDatabase, url: str, webhook: Receiver) -> dict[str, object]:
    return {
        "database": {"url": database.service_url},
        "gateways": {GATEWAY: {"urls": [url]}},
        "webhooks": {"ops": {"url": webhook.url, "secret": SECRET, "watchdog": "10s"}},
        "alerts": SHORT,
    }


def test_a_gateway_that_goes_away_is_told_once_also_across_a_kill_and_when_it_is_back(
    database: TestDatabase, tmp_path: Path
) -> None:
    with receiver() as webhook, ExitStack() as stack:
        with flooding(100) as (flood, url):
            service = stack.enter_context(running(Service(tmp_path, settings(database, url, webhook))))
            until(lambda: flood.over and arrived(webhook, "recon.watchdog"))
            assert arrived(webhook, "gateway.down") == []
        # The gateway's server has gone.
        until(lambda: arrived(webhook, "gateway.down"))
        service.kill()
        service.start()
        after = len(arrived(webhook, "recon.watchdog"))
        until(lambda: len(arrived(webhook, "recon.watchdog")) >= after + 2)
        (down,) = arrived(webhook, "gateway.down")
        assert down["gateway"] == GATEWAY
        assert arrived(webhook, "recon.watchdog")[-1]["conditions_told"] == 1
        with flooding(100, port=urlsplit(url).port or 0):
            until(lambda: arrived(webhook, "gateway.down.over"))
        assert service.stop() == 0


def test_a_killed_service_falls_silent_and_says_so_at_its_next_start(database: TestDatabase, tmp_path: Path) -> None:
    with (
        receiver() as webhook,
        flooding(100) as (flood, url),
        running(Service(tmp_path, settings(database, url, webhook))) as service,
    ):
        until(lambda: flood.over and arrived(webhook, "recon.watchdog"))
        service.kill()
        told = len(webhook.received)
        threading.Event().wait(12.0)
        assert len(webhook.received) == told, "the watchdog stays away"
        service.start()
        until(lambda: arrived(webhook, "service.away"))
        assert service.stop() == 0


def test_a_probe_tells_each_way_to_be_blind_of_the_real_process(database: TestDatabase, tmp_path: Path) -> None:
    with ExitStack() as stack:
        with flooding(100) as (flood, url):
            chosen: dict[str, object] = {
                "database": {"url": database.service_url},
                "gateways": {GATEWAY: {"urls": [url]}},
            }
            service = stack.enter_context(running(Service(tmp_path, chosen)))
            until(lambda: flood.over and service.says("probe", 0))
            flood.mute()
            until(lambda: service.says("probe", CRITICAL, "nothing has been seen since"))
            flood.mute(muted=False)
            # Nobody answers over REST, so what the gap hid stays open: a warning, as all is heard again.
            until(lambda: not service.says("probe", CRITICAL))
            with psycopg.connect(libpq_url(database.superuser_url)) as blocker:
                blocker.execute("SELECT FROM recon_store.editions FOR UPDATE")
                until(lambda: service.says("probe", CRITICAL, "events behind the log"))
            until(lambda: not service.says("probe", CRITICAL))
        until(lambda: service.says("probe", CRITICAL, f"gateway {GATEWAY}", "it is"))
        service.kill()
        said = service.command("probe", status=CRITICAL)
        assert "no service records it" in said
        assert "OK" not in said
