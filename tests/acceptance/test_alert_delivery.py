"""What the real process had sent arrives, though it is killed again and again and the receiver fails."""

from __future__ import annotations

import json
import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from recon.clock import utc_now
from recon.db.engine import create_engine
from recon.db.roles import OPERATOR
from recon.deciding.recording import Decision, append_decisions
from tests.conftest import TestDatabase
from tests.support.drifting_gateway import DriftingGateway
from tests.support.logins import login_of
from tests.support.processes import GATEWAY, LogReader, Service, running, until
from tests.support.webhook_receiver import Answer, Receiver, receiver
from tests.support.ws_servers import gateway as served

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres, pytest.mark.slow]

SECRET = "whsec_bm9ib2R5IG1heSBrbm93IHRoaXM="
ACCOUNTS = [f"KRAKEN/{name}" for name in ("ANN", "BEN", "CEM", "DEE", "EVE")]
KILLS = 10
#: What a receiver may answer in place of 200; each message may meet several of these.
FAILURES = (
    Answer(500),
    Answer(503, headers=(("retry-after", "1"),)),
    Answer(429, headers=(("retry-after", "1"),)),
    Answer(drop=True),
)


class People:
    """Somebody who takes breaks up and gives them back, with a login of her own."""

    def __init__(self, url: str) -> None:
        self._url = url

    def decide(self, action: str, break_id: str, **more: object) -> None:
        engine = create_engine(self._url, "alice", pooled=False)
        payload = {"action": action, "breaks": [break_id], **more}
        with engine.begin() as connection:
            append_decisions(connection, [Decision(GATEWAY, payload)], "Alice", utc_now())

    def take_and_give_back(self, break_id: str) -> None:
        until_then = (utc_now() + timedelta(days=1)).isoformat()
        self.decide("accept", break_id, until=until_then, text="we know")
        self.decide("reopen", break_id, text="we do not")


@contextmanager
def deciding(people: People, breaks: list[str], draw: random.Random) -> Iterator[None]:
    """Have somebody decide all the time, also while the service does not run."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(draw.uniform(0.05, 0.6)):
            people.take_and_give_back(draw.choice(breaks))

    with ThreadPoolExecutor(1) as threads:
        work = threads.submit(run)
        try:
            yield
        finally:
            over.set()
        work.result()


def fail_often(webhook: Receiver, draw: random.Random) -> None:
    """Plan answers: about one in three is a failure, and never more than two in a row."""
    for _ in range(400):
        webhook.answer(*draw.choices(FAILURES, k=draw.choice([0, 0, 0, 1, 2])), Answer())


def arrived(webhook: Receiver) -> dict[str, list[str]]:
    """Return the bodies that arrived, by the id of their message, in the order of first arrival."""
    found: dict[str, list[str]] = defaultdict(list)
    for each in list(webhook.received):
        found[each.headers["webhook-id"]].append(each.body)
    return found


def test_ten_kills_and_a_failing_receiver_lose_no_message_and_keep_each_case_in_order(
    database: TestDatabase, tmp_path: Path
) -> None:
    draw, drift, reader = random.Random(7), DriftingGateway(ACCOUNTS), LogReader(database.service_url)
    with receiver() as webhook, served(drift.script) as server, login_of(database, "alice", OPERATOR) as url:
        settings: dict[str, object] = {
            "database": {"url": database.service_url},
            "gateways": {GATEWAY: {"urls": [server.url]}},
            "accounts": {"settlement_window": "200ms"},
            "webhooks": {"ops": {"url": webhook.url, "secret": SECRET, "watchdog": "0s"}},
            "alerts": {"gather": "100ms", "routes": [{"name": "all", "send": "page"}], "limits": []},
        }
        with running(Service(tmp_path, settings)) as service:
            until(lambda: len(reader.ask("SELECT FROM recon.accounts WHERE state = 'covered'")) == len(ACCOUNTS))
            threading.Event().wait(4.0)  # openings are final
            drift.more = True
            until(lambda: len(reader.ask("SELECT id FROM recon.open_breaks")) == len(ACCOUNTS))
            breaks = [str(id_) for (id_,) in reader.ask("SELECT id FROM recon.open_breaks ORDER BY id")]
            fail_often(webhook, draw)
            with deciding(People(url), breaks, draw):
                for _ in range(KILLS):
                    threading.Event().wait(draw.uniform(0.2, 3.0))
                    service.kill()
                    service.start()
            webhook.answers.clear()
            until(lambda: settled(reader))
            check_messages(reader, webhook, breaks)
            assert service.stop() == 0


def settled(reader: LogReader) -> bool:
    """True if all is folded, routed and delivered."""
    waiting = "SELECT 1 FROM recon.alerts WHERE state IN ('waiting', 'sending') LIMIT 1"
    return reader.folded() == reader.head() and not reader.ask(waiting) and bool(reader.ask("SELECT 1"))


def check_messages(reader: LogReader, webhook: Receiver, breaks: list[str]) -> None:
    """Check that each message arrived, the same at each attempt, and those of a case in order."""
    query = "SELECT id, state, attempts FROM recon.deliveries WHERE channel = 'webhook:ops'"
    queued = {str(id_): (state, attempts) for id_, state, attempts in reader.ask(query)}
    found = arrived(webhook)
    assert set(found) == set(queued)
    assert {state for state, _ in queued.values()} == {"delivered"}
    assert all(len(set(bodies)) == 1 for bodies in found.values())
    assert any(len(bodies) > 1 for bodies in found.values())

    told: dict[str, list[int]] = defaultdict(list)
    for bodies in found.values():
        data = json.loads(bodies[0])["data"]
        for each in data["cases"] or [data]:
            if each["case_id"] is not None:
                told[each["case_id"]].append(each["case_seq"])
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in told.values())

    # Each reopening is a message, and an acceptance only keeps people from being reminded.
    reopened = reader.ask("SELECT id FROM recon.alerts WHERE event = 'break.reopened'")
    sent = reader.ask("SELECT unnest(signals) FROM recon.deliveries")
    assert len(reopened) >= KILLS
    assert {id_ for (id_,) in reopened} <= {id_ for (id_,) in sent}
    assert {str(id_) for (id_,) in reader.ask("SELECT DISTINCT break_id FROM recon.alerts")} >= set(breaks)
