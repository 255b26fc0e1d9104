"""A real Alertmanager, killed in the middle: nothing ends falsely there, and every end arrives."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import trio

from recon.alerts.channels import asserting, level
from recon.alerts.channels.alertmanager import AlertmanagerSender
from recon.alerts.channels.asserting import Assertion
from recon.alerts.channels.hearing import Hearing
from recon.alerts.channels.level import OpenAlert
from recon.alerts.policy.rules import Policy, Route
from recon.config import Alertmanager as Settings
from recon.status import StatusReporter
from tests.support.level_receivers import OpenSet, case
from tests.support.webhook_receiver import Receiver, receiver

pytestmark = pytest.mark.slow

BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
#: Longest wait for anything to happen, in seconds.
PATIENCE = 60.0
CONFIG = """
route: {receiver: people, group_by: [alertname, case], group_wait: 500ms, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: people, webhook_configs: [{url: "URL", send_resolved: true}]}]
"""


def real_now() -> datetime:
    return datetime.now(UTC)


class Alertmanager:
    """A process of the real program, with one port and one directory over its lives."""

    def __init__(self, place: Path, people: Receiver) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._place = place
        (place / "config.yml").write_text(CONFIG.replace("URL", people.url), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [
            str(BINARY),
            f"--config.file={self._place / 'config.yml'}",
            f"--storage.path={self._place / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]
        with (self._place / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def shown(self) -> set[str]:
        """Return the cases that it shows as active; nothing while it does not answer."""
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                answer = await client.get(f"{self.url}/api/v2/alerts")
            except httpx.TransportError:
                return set()
        return {alert["labels"].get("case", alert["labels"]["alertname"]) for alert in answer.json()}


@pytest.fixture
def people() -> Iterator[Receiver]:
    with receiver() as state:
        yield state


@pytest.fixture
def there_is_one(tmp_path: Path, people: Receiver) -> Iterator[Alertmanager]:
    if BINARY is None:
        pytest.skip("no Alertmanager is installed")
    made = Alertmanager(tmp_path, people)
    made.start()
    yield made
    made.kill()


@asynccontextmanager
async def telling(there: Alertmanager, database: OpenSet, client: httpx.AsyncClient) -> AsyncIterator[None]:
    table = Settings.model_validate({"url": there.url, "every": "5s", "watchdog": False})
    assertion = Assertion(
        database,
        AlertmanagerSender("ops", table, client, real_now),
        gateways=["prod-eu"],
        hearing=Hearing("alertmanager:ops", Policy((), (Route("all", ()),))),
        now=real_now,
        draw=lambda: 1.0,
        status=StatusReporter(real_now),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(assertion.run)
        yield
        nursery.cancel_scope.cancel()


async def until(true: Callable[[], bool]) -> None:
    with trio.fail_after(PATIENCE):
        while not true():  # noqa: ASYNC110 - the other process has no event of ours
            await trio.sleep(0.05)


async def until_shown(there: Alertmanager, cases: set[str]) -> None:
    with trio.fail_after(PATIENCE):
        while await there.shown() != cases:  # noqa: ASYNC110
            await trio.sleep(0.05)


def told(people: Receiver) -> list[tuple[str, str]]:
    """Return what people were told: each notification's status and case."""
    found = [json.loads(received.body) for received in list(people.received)]
    return [(body["status"], body["groupLabels"].get("case", "")) for body in found]


@pytest.fixture
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asserting, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(asserting, "FIRST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(asserting, "LAST_PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(level, "RESOLVE_EVERY", timedelta(seconds=2))


@pytest.mark.usefixtures("_fast")
@pytest.mark.trio
async def test_one_that_is_killed_shows_again_what_is_open(
    there_is_one: Alertmanager, people: Receiver, client: httpx.AsyncClient
) -> None:
    database = OpenSet([opened("a"), opened("b")])
    async with telling(there_is_one, database, client):
        await until_shown(there_is_one, {"a", "b"})
        await until(lambda: {("firing", "a"), ("firing", "b")} <= set(told(people)))
        there_is_one.kill()
        there_is_one.start()
        await until_shown(there_is_one, {"a", "b"})
        database.alerts = [opened("a")]
        await until(lambda: ("resolved", "b") in told(people))
        await until_shown(there_is_one, {"a"})
    assert ("resolved", "a") not in told(people)


@pytest.mark.usefixtures("_fast")
@pytest.mark.trio
async def test_an_end_while_it_is_dead_or_right_after_it_was_killed_arrives(
    there_is_one: Alertmanager, people: Receiver, client: httpx.AsyncClient
) -> None:
    database = OpenSet([opened("a"), opened("b")])
    async with telling(there_is_one, database, client):
        await until(lambda: {("firing", "a"), ("firing", "b")} <= set(told(people)))
        there_is_one.kill()
        database.alerts = [opened("b")]
        await trio.sleep(1)
        there_is_one.start()
        database.alerts = []
        await until(lambda: {("resolved", "a"), ("resolved", "b")} <= set(told(people)))
        await until_shown(there_is_one, set())


@pytest.mark.usefixtures("_fast")
@pytest.mark.trio
async def test_what_is_open_outlasts_its_own_end_many_times(
    there_is_one: Alertmanager, people: Receiver, client: httpx.AsyncClient
) -> None:
    """Every 5 s it is told open for another 20 s: over 25 s nobody is told that it ended."""
    database = OpenSet([opened("a")])
    async with telling(there_is_one, database, client):
        await until(lambda: ("firing", "a") in told(people))
        await trio.sleep(25)
        assert await there_is_one.shown() == {"a"}
    assert told(people) == [("firing", "a")]


def opened(name: str) -> OpenAlert:
    return case(name, began_at=real_now() - timedelta(minutes=10))
