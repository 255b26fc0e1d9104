"""The one composition root: the parts of the service, and how they are bound together (architecture 3)."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final
from uuid import uuid4

import structlog
import trio

from recon.alerts.channels import configured_channels, level_names, open_level_senders, open_senders
from recon.alerts.signal_store import NOTIFY_CHANNEL
from recon.clock import utc_now
from recon.config import Settings
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.engine import POOL_CONNECTIONS, create_engine
from recon.db.resolve import DatabaseHandle
from recon.db.transactions import ThreadedDatabase
from recon.db.wakeup import listen
from recon.log.hints import LOG_CHANNEL
from recon.service.alerting import ROUTER, AlertParts, desk_of
from recon.service.levels import assertions
from recon.service.monitor import Monitor
from recon.service.otel import open_tracing
from recon.service.partition_making import PARTITIONS, keep_partitions
from recon.service.pipeline import GatewayPipeline
from recon.service.statistics_keeping import STATISTICS, keep_statistics
from recon.service.status import SERVICE, StatusBoard
from recon.service.status_store import publish, publish_once
from recon.service.stored_figures import FiguresCache
from recon.service.supervisor import supervise
from recon.service.systemd import keep_told, notifier_of
from recon.service.wal_archive import ARCHIVE, keep_archive
from recon.service.watcher import plan_of, watch
from recon.tracing import Tracing

#: Connections of the whole service beside the recorders', which have one each; further transactions take turns.
MAX_CONNECTIONS: Final = 32
#: The share of the shutdown's bound for folding the last events.
FOLD_SHARE: Final = 0.15
#: Seconds between two checks of the embedded server.
EMBEDDED_SECONDS: Final = 0.5
#: Longest last write of the board, in seconds.
LAST_WRITE_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


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
    bound: socket.socket | None = None,
    task_status: trio.TaskStatus[StatusBoard] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the service until cancelled: every gateway of the settings, its projector, the alerts.

    The database must be migrated, and `handle.service_url` be the service role's. Once all parts are started,
    `task_status` returns the board with their states. A part that fails is restarted. A cancellation appends and folds
    the received events, within the bound of the settings. `bound` listens at the page's address already.
    Raise ConfigError if the settings cannot be used.
    """
    board = StatusBoard(now) if board is None else board
    instance = new_instance()
    with open_tracing(settings.tracing, instance, now) as tracing:
        service = _Service(settings, handle, board, now, instance, tracing, bound)
        try:
            await service.run(task_status)
        finally:
            await service.stop()


class _Service:
    """All parts of the service."""

    def __init__(
        self,
        settings: Settings,
        handle: DatabaseHandle,
        board: StatusBoard,
        now: Callable[[], datetime],
        instance: str,
        tracing: Tracing,
        bound: socket.socket | None,
    ) -> None:
        self._settings = settings
        self._bound = bound
        self._handle = handle
        self._board = board
        self._now = now
        self._instance = instance
        self._tracing = tracing
        channels = configured_channels(settings)
        parts = len(settings.require_gateways()) + len(channels) + len(level_names(settings)) + 5
        connections = min(MAX_CONNECTIONS, max(POOL_CONNECTIONS, parts))
        self._engine = create_engine(handle.service_url, "recon service", pool_size=connections)
        self._database = ThreadedDatabase(self._engine, connections)
        self._desk = desk_of(settings)
        self._alerts: AlertParts | None = None
        self._pipelines = {name: self._pipeline(name) for name in sorted(settings.gateways)}

    def _pipeline(self, name: str) -> GatewayPipeline:
        return GatewayPipeline(
            self._settings,
            name,
            url=self._handle.service_url,
            instance=self._instance,
            database=self._database,
            board=self._board,
            on_told=self._note_told,
            now=self._now,
            new_id=uuid4,
            tracing=self._tracing,
        )

    async def run(self, task_status: trio.TaskStatus[StatusBoard]) -> None:
        """Run every part under supervision until cancelled."""
        async with (
            open_senders(self._settings, self._now) as senders,
            open_level_senders(self._settings, self._now) as levels,
            trio.open_nursery() as nursery,
        ):
            status = self._board.reporter(SERVICE, ROUTER)
            self._alerts = AlertParts(self._database, self._desk, senders, self._now, status, self._tracing)
            levelling = assertions(
                levels, self._database, sorted(self._pipelines), self._now, self._board, self._desk.policy
            )
            for part, work in (self._shared_parts(self._alerts) | levelling).items():
                nursery.start_soon(supervise, self._board, SERVICE, part, work)
            for pipeline in self._pipelines.values():
                pipeline.start(nursery)
            task_status.started(self._board)

    def _note_told(self) -> None:
        if self._alerts is not None:
            self._alerts.wake_router()

    def _shared_parts(self, alerts: AlertParts) -> dict[str, Callable[[], Awaitable[object]]]:
        parts: dict[str, Callable[[], Awaitable[object]]] = {
            "listener": _listener(self._handle.service_url, self._pipelines, alerts),
            "board": partial(publish, self._board, self._database, self._instance),
            STATISTICS: partial(keep_statistics, self._database, self._board.reporter(SERVICE, STATISTICS)),
            "watcher": partial(
                watch,
                self._database,
                plan_of(self._settings),
                now=self._now,
                status=self._board.reporter(SERVICE, "watch"),
                on_queued=alerts.wake,
            ),
        }
        if self._settings.web.listen is not None:
            parts["web"] = self._web
        monitor = self._monitor(alerts)
        if self._settings.monitoring.listen is not None:
            parts["monitoring"] = monitor.serve
        if (notifier := notifier_of(os.environ, os.getpid())) is not None:
            parts["systemd"] = partial(keep_told, notifier, lambda: monitor.liveness().alive, monitor.summary)
        if self._handle.embedded is not None:
            parts["postgres"] = partial(keep_embedded, self._handle.embedded, self._board)
            status = self._board.reporter(SERVICE, PARTITIONS)
            parts[PARTITIONS] = partial(keep_partitions, self._handle.require_owner_url(), status)
            if (backups := self._settings.backup.backup_dir) is not None and self._settings.backup.wal:
                status = self._board.reporter(SERVICE, ARCHIVE)
                parts[ARCHIVE] = partial(keep_archive, self._handle.embedded, backups, self._now, status)
        return parts | alerts.parts()

    def _monitor(self, alerts: AlertParts) -> Monitor:
        figures = FiguresCache(self._database, sorted(self._pipelines))
        return Monitor(
            self._settings,
            self._board,
            self._pipelines,
            figures,
            lambda: (alerts.routing, alerts.deliveries),
            self._now,
        )

    async def _web(self) -> None:
        """Serve HTTP; its library is imported by those alone who want it."""
        from recon.web.serving import WebSetup, serve_people  # noqa: PLC0415

        setup = WebSetup(
            self._database,
            self._handle.service_url,
            self._settings.web,
            tuple(sorted(self._pipelines)),
            self._now,
            self._bound,
        )
        await serve_people(setup)

    async def stop(self) -> None:
        """Fold what was appended last, and publish that every part has stopped."""
        with trio.move_on_after(FOLD_SHARE * self._settings.service.shutdown_seconds, shield=True):
            async with trio.open_nursery() as nursery:
                for pipeline in self._pipelines.values():
                    nursery.start_soon(pipeline.finish)
        for part in self._board.parts():
            if part.state != "stopped":
                self._board.reporter(part.gateway, part.part).set("stopped")
        with trio.move_on_after(LAST_WRITE_SECONDS, shield=True):
            await publish_once(self._board, self._database, self._instance, deadline=LAST_WRITE_SECONDS)
        self._engine.dispose()


def _listener(url: str, pipelines: Mapping[str, GatewayPipeline], alerts: AlertParts) -> Callable[[], Awaitable[None]]:
    """Return the one listener of the service, which wakes the router or a gateway's projector."""

    def on_notify(channel: str, payload: str) -> None:
        # Any login can send one: it says where to look, never what is there.
        if channel == NOTIFY_CHANNEL:
            alerts.wake()
        elif payload in pipelines:
            pipelines[payload].projector.hint()

    def on_established() -> None:
        for pipeline in pipelines.values():
            pipeline.projector.hint()
        alerts.wake()

    return partial(listen, url, [LOG_CHANNEL, NOTIFY_CHANNEL], on_notify, on_established)
