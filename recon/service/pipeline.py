"""One gateway from its session to its breaks: a recorder and a projector, bound to each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import trio

from recon.backfill.view import BackfillView, backfill_view
from recon.config import Settings, rules_document, secrets_of
from recon.db.transactions import Database
from recon.log.handover import Handover
from recon.meters import StepMeter
from recon.projection.position import Projection
from recon.projection.projector import Projector
from recon.projection.step import Step
from recon.service.endpoints import endpoint_of
from recon.service.gateway import GatewayPart
from recon.service.projecting.remote import RemoteProjector
from recon.service.signalling import tell
from recon.service.status import StatusBoard
from recon.service.supervisor import supervise
from recon.tracing import OFF, Tracing
from recon.venues.ccxt_client import CcxtClient

PROJECTOR: Final = "projector"
#: The share of the shutdown's bound for draining the frames of a gateway.
DRAIN_SHARE: Final = 0.6


def rules_payload(settings: Settings, gateway: str) -> bytes:
    """Return the rules of a gateway as canonical bytes: the same settings give the same bytes."""
    document = rules_document(settings, gateway)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class GatewayPipeline:
    """Records one gateway and projects its log."""

    def __init__(  # noqa: PLR0913 - the composition of one gateway's parts
        self,
        settings: Settings,
        name: str,
        *,
        url: str,
        instance: str,
        database: Database,
        board: StatusBoard,
        on_told: Callable[[], None],
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
        tracing: Tracing = OFF,
    ) -> None:
        """Build both parts; nothing happens before `start`. `on_told` is called after a commit that stored alerts."""
        self._board = board
        self._on_told = on_told
        self.name = name
        self.steps = StepMeter()
        handover = None if settings.projects_in_processes else Handover()
        self.projector = (
            self._process_of(settings, url, tracing)
            if settings.projects_in_processes
            else self._task_on(database, handover, tracing)
        )
        self.gateway = GatewayPart(
            endpoint=endpoint_of(settings, name, settings.gateways[name]),
            rules=rules_payload(settings, name),
            lease_url=url,
            instance=instance,
            buffer_bytes=settings.limits.buffer_bytes,
            batch_events=settings.limits.batch_events,
            drain_seconds=DRAIN_SHARE * settings.service.shutdown_seconds,
            board=board,
            now=now,
            new_id=new_id,
            pending=lambda: self.projector.pending,
            on_appended=self.projector.hint,
            handover=handover,
            on_recording=self.projector.hint,
            rest_url=settings.gateways[name].rest_url,
            cross_check=settings.gateways[name].recovery.cross_check,
            venues=settings.gateways[name].venues,
            connect_venue=CcxtClient,
            tracing=tracing,
        )

    def _task_on(self, database: Database, handover: Handover | None, tracing: Tracing) -> Projection:
        return Projector(
            database,
            self.name,
            on_transitions=tell,
            on_step=self._note_step,
            status=self._board.reporter(self.name, PROJECTOR),
            is_first=self._is_recording,
            handover=handover,
            meter=self.steps,
            tracing=tracing,
        )

    def _process_of(self, settings: Settings, url: str, tracing: Tracing) -> Projection:
        return RemoteProjector(
            self.name,
            url,
            log_level=settings.log.level,
            secrets=secrets_of(settings),
            on_told=self._on_told,
            on_view=self._note_view,
            status=self._board.reporter(self.name, PROJECTOR),
            is_first=self._is_recording,
            meter=self.steps,
            tracing=tracing,
        )

    def _is_recording(self) -> bool:
        return self.gateway.recording

    def _note_step(self, done: Step) -> None:
        if done.told:
            self._on_told()
        self._note_view(backfill_view(done.working_set.ledger, done.seq))

    def _note_view(self, view: BackfillView) -> None:
        self.gateway.update_view(view)

    def start(self, nursery: trio.Nursery) -> None:
        """Run both parts under supervision."""
        nursery.start_soon(supervise, self._board, self.name, "gateway", self.gateway.run)
        nursery.start_soon(supervise, self._board, self.name, "projection", self.projector.run)

    async def finish(self) -> None:
        """Fold the last events, if this instance recorded any, and end the projection."""
        await self.projector.finish(fold=self.gateway.has_recorded)
