"""One gateway from its session to its breaks: a recorder and a projector, bound to each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import trio

from recon.backfill.view import backfill_view
from recon.config import Settings, rules_document
from recon.db.transactions import Database
from recon.meters import StepMeter
from recon.projection.projector import Projector
from recon.projection.step import OnTransitions, Step
from recon.service.endpoints import endpoint_of
from recon.service.gateway import GatewayPart
from recon.service.status import StatusBoard
from recon.service.supervisor import supervise
from recon.tracing import OFF, Tracing

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
        lease_url: str,
        instance: str,
        database: Database,
        board: StatusBoard,
        on_transitions: OnTransitions,
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
        self.projector = Projector(
            database,
            name,
            on_transitions=on_transitions,
            on_step=self._note_step,
            status=board.reporter(name, "projector"),
            is_first=lambda: self.gateway.recording,
            meter=self.steps,
            tracing=tracing,
        )
        self.gateway = GatewayPart(
            endpoint=endpoint_of(settings, name, settings.gateways[name]),
            rules=rules_payload(settings, name),
            lease_url=lease_url,
            instance=instance,
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
            tracing=tracing,
        )

    def _note_step(self, done: Step) -> None:
        if done.told:
            self._on_told()
        self.gateway.update_view(backfill_view(done.working_set.ledger, done.seq))

    def start(self, nursery: trio.Nursery) -> None:
        """Run both parts under supervision."""
        nursery.start_soon(supervise, self._board, self.name, "gateway", self.gateway.run)
        nursery.start_soon(supervise, self._board, self.name, "projection", self.projector.run)

    async def finish(self) -> None:
        """Fold the last events that this instance recorded."""
        if self.gateway.has_recorded:
            await self.projector.finish()
