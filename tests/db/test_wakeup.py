"""Notifications arrive, survive a lost connection, and cost nothing while nothing happens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import psycopg
import pytest
import structlog.testing
import trio
from psycopg.rows import TupleRow
from sqlalchemy import Engine, text
from trio.abc import ReceiveChannel

from recon.db import wakeup
from recon.db.engine import create_engine
from tests.conftest import TestDatabase
from tests.support.tcp_proxy import proxy

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

SOON = 20.0
Received = ReceiveChannel[tuple[str, str]]


@pytest.fixture
def admin(database: TestDatabase) -> Iterator[Engine]:
    engine = create_engine(database.superuser_url, "test", pooled=False)
    yield engine
    engine.dispose()


def notify(engine: Engine, channel: str, payload: str) -> None:
    with engine.begin() as conn:
        conn.execute(text("SELECT pg_notify(:c, :p)"), {"c": channel, "p": payload})


@asynccontextmanager
async def listening(url: str, *channels: str) -> AsyncIterator[tuple[Received, trio.MemoryReceiveChannel[None]]]:
    """Run a listener, once it stands; give what it receives, and each time that it stands again."""
    send, received = trio.open_memory_channel[tuple[str, str]](100)
    stands, stood = trio.open_memory_channel[None](100)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            partial(
                wakeup.listen,
                url,
                channels,
                lambda channel, payload: send.send_nowait((channel, payload)),
                lambda: stands.send_nowait(None),
            )
        )
        with trio.fail_after(SOON):
            await stood.receive()
        yield received, stood
        nursery.cancel_scope.cancel()


async def test_receives_what_is_notified_on_its_channels(database: TestDatabase, admin: Engine) -> None:
    async with listening(database.service_url, "recon_events", "Odd Channel") as (received, _):
        notify(admin, "other", "not for us")
        notify(admin, "recon_events", "prod-eu")
        notify(admin, "Odd Channel", "")
        with trio.fail_after(SOON):
            assert await received.receive() == ("recon_events", "prod-eu")
            assert await received.receive() == ("Odd Channel", "")


async def test_is_established_again_after_its_backend_was_ended(database: TestDatabase, admin: Engine) -> None:
    async with listening(database.service_url, "recon_events") as (received, stood):
        with admin.begin() as conn:
            ended = conn.scalars(
                text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE application_name = 'recon listener' AND datname = :name"
                ),
                {"name": database.name},
            ).all()
        assert ended == [True]
        with trio.fail_after(SOON):
            await stood.receive()
            notify(admin, "recon_events", "again")
            assert await received.receive() == ("recon_events", "again")


async def test_a_silent_connection_is_checked_and_goes_on(
    database: TestDatabase, admin: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeup, "CHECK_SECONDS", 0.02)
    answered, answers = trio.open_memory_channel[None](1000)
    real = wakeup._check

    async def counted(conn: psycopg.Connection[TupleRow]) -> None:
        await real(conn)
        answered.send_nowait(None)

    monkeypatch.setattr(wakeup, "_check", counted)
    async with listening(database.service_url, "recon_events") as (received, stood):
        with trio.fail_after(SOON):
            for _ in range(5):
                await answers.receive()
            notify(admin, "recon_events", "still here")
            assert await received.receive() == ("recon_events", "still here")
        with pytest.raises(trio.WouldBlock):
            stood.receive_nowait()


async def test_a_server_that_says_nothing_any_more_is_left(
    database: TestDatabase, admin: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeup, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(wakeup, "ANSWER_SECONDS", 0.5)
    async with (
        proxy(database.service_url) as between,
        listening(between.url, "recon_events") as (received, stood),
    ):
        between.mute()
        with trio.fail_after(SOON):
            await stood.receive()
            notify(admin, "recon_events", "heard again")
            assert await received.receive() == ("recon_events", "heard again")


async def test_backs_off_while_there_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0
    real = wakeup._connect

    def counted(url: str, channels: Sequence[str]) -> psycopg.Connection[TupleRow]:
        nonlocal attempts
        attempts += 1
        if attempts == 4:
            trio.from_thread.run_sync(scope.cancel)
        return real(url, channels)

    monkeypatch.setattr(wakeup, "_connect", counted)
    with trio.fail_after(SOON), trio.CancelScope() as scope, structlog.testing.capture_logs() as logged:
        await wakeup.listen("postgresql://x@127.0.0.1:1/x", ["recon_events"], lambda _c, _p: None)
    assert [entry["again_in"] for entry in logged][:3] == pytest.approx([0.1, 0.2, 0.4])
