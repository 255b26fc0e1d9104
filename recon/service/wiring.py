"""The one composition root: the parts of the service, and how they are bound together (architecture 3)."""

from __future__ import annotations

import os
import random  # noqa: TID251  # backoff jitter
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import uuid4

import structlog
import trio
from sqlalchemy import Connection

from recon.alerts import outbox
from recon.alerts.break_alert import Alert, alerts_of
from recon.alerts.channels import Sender, configured_channels, open_senders
from recon.alerts.dispatcher import Dispatcher
from recon.alerts.refused import RefusedAlert, refused_alert
from recon.clock import utc_now
from recon.config import Settings
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.engine import POOL_CONNECTIONS, create_engine
from recon.db.resolve import DatabaseHandle
from recon.db.transactions import Database, ThreadedDatabase
from recon.db.wakeup import listen
from recon.log.hints import LOG_CHANNEL
from recon.projection.fold import DecodedEvent
from recon.projection.step import OnTransitions
from recon.projection.working_set import WorkingSet
from recon.reconciliation.model.snapshot import Transition
from recon.service.pipeline import GatewayPipeline
from recon.service.status import SERVICE, StatusBoard
from recon.service.status_store import publish, publish_once
from recon.service.supervisor import supervise
from recon.service.watcher import plan_of, watch
from recon.times import microseconds

#: Connections of the whole service beside the recorders', which have one each; further transactions take turns.
MAX_CONNECTIONS: Final = 32
#: The share of the shutdown's bound for folding the last events.
FOLD_SHARE: Final = 0.15
#: Seconds between two checks of the embedded server.
EMBEDDED_SECONDS: Final = 0.5
#: Longest last write of the board, in seconds.
LAST_WRITE_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


def alerting(channels: Sequence[str]) -> OnTransitions:
    """Return a hook that queues the alerts of a step, inside its transaction (architecture 2.10)."""

    def on_transitions(
        connection: Connection, working: WorkingSet, transitions: list[Transition], refused: list[DecodedEvent]
    ) -> None:
        gateway = working.ledger.gateway
        alerts: list[Alert | RefusedAlert] = [*alerts_of(gateway, transitions), *_refused_alerts(gateway, refused)]
        outbox.enqueue(connection, gateway, alerts, channels)

    return on_transitions


def _refused_alerts(gateway: str, refused: list[DecodedEvent]) -> Iterator[RefusedAlert]:
    for item in refused:
        event, refusal = item.event, item.refusal
        if refusal is not None:
            us = microseconds(event.recorded_at)
            yield refused_alert(gateway, event.account, event.kind, refusal.reason, refusal.fold_version, event.seq, us)


def new_instance() -> str:
    """Return a name for this run of the service: host, process and a random part."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


async def keep_embedded(server: EmbeddedPostgres, board: StatusBoard) -> None:
    """Restart the embedded server whenever it has died. Raise EmbeddedPostgresError if it does not start."""
    while True:
        if not server.running:
            _log.warning("the embedded postgres has died; starting it again", data_dir=str(server.data_dir))
            board.reporter(SERVICE, "postgres").set("restarting", "the embedded server had died")
            await trio.to_thread.run_sync(server.start)
            board.reporter(SERVICE, "postgres").set("running")
        await trio.sleep(EMBEDDED_SECONDS)


async def serve(
    settings: Settings,
    handle: DatabaseHandle,
    *,
    board: StatusBoard | None = None,
    now: Callable[[], datetime] = utc_now,
    task_status: trio.TaskStatus[StatusBoard] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the service until cancelled: every gateway of the settings, its projector, the alerts.

    The database must be migrated, and `handle.service_url` be the service role's. Once all parts are started,
    `task_status` returns the board with their states. A part that fails is restarted. A cancellation appends and folds
    the received events, within the bound of the settings. Raise ConfigError if the settings cannot be used.
    """
    service = _Service(settings, handle, StatusBoard(now) if board is None else board, now)
    try:
        await service.run(task_status)
    finally:
        await service.stop()


class _Service:
    """All parts of the service."""

    def __init__(
        self, settings: Settings, handle: DatabaseHandle, board: StatusBoard, now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._handle = handle
        self._board = board
        self._now = now
        self._instance = new_instance()
        channels = configured_channels(settings)
        parts = len(settings.require_gateways()) + len(channels) + 3
        connections = min(MAX_CONNECTIONS, max(POOL_CONNECTIONS, parts))
        self._engine = create_engine(handle.service_url, "recon service", pool_size=connections)
        self._database = ThreadedDatabase(self._engine, connections)
        on_transitions = alerting(channels)
        self._pipelines = {name: self._pipeline(name, on_transitions) for name in sorted(settings.gateways)}

    def _pipeline(self, name: str, on_transitions: OnTransitions) -> GatewayPipeline:
        return GatewayPipeline(
            self._settings,
            name,
            lease_url=self._handle.service_url,
            instance=self._instance,
            database=self._database,
            board=self._board,
            on_transitions=on_transitions,
            now=self._now,
            new_id=uuid4,
        )

    async def run(self, task_status: trio.TaskStatus[StatusBoard]) -> None:
        """Run every part under supervision until cancelled."""
        async with open_senders(self._settings, self._now) as senders, trio.open_nursery() as nursery:
            dispatchers = _dispatchers(
                senders, self._database, [SERVICE, *sorted(self._pipelines)], self._settings.alerts.gather, self._now
            )
            for part, work in self._shared_parts(dispatchers).items():
                nursery.start_soon(supervise, self._board, SERVICE, part, work)
            for pipeline in self._pipelines.values():
                pipeline.start(nursery)
            task_status.started(self._board)

    def _shared_parts(self, dispatchers: Mapping[str, Dispatcher]) -> dict[str, Callable[[], Awaitable[object]]]:
        parts: dict[str, Callable[[], Awaitable[object]]] = {
            "listener": _listener(self._handle.service_url, self._pipelines, dispatchers),
            "board": partial(publish, self._board, self._database, self._instance),
            "watcher": partial(
                watch,
                self._database,
                plan_of(self._settings),
                now=self._now,
                status=self._board.reporter(SERVICE, "watch"),
                on_queued=lambda: _wake(dispatchers),
            ),
        }
        if self._handle.embedded is not None:
            parts["postgres"] = partial(keep_embedded, self._handle.embedded, self._board)
        return parts | {channel: dispatcher.run for channel, dispatcher in dispatchers.items()}

    async def stop(self) -> None:
        """Fold what was appended last, and publish that every part has stopped."""
        with trio.move_on_after(FOLD_SHARE * self._settings.service.shutdown_seconds, shield=True):
            for pipeline in self._pipelines.values():
                await pipeline.finish()
        for part in self._board.parts():
            if part.state != "stopped":
                self._board.reporter(part.gateway, part.part).set("stopped")
        with trio.move_on_after(LAST_WRITE_SECONDS, shield=True):
            await publish_once(self._board, self._database, self._instance, deadline=LAST_WRITE_SECONDS)
        self._engine.dispose()


def _wake(dispatchers: Mapping[str, Dispatcher]) -> None:
    for dispatcher in dispatchers.values():
        dispatcher.wake()


def _dispatchers(
    senders: Mapping[str, Sender],
    database: Database,
    gateways: Sequence[str],
    gather: timedelta,
    now: Callable[[], datetime],
) -> dict[str, Dispatcher]:
    return {
        channel: Dispatcher(
            database, gateways=gateways, channel=channel, sender=sender, now=now, draw=random.random, gather=gather
        )
        for channel, sender in senders.items()
    }


def _listener(
    url: str, pipelines: Mapping[str, GatewayPipeline], dispatchers: Mapping[str, Dispatcher]
) -> Callable[[], Awaitable[None]]:
    """Return the one listener of the service, which wakes the dispatchers or a gateway's projector."""

    def on_notify(channel: str, payload: str) -> None:
        # Any login can send one: it says where to look, never what is there.
        if channel == outbox.NOTIFY_CHANNEL:
            _wake(dispatchers)
        elif payload in pipelines:
            pipelines[payload].projector.hint()

    def on_established() -> None:
        for pipeline in pipelines.values():
            pipeline.projector.hint()
        _wake(dispatchers)

    return partial(listen, url, [LOG_CHANNEL, outbox.NOTIFY_CHANNEL], on_notify, on_established)
