"""The whole service as probes and Prometheus see it: who records, who stands by, and what is wrong."""

from __future__ import annotations

import shutil
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import httpx
import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError
from sqlalchemy import Connection, Engine, text
from trio.testing import MockClock

from recon.alerts import delivery_store, signal_store
from recon.backup.last import LastBackup
from recon.config import Settings
from recon.config.monitoring import Monitoring
from recon.db.engine import create_engine
from recon.errors import DatabaseError
from recon.meters import RoutingMeter
from recon.reconciliation.model.lifecycle import ACTIVE
from recon.service import stored_figures
from recon.service.exposition import Snapshot, metrics_of
from recon.service.families import FAMILIES
from recon.service.stored_figures import FiguresCache, Reading, StoredFigures, Waiting, read_figures
from recon.simulator.scenarios import clean_plan, demo_plan, plan_settings
from tests.conftest import TestDatabase
from tests.service.test_serving import ask, serving, simulated
from tests.support.alert_rows import Step
from tests.support.database_days import write_day

#: Seconds after which a wait is given up; a bound on hanging, not on speed.
PATIENCE = 150.0

T = TypeVar("T")
#: The value of each series, by its name and labels.
Series = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Probe:
    """A client of the monitoring listener."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"

    async def ask(self, path: str, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self._base, timeout=60.0) as http:
            return await http.get(path, headers=headers)

    async def until(self, path: str, true: Callable[[httpx.Response], object]) -> httpx.Response:
        """Ask, every now and then, until the answer is as wanted."""
        with trio.fail_after(PATIENCE):
            while True:
                try:
                    answer = await self.ask(path)
                except httpx.TransportError:
                    pass
                else:
                    if true(answer):
                        return answer
                await trio.sleep(0.1)

    async def until_series(self, name: str, least: float, **labels: str) -> None:
        """Ask, every now and then, until a series is not below a value."""
        with trio.fail_after(PATIENCE):
            while value(await self.series(), name, **labels) < least:  # noqa: ASYNC110 - another process counts
                await trio.sleep(0.1)

    async def series(self) -> Series:
        answer = await self.ask("/metrics")
        assert answer.status_code == 200
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }


@asynccontextmanager
async def monitored(document: Mapping[str, object], database: TestDatabase) -> AsyncIterator[Probe]:
    port = free_port()
    settings = Settings.model_validate({**document, "monitoring": {"listen": f"127.0.0.1:{port}"}})
    async with serving(settings, database):
        yield Probe(port)


def value(series: Series, name: str, **labels: str) -> float:
    return series[name, tuple(sorted(labels.items()))]


@pytest.mark.postgres
@pytest.mark.trio
async def test_one_records_the_other_stands_by_and_both_are_ready(database: TestDatabase) -> None:
    plan = clean_plan(7, duration=4.0, fills_per_second=0.7)
    async with simulated(plan) as urls:
        channel = {"webhooks": {"ops": {"url": "http://127.0.0.1:9/", "secret": "whsec_c2VjcmV0IG9mIHRoZSB3ZWJob29r"}}}
        document = {**plan_settings(plan, urls), **channel}
        async with monitored(document, database) as first:
            await first.until("/readyz", lambda answer: answer.json()["recording"] == ["sim"])
            async with monitored(document, database) as second:
                standby = (await second.until("/readyz", lambda answer: answer.status_code == 200)).json()
                assert (standby["standby"], standby["recording"], standby["reasons"]) == (["sim"], [], [])
                assert value(await second.series(), "recon_lease_held", gateway="sim") == 0
                assert value(await second.series(), "recon_gateway_recorded", gateway="sim") == 1
            await first.until_series("recon_log_frames_total", 20, gateway="sim")
            await first.until_series("recon_fold_step_events_sum", 20, gateway="sim")
            alive = await first.ask("/livez")
            assert (alive.status_code, alive.json()) == (200, {"alive": True, "reasons": []})
            await said_in_metrics(first)


async def said_in_metrics(probe: Probe) -> None:
    """Check what the metrics of a service say that records a gateway and folds it."""
    series = await probe.series()
    names = {name for name, _ in series}
    told = {each for family in FAMILIES.values() for each in family.series}
    names |= {"recon_backup_ok", "recon_backup_age_seconds"}  # of an embedded server alone
    assert told <= names, f"documented, and not there: {sorted(told - names)}"
    assert {name for name in names if name.startswith("recon_")} <= told, "there, and not documented"
    of = partial(value, series, gateway="sim")
    assert of("recon_gateway_connected") == of("recon_lease_held") == of("recon_lease_taken_total") == 1
    assert of("recon_log_frames_total") >= 20
    assert of("recon_log_batch_events_sum") >= of("recon_log_frames_total"), "each frame is an event"
    assert of("recon_log_batch_events_count") == of("recon_log_append_seconds_count") >= 1
    assert of("recon_log_append_seconds_sum") > 0
    assert of("recon_fold_cpu_seconds_total") > 0
    assert of("recon_fold_step_events_sum") <= of("recon_log_batch_events_sum")
    assert 0 <= of("recon_fold_lag_events") < 1000
    assert value(series, "recon_ready") == value(series, "recon_alive") == value(series, "recon_database_up") == 1
    assert value(series, "recon_delivery_attempts_total", channel="webhook:ops", outcome="delivered") >= 0
    for state in ACTIVE:
        assert of("recon_breaks", state=state) == 0
    labels = {key for _, pairs in series for key, _ in pairs}
    expected = {"gateway", "part", "channel", "outcome", "state", "verdict", "coverage", "le", "version"}
    assert labels <= expected, "no account, unit or id"


@pytest.mark.postgres
@pytest.mark.trio
async def test_promtool_finds_nothing_to_say(database: TestDatabase) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here")
    async with monitored({"gateways": {"dead": {"urls": ["ws://127.0.0.1:1/"]}}}, database) as probe:
        await probe.until("/readyz", lambda answer: answer.status_code == 200)
        said = (await probe.ask("/metrics")).text
        opened = await probe.ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    checked = await trio.run_process(
        [promtool, "check", "metrics"], stdin=said.encode(), capture_stdout=True, capture_stderr=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    assert opened.headers["content-type"].startswith("application/openmetrics-text")
    assert opened.text.endswith("# EOF\n")


@pytest.mark.postgres
@pytest.mark.trio
async def test_a_gateway_that_is_down_is_noted_and_no_other_method_is_answered(database: TestDatabase) -> None:
    async with monitored({"gateways": {"dead": {"urls": ["ws://127.0.0.1:1/"]}}}, database) as probe:

        def noted(answer: httpx.Response) -> list[dict[str, str]]:
            return [each for each in answer.json()["notes"] if each["part"] == "consumer"]

        answer = await probe.until("/readyz", lambda answer: answer.status_code == 200 and noted(answer))
        assert "no session with the gateway" in noted(answer)[0]["why"]
        assert answer.headers["cache-control"] == "no-store"
        series = await probe.series()
        assert value(series, "recon_gateway_connected", gateway="dead") == 0
        async with httpx.AsyncClient() as http:
            for path in ("/livez", "/readyz", "/metrics"):
                assert (await http.post(probe._base + path)).status_code == 405


def open_to_all(administration: Engine, name: str, *, wanted: bool) -> None:
    """Let a database be connected to, or end and refuse all connections."""
    with administration.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {wanted}"))
        if not wanted:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            connection.execute(text(ended), {"name": name})


@pytest.fixture
def administration(_administration: Engine) -> Engine:
    return _administration


@pytest.mark.postgres
@pytest.mark.trio
async def test_a_database_that_is_away_makes_unready_and_not_dead(
    database: TestDatabase, administration: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_figures, "KEEP_SECONDS", 0.0)
    opens = partial(open_to_all, administration, database.name)
    async with monitored({"gateways": {"dead": {"urls": ["ws://127.0.0.1:1/"]}}}, database) as probe:
        await probe.until("/readyz", lambda answer: answer.status_code == 200)
        await trio.to_thread.run_sync(partial(opens, wanted=False))
        try:
            answer = await probe.until("/readyz", lambda answer: len(answer.json()["reasons"]) == 2)
            assert answer.status_code == 503
            reasons = {each["part"]: each for each in answer.json()["reasons"]}
            assert reasons["projector"]["state"] == "retrying"
            assert reasons["recorder"]["state"] == "reconnecting"
            assert reasons["projector"]["gateway"] == "dead"
            assert (await probe.ask("/livez")).status_code == 200, "a restart mends nothing"
            series = await probe.series()
            assert value(series, "recon_ready") == value(series, "recon_database_up") == 0
            assert value(series, "recon_alive") == 1
            assert not [key for key in series if key[0] == "recon_breaks"], "old figures are not shown as new ones"
        finally:
            await trio.to_thread.run_sync(partial(opens, wanted=True))
        await probe.until("/readyz", lambda answer: answer.status_code == 200)


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


@pytest.mark.postgres
def test_the_stored_figures_are_what_the_views_say(database: TestDatabase, engine: Engine) -> None:
    write_day(database.service_url, demo_plan(7, 30.0))
    with engine.begin() as connection:
        figures = read_figures(connection, ["prod-eu", "prod-us", "never"])
    for counts, query in (
        (figures.breaks, "SELECT gateway, state, count(*) FROM recon.open_breaks GROUP BY 1, 2"),
        (figures.accounts, "SELECT gateway, state, count(*) FROM recon.accounts GROUP BY 1, 2"),
        (figures.findings, "SELECT gateway, '', count(*) FROM recon.findings GROUP BY 1, 2"),
    ):
        expected = {(gateway, state): number for gateway, state, number in ask(database, query)}
        assert {key: number for key, number in counts.items() if number} == expected
    units = "SELECT gateway, verdict FROM recon.balances UNION ALL SELECT gateway, verdict FROM recon.positions"
    assert dict(figures.units) == Counter((str(gateway), str(verdict)) for gateway, verdict in ask(database, units))
    assert sum(figures.breaks.values()) > 0
    positions = {
        str(name): (head, folded)
        for name, head, folded in ask(database, "SELECT name, head_seq, projected_seq FROM recon.gateways")
    }
    assert {name: (each.head_seq, each.projected_seq) for name, each in figures.gateways.items()} == positions


@pytest.mark.postgres
def test_what_waits_is_counted_with_the_age_of_the_oldest(database: TestDatabase, engine: Engine) -> None:
    steps = [Step(), Step(event="cleared", seq=130)]
    with engine.begin() as connection:
        signal_store.append(connection, [each.signal() for each in steps])
        delivery_store.enqueue(connection, [steps[0].delivery("webhook:ops")])
        old = "created_at = now() - interval '90 s'"
        connection.execute(text(f"UPDATE recon_store.signals SET {old} WHERE number = 1"))  # noqa: S608 - our own
        connection.execute(text(f"UPDATE recon_store.deliveries SET {old}"))  # noqa: S608 - the same
        figures = read_figures(connection, ["g"])
    assert figures.signals.number == 2
    assert 90 <= figures.signals.oldest_seconds < 90 + PATIENCE
    assert list(figures.deliveries) == ["webhook:ops"]
    assert figures.deliveries["webhook:ops"].number == 1
    assert 90 <= figures.deliveries["webhook:ops"].oldest_seconds < 90 + PATIENCE


def test_the_last_backup_is_told_where_one_is_wanted() -> None:
    for last, expected in (
        (None, {}),
        (LastBackup(None, None, "there is none"), {"recon_backup_ok": 0.0}),
        (
            LastBackup("b", timedelta(hours=30), "it is old"),
            {"recon_backup_ok": 0.0, "recon_backup_age_seconds": 108_000.0},
        ),
        (LastBackup("b", timedelta(hours=1), None), {"recon_backup_ok": 1.0, "recon_backup_age_seconds": 3600.0}),
    ):
        empty = Snapshot(
            "1", True, True, [], {}, {}, RoutingMeter(), {}, Reading(None, 0.0, 0.0), last, 0.0
        )  # fmt: skip
        found = {each.name: each.samples[0].value for each in metrics_of(empty) if "backup" in each.name}
        assert found == expected


class Slow:
    """A database that takes its time, or is away."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.readings = 0
        self.away = False

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:  # noqa: ARG002 - it is no database
        self.readings += 1
        await trio.sleep(self.seconds)
        if self.away:
            raise DatabaseError("it is away")
        return cast("T", EMPTY)


EMPTY = StoredFigures({}, {}, {}, {}, {}, {}, Waiting(), 20_000_000)


@pytest.mark.trio
async def test_many_askers_share_one_reading(autojump_clock: MockClock) -> None:
    database = Slow(0.1)
    cache = FiguresCache(database, ["g"])
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(cache.latest)
    assert database.readings == 1
    await trio.sleep(stored_figures.KEEP_SECONDS + 0.1)
    await cache.latest()
    assert database.readings == 2


@pytest.mark.trio
async def test_slow_readings_get_their_share_and_no_more(autojump_clock: MockClock) -> None:
    database = Slow(2.0)
    cache = FiguresCache(database, ["g"])
    began = trio.current_time()
    while trio.current_time() - began < 3600:
        await cache.latest()
        await trio.sleep(5)
    assert database.readings * 2.0 <= 3600 * stored_figures.SHARE + 2.0


@pytest.mark.trio
async def test_a_reading_that_fails_leaves_nothing_and_is_soon_tried_again(autojump_clock: MockClock) -> None:
    database = Slow(1.0)
    cache = FiguresCache(database, ["g"])
    assert (await cache.latest()).figures is EMPTY
    database.away = True
    await trio.sleep(60)
    assert (await cache.latest()).figures is None
    database.away = False
    await trio.sleep(stored_figures.KEEP_SECONDS + 0.1)
    assert (await cache.latest()).figures is EMPTY


@pytest.mark.parametrize("listen", ["nowhere", "http://127.0.0.1:1", "127.0.0.1"])
def test_an_address_that_is_none_is_refused(listen: str) -> None:
    with pytest.raises(ValidationError, match="host and a port"):
        Monitoring(listen=listen)


def test_beyond_this_machine_plain_http_is_allowed_for_it_tells_no_secret() -> None:
    assert Monitoring(listen="0.0.0.0:9464").listen == "0.0.0.0:9464"
    with pytest.raises(ValidationError, match="belong together"):
        Monitoring(listen="127.0.0.1:1", certificate_file=Path("web.pem"))
