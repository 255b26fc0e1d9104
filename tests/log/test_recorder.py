"""The recorder's promises on a real Postgres: in order, once, under the lease, whatever happens to the connection."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
import trio
import trio.testing

from recon.db.embedded.server import EmbeddedPostgres
from recon.db.migrate import migrate
from recon.db.roles import OWNER, SERVICE
from recon.errors import LeaseLost, Overrun
from recon.log import recorder as recorders
from recon.log.handover import Handover
from recon.log.lease import Lease
from tests.conftest import UNSAFE_BUT_FAST, TestDatabase
from tests.support.recorder_probe import (
    GATEWAY,
    LOCK_GATEWAY,
    PATIENCE,
    Recording,
    connected,
    frames_of,
    holder,
    log_of,
    running,
    terminate,
)
from tests.support.tcp_proxy import proxy

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

#: A virtual clock's beginning, well before the database's own time.
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def numbered(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


def ticks_of(database: TestDatabase) -> list[object]:
    """Return the ticks' payloads. Under a virtual clock the database's clock seems to jump, which is logged too."""
    return [json.loads(payload) for _, kind, payload in log_of(database.service_url) if kind == "tick"]


async def test_what_waits_is_appended_in_order_in_as_few_batches_as_may_be(database: TestDatabase) -> None:
    recording = Recording(database.service_url, batch_events=1000)
    recording.put(*numbered(1, 2500))
    async with running(recording):
        await recording.until_landed(2500)
        assert recording.heads == [1000, 2000, 2500]
        recording.put("idle")
        await recording.until_landed(2501)
    assert frames_of(database.service_url) == [*numbered(1, 2500), "idle"]
    assert recording.statuses[-1].state == "stopped"


async def test_frames_that_keep_coming_share_a_commit(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorders, "REST_TIMES", 1e12)
    monkeypatch.setattr(recorders, "REST_SECONDS", 1e6)
    async with running(Recording(database.service_url)) as recording:
        recording.put("1")
        await recording.until_landed(1)
        recording.put("2")
        await trio.testing.wait_all_tasks_blocked()
        recording.put("3")
        await trio.testing.wait_all_tasks_blocked()
        assert recording.heads == [1]
    assert recording.heads == [1, 3]
    assert frames_of(database.service_url) == numbered(1, 3)


async def test_many_frames_do_not_wait_for_more(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorders, "REST_TIMES", 1e12)
    monkeypatch.setattr(recorders, "REST_SECONDS", 1e6)
    recording = Recording(database.service_url, batch_events=recorders.MANY_EVENTS)
    recording.put(*numbered(1, 2 * recorders.MANY_EVENTS + 1))
    async with running(recording):
        await recording.until_landed(2 * recorders.MANY_EVENTS)
        await trio.testing.wait_all_tasks_blocked()
        assert recording.recorder.waiting_events == 1
    assert recording.heads[-1] == 2 * recorders.MANY_EVENTS + 1


async def test_a_drain_appends_what_waits_before_the_lease_is_given_back(database: TestDatabase) -> None:
    async with running(Recording(database.service_url)) as recording:
        recording.put(*numbered(1, 3000))
    assert len(frames_of(database.service_url)) == 3000
    other = Lease(database.service_url, GATEWAY, uuid4(), "second")
    assert other.try_acquire()
    other.close()


async def test_a_drain_has_a_bound_and_says_what_it_could_not_append(database: TestDatabase) -> None:
    recording = Recording(database.service_url, drain_seconds=0.5)
    async with running(recording):
        recording.put("there")
        await recording.until_landed(1)
        with connected(database.owner_url) as raw, raw.transaction():
            raw.execute(LOCK_GATEWAY)
            recording.put("late", "later")
            recording.recorder.finish()
            with trio.fail_after(PATIENCE):
                await recording.until_state("stopped")
    assert recording.recorder.waiting_events == 2
    assert "2 events" in recording.statuses[-1].detail
    assert frames_of(database.service_url) == ["there"]


async def test_a_batch_whose_backend_is_terminated_in_mid_flight_lands_once(database: TestDatabase) -> None:
    async with running(Recording(database.service_url)) as recording:
        recording.put("1")
        await recording.until_landed(1)
        with connected(database.owner_url) as raw, raw.transaction():
            raw.execute(LOCK_GATEWAY)
            recording.put("2", "3")
            await _until_waiting(database)
            await trio.to_thread.run_sync(terminate, database.superuser_url, holder(database.superuser_url))
        recording.put("4")
        await recording.until_landed(4)
    assert frames_of(database.service_url) == numbered(1, 4)
    assert "reconnecting" in recording.states()


async def test_a_batch_whose_answer_was_lost_lands_once(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "APPEND_SECONDS", 1.0)
    handover = Handover()
    async with (
        proxy(database.service_url) as between,
        running(Recording(between.url, handover=handover)) as recording,
    ):
        recording.put("1")
        await recording.until_landed(1)
        with connected(database.owner_url) as raw, raw.transaction():
            raw.execute(LOCK_GATEWAY)
            recording.put("2", "3")
            await _until_waiting(database)
            between.mute()
        # The old backend commits now, but nobody hears of it; it still holds the lease.
        await recording.until_landed(3)
        handed = handover.after(0)
        assert handed is not None
        assert [event.payload for event in handed.events] == [b"1", b"2", b"3"]
        assert [seq for seq, _, _ in log_of(database.service_url)] == [1, 2, 3]
        recording.put("4")
        await recording.until_landed(4)
    assert frames_of(database.service_url) == numbered(1, 4)


async def test_a_backend_cut_off_before_it_could_commit_does_not_double_the_batch(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "APPEND_SECONDS", 0.3)
    async with proxy(database.service_url) as between, running(Recording(between.url)) as recording:
        recording.put("1")
        await recording.until_landed(1)
        with connected(database.owner_url) as raw, raw.transaction():
            raw.execute(LOCK_GATEWAY)
            recording.put("2", "3")
            await _until_waiting(database)
            between.mute()
            await recording.until_state("reconnecting")
        await recording.until_landed(3)
    assert frames_of(database.service_url) == numbered(1, 3)


async def test_one_that_stands_by_takes_over_when_the_first_ends(database: TestDatabase) -> None:
    first, second = Recording(database.service_url), Recording(database.service_url, instance="second")
    async with trio.open_nursery() as nursery:
        async with running(first):
            first.put("1")
            await first.until_landed(1)
            nursery.start_soon(second.recorder.stand_by)
            await second.until_state("standby")
            assert "records this gateway: first, login recon_service, since 2" in second.statuses[-1].detail
        await second.until_state("recording")
    assert second.recorder.figures()["head_seq"] == 1
    second.put("2")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(second.recorder.run)
        await second.until_landed(2)
        second.recorder.finish()
    assert frames_of(database.service_url) == ["1", "2"]


async def test_a_lease_that_another_took_is_lost(database: TestDatabase) -> None:
    recording = Recording(database.service_url)
    other = Lease(database.service_url, GATEWAY, uuid4(), "second")
    lost: list[BaseException] = []
    try:
        async with running(recording):
            recording.put("1")
            await recording.until_landed(1)
            await trio.to_thread.run_sync(terminate, database.superuser_url, holder(database.superuser_url))
            # It has not noticed yet: it has had nothing to append.
            assert other.try_acquire()
            recording.put("2")
            await trio.sleep_forever()
    except* LeaseLost as group:
        lost.extend(group.exceptions)
    assert len(lost) == 1
    assert "'g': second, login recon_service, since 2" in str(lost[0])
    assert frames_of(database.service_url) == ["1"]
    # The other one is not ours, so it is left alone.
    assert other.log_state().head == 1
    other.close()


async def test_log_time_passes_by_ticks_and_faster_while_something_is_pending(
    database: TestDatabase, autojump_clock: trio.testing.MockClock
) -> None:
    began = trio.current_time()
    now = lambda: START + timedelta(seconds=trio.current_time() - began)  # noqa: E731 - a clock
    pending = False
    recording = Recording(database.service_url, inline=True, now=now, pending=lambda: pending)
    async with running(recording):
        recording.heartbeats.note("KRAKEN/JOHN", START, START - timedelta(milliseconds=5), began)
        recording.heartbeats.note("KRAKEN/JOHN", START + timedelta(seconds=1), None, began + 1.0)
        await trio.sleep(35)
        assert len(ticks_of(database)) == 3
        pending = True
        await trio.sleep(10)
        assert 9 <= len(ticks_of(database)) - 3 <= 11
        pending = False
    with connected(database.service_url) as raw:
        rows = raw.execute("SELECT recorded_at FROM recon_store.log_events WHERE kind = 'tick' ORDER BY seq").fetchall()
    assert [round((row[0] - START).total_seconds()) for row in rows[:3]] == [10, 20, 30]
    last_us = int((START + timedelta(seconds=1)).timestamp()) * 10**6
    beats = {"KRAKEN/JOHN": {"last_us": last_us, "count": 2, "lag_us": None}}
    assert ticks_of(database)[:2] == [{"heartbeats": beats}, {"heartbeats": {}}]


async def test_ticks_come_among_frames_too(database: TestDatabase, autojump_clock: trio.testing.MockClock) -> None:
    recording = Recording(database.service_url, inline=True)
    async with running(recording):
        for number in range(25):
            recording.put(str(number))
            await trio.sleep(1)
    kinds = [kind for _, kind, _ in log_of(database.service_url)]
    assert kinds.count("tick") == 2
    assert len(frames_of(database.service_url)) == 25


async def test_rules_are_recorded_first_and_only_when_they_change(database: TestDatabase) -> None:
    for rules in (b'{"a":1}', b'{"a":1}', b'{"a":2}', b'{"a":1}'):
        recording = Recording(database.service_url, rules=rules)
        recording.put("frame")
        async with running(recording):
            pass
    kinds = [(kind, payload) for _, kind, payload in log_of(database.service_url)]
    frame = ("frame", b"frame")
    assert kinds == [
        ("rules", b'{"a":1}'), frame, frame, ("rules", b'{"a":2}'), frame, ("rules", b'{"a":1}'), frame
    ]  # fmt: skip


async def test_frames_wait_while_the_database_is_away_until_the_buffer_is_full(
    server_dir: Path, postgres_binaries: Path | None
) -> None:
    with EmbeddedPostgres(server_dir, postgres_binaries, options=UNSAFE_BUT_FAST, sync=False) as server:
        migrate(server.url(OWNER))
        url = server.url(SERVICE)
        recording = Recording(url, max_bytes=40_000)
        async with running(recording):
            recording.put(*numbered(1, 3))
            await recording.until_landed(3)
            pid = server.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            # A backend outlives the server's own death for a moment, and may still append.
            sent = 3
            while recording.states()[-1] != "reconnecting":
                sent += 1
                recording.put(str(sent))
                await trio.sleep(0.02)
            with suppress(Overrun):
                while True:
                    recording.put(str(sent + 1))
                    sent += 1
            assert recording.recorder.waiting_events >= 100
            assert 39_000 < recording.recorder.figures()["waiting_bytes"] <= 41_000
            await trio.to_thread.run_sync(server.start)
            await recording.until_landed(sent)
        assert frames_of(url) == numbered(1, sent)


async def test_a_refused_batch_waits_until_it_is_taken(database: TestDatabase) -> None:
    recording = Recording(database.service_url)
    recording.put("1")
    with connected(database.owner_url) as raw:
        raw.execute("ALTER TABLE recon_store.log_events ADD CONSTRAINT no_ones CHECK (payload <> '1')")
        async with running(recording):
            await recording.until_state("refused")
            assert "no_ones" in recording.statuses[-1].detail
            raw.execute("ALTER TABLE recon_store.log_events DROP CONSTRAINT no_ones")
            await recording.until_landed(1)
    assert frames_of(database.service_url) == ["1"]


async def test_log_time_advances_while_clocks_are_set(
    database: TestDatabase, autojump_clock: trio.testing.MockClock
) -> None:
    began, ahead = trio.current_time(), timedelta()

    def now() -> datetime:
        return START + ahead + timedelta(seconds=trio.current_time() - began)

    recording = Recording(database.service_url, inline=True, now=now, pending=lambda: True)
    async with running(recording):
        await trio.sleep(20)
        ahead = timedelta(hours=1)
        await trio.sleep(20)
        ahead = timedelta()
        recording.heartbeats.note("KRAKEN/JOHN", now(), now(), trio.current_time())
        await trio.sleep(300)
        recording.put("late")
    with connected(database.service_url) as raw:
        rows = raw.execute("SELECT recorded_at, kind, payload FROM recon_store.log_events ORDER BY seq").fetchall()
    passed = [(later[0] - earlier[0]).total_seconds() for earlier, later in pairwise(rows)]
    assert [seconds for seconds in passed if seconds > 2] == pytest.approx([3601], abs=1)
    assert (rows[-1][0] - START).total_seconds() == pytest.approx(3600 + 340, abs=5)
    jumps = [json.loads(payload) for _, kind, payload in rows if kind == "clock.jumped"]
    assert [(jump["clock"], round((jump["to_us"] - jump["from_us"]) / 1e6)) for jump in jumps] == [
        ("machine", 3600), ("machine", -3600)
    ]  # fmt: skip
    # A heartbeat is told in log time: as old as it is by steady time, and its lag is that of the message.
    (beat,) = [json.loads(payload)["heartbeats"] for _, kind, payload in rows if b"KRAKEN" in payload]
    tick = next(at for at, _, payload in rows if b"KRAKEN" in payload)
    assert abs(int(tick.timestamp() * 1_000_000) - beat["KRAKEN/JOHN"]["last_us"]) <= 2_000_000
    assert beat["KRAKEN/JOHN"]["lag_us"] == pytest.approx(3_600_000_000, abs=2_000_000)


async def test_the_lease_ends_by_itself(database: TestDatabase) -> None:
    lease = Lease(database.service_url, GATEWAY, uuid4(), "first")
    assert lease.try_acquire()
    assert lease._connection is not None
    for name, value in (("idle_session_timeout", "30s"), ("idle_in_transaction_session_timeout", "15s")):
        assert lease._connection.execute(f"SHOW {name}").fetchone() == (value,)
    lease.close()
    again = Lease(database.service_url, GATEWAY, uuid4(), "second")
    with trio.fail_after(PATIENCE):
        while not again.try_acquire():  # noqa: ASYNC110 - the end of a backend has no event
            await trio.sleep(0.01)
    again.close()


async def _until_waiting(database: TestDatabase) -> None:
    """Wait until somebody in this database waits for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with connected(database.superuser_url) as raw, trio.fail_after(PATIENCE):
        while True:
            row = raw.execute(query).fetchone()
            if row is not None and row[0]:
                return
            await trio.sleep(0.01)
