"""The one composition root: the parts of the service, and how they are bound together (architecture 3)."""

from __future__ import annotations

import json
import os
import random  # noqa: TID251  # backoff jitter
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID, uuid4

import structlog
import trio
from sqlalchemy import Connection

from recon.alerts import outbox
from recon.alerts.channels import Sender, configured_channels, open_senders
from recon.alerts.dispatcher import Dispatcher
from recon.alerts.policy import alerts_of
from recon.backfill.view import backfill_view
from recon.clock import utc_now
from recon.config import Gateway, Settings, rules_document
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.engine import POOL_CONNECTIONS, create_engine
from recon.db.resolve import DatabaseHandle
from recon.db.transactions import Database, ThreadedDatabase
from recon.db.wakeup import listen
from recon.ems.websocket.endpoint import CLOSE_TIMEOUT, Endpoint
from recon.ems.websocket.failback import LISTING_CHECK_SECONDS
from recon.projection.projector import Projector
from recon.projection.step import OnTransitions
from recon.projection.working_set import WorkingSet
from recon.reconciliation.model.snapshot import Transition
from recon.service.endpoints import credentials_of, sites_of
from recon.service.gateway import GatewayPart
from recon.service.status import SERVICE, StatusBoard
from recon.service.status_store import publish, publish_once
from recon.service.supervisor import supervise

#: Connections of the whole service beside the recorders', which have one each; transactions beyond them take turns.
MAX_CONNECTIONS: Final = 32
#: The shares of the shutdown's bound that closing a session and draining its frames may take.
CLOSE_SHARE: Final = 0.1
DRAIN_SHARE: Final = 0.6
FOLD_SHARE: Final = 0.15
#: How often the embedded server is looked after, in seconds.
EMBEDDED_SECONDS: Final = 0.5
#: Longest last writing of the board, in seconds.
FAREWELL_SECONDS: Final = 1.0
#: The channel on which every append tells its gateway.
LOG_CHANNEL: Final = "recon_log"

_log = structlog.get_logger(__name__)


def rules_payload(settings: Settings, gateway: str) -> bytes:
    """Return what decides for a gateway as its canonical bytes: the same settings give the same bytes."""
    document = rules_document(settings, gateway)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def endpoint_of(settings: Settings, name: str, gateway: Gateway) -> Endpoint:
    """Return a gateway of the settings as the consumer reaches it. Errors: ConfigError."""
    sites = sites_of(name, gateway, utc_now)
    look = LISTING_CHECK_SECONDS if gateway.managed is None else gateway.managed.refresh.total_seconds()
    return Endpoint(
        name=name,
        urls=tuple(gateway.urls),
        credentials=credentials_of(gateway),
        sites=sites,
        max_message_bytes=settings.limits.max_message_bytes,
        close_timeout=min(CLOSE_TIMEOUT, CLOSE_SHARE * settings.service.shutdown_seconds),
        listing_check_seconds=min(LISTING_CHECK_SECONDS, look),
    )


def alerting(channels: Sequence[str]) -> OnTransitions:
    """Return what queues the alerts of a step's transitions, inside its transaction (architecture 2.10)."""

    def on_transitions(connection: Connection, working: WorkingSet, transitions: list[Transition]) -> None:
        gateway = working.ledger.gateway
        alerts = alerts_of(gateway, transitions)
        outbox.enqueue(connection, gateway, alerts, channels)

    return on_transitions


def new_instance() -> str:
    """Return a name for this run of the service, as people will look for it."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


class _Following:
    """One gateway's recorder and projector, bound to each other."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        *,
        lease_url: str,
        database: Database,
        board: StatusBoard,
        on_transitions: OnTransitions,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._board = board
        self.name = name
        self.projector = Projector(
            database,
            name,
            on_transitions=on_transitions,
            on_step=lambda done: self.gateway.update_view(backfill_view(done.working.ledger, done.seq)),
            status=board.reporter(name, "projector"),
            is_first=lambda: self.gateway.recording,
        )
        self.gateway = GatewayPart(
            endpoint=endpoint_of(settings, name, settings.gateways[name]),
            rules=rules_payload(settings, name),
            lease_url=lease_url,
            buffer_bytes=settings.limits.buffer_bytes,
            batch_events=settings.limits.batch_events,
            drain_seconds=DRAIN_SHARE * settings.service.shutdown_seconds,
            board=board,
            now=now,
            new_id=new_id,
            pending=lambda: self.projector.pending,
            on_appended=self.projector.hint,
            on_recording=self.projector.hint,
            rest_url=settings.gateways[name].rest_url,
            cross_check=settings.gateways[name].recovery.cross_check,
        )

    def start(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(supervise, self._board, self.name, "gateway", self.gateway.run)
        nursery.start_soon(supervise, self._board, self.name, "projection", self.projector.run)

    async def finish(self) -> None:
        """Fold the last words of what this instance recorded."""
        if self.gateway.has_recorded:
            await self.projector.finish()


async def keep_embedded(server: EmbeddedPostgres, board: StatusBoard) -> None:
    """Bring the embedded server back whenever it has died; errors: EmbeddedPostgresError when it does not come up."""
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

    The database must be migrated and `handle.service_url` be the service role's. What each part does stands on the
    board (given back by `task_status` when all have been started), whatever fails is restarted, and a cancellation
    drains what was received, within the bound of the settings. Errors: ConfigError where the settings cannot be used.
    """
    board = StatusBoard(now) if board is None else board
    channels = configured_channels(settings)
    wanted = len(settings.require_gateways()) + len(channels) + 2
    connections = min(MAX_CONNECTIONS, max(POOL_CONNECTIONS, wanted))
    engine = create_engine(handle.service_url, "recon service", pool_size=connections)
    database = ThreadedDatabase(engine, connections)
    instance = new_instance()
    on_transitions = alerting(channels)
    followings = {
        name: _Following(
            settings,
            name,
            lease_url=handle.service_url,
            database=database,
            board=board,
            on_transitions=on_transitions,
            now=now,
            new_id=uuid4,
        )
        for name in sorted(settings.gateways)
    }
    try:
        async with AsyncExitStack() as stack:
            senders = await stack.enter_async_context(open_senders(settings, now))
            dispatchers = _dispatchers(senders, database, sorted(followings), now)
            async with trio.open_nursery() as nursery:
                if handle.embedded is not None:
                    keep = partial(keep_embedded, handle.embedded, board)
                    nursery.start_soon(supervise, board, SERVICE, "postgres", keep)
                nursery.start_soon(
                    supervise, board, SERVICE, "listener", _listener(handle.service_url, followings, dispatchers)
                )
                nursery.start_soon(supervise, board, SERVICE, "board", partial(publish, board, database, instance))
                for following in followings.values():
                    following.start(nursery)
                for channel, dispatcher in dispatchers.items():
                    nursery.start_soon(supervise, board, SERVICE, channel, dispatcher.run)
                task_status.started(board)
    finally:
        with trio.move_on_after(FOLD_SHARE * settings.service.shutdown_seconds, shield=True):
            for following in followings.values():
                await following.finish()
        for part in board.parts():
            if part.state != "stopped":
                board.reporter(part.gateway, part.part).set("stopped")
        with trio.move_on_after(FAREWELL_SECONDS, shield=True):
            await publish_once(board, database, instance, deadline=FAREWELL_SECONDS)
        engine.dispose()


def _dispatchers(
    senders: Mapping[str, Sender], database: Database, gateways: Sequence[str], now: Callable[[], datetime]
) -> dict[str, Dispatcher]:
    return {
        channel: Dispatcher(database, gateways=gateways, channel=channel, sender=sender, now=now, draw=random.random)
        for channel, sender in senders.items()
    }


def _listener(
    url: str, followings: dict[str, _Following], dispatchers: dict[str, Dispatcher]
) -> Callable[[], Awaitable[None]]:
    """Return the one listener of the service, which passes each notification on to whom it concerns."""

    def on_notify(channel: str, payload: str) -> None:
        if channel == outbox.NOTIFY_CHANNEL:
            for dispatcher in dispatchers.values():
                dispatcher.wake()
        elif payload in followings:
            followings[payload].projector.hint()

    def on_established() -> None:
        for following in followings.values():
            following.projector.hint()
        for dispatcher in dispatchers.values():
            dispatcher.wake()

    return partial(listen, url, [LOG_CHANNEL, outbox.NOTIFY_CHANNEL], on_notify, on_established)
