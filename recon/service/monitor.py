"""How the service is: asked by probes, by Prometheus and by systemd's watchdog, and answered from memory.

The listener is its own (`[monitoring]`), beside the one of the page: probes and Prometheus have no login, a page beyond
this machine has certificates and people, and a rush of people must not make a probe fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import trio

from recon.backup.last import LastBackup, last_backup
from recon.config import Settings
from recon.meters import DeliveryMeter, RoutingMeter
from recon.service.health import Liveness, Readiness, liveness, readiness
from recon.service.pipeline import GatewayPipeline
from recon.service.status import StatusBoard
from recon.service.stored_figures import FiguresCache, GatewayFigures, Reading

if TYPE_CHECKING:
    from prometheus_client import Metric

    from recon.service.exposition import GatewaySnapshot

_MICROSECONDS: Final = 1e6
#: How often the directory of backups is looked at, in seconds.
BACKUP_SECONDS: Final = 60.0


class Monitor:
    """Reads the parts of one service; it changes none of them."""

    def __init__(
        self,
        settings: Settings,
        board: StatusBoard,
        pipelines: Mapping[str, GatewayPipeline],
        figures: FiguresCache,
        alerts: Callable[[], tuple[RoutingMeter, Mapping[str, DeliveryMeter]]],
        now: Callable[[], datetime],
    ) -> None:
        """Prepare; `alerts` returns what the router and the dispatchers have counted, and `now` the time."""
        self._settings = settings
        self._board = board
        self._pipelines = pipelines
        self._figures = figures
        self._alerts = alerts
        self._now = now
        self._backup: tuple[float, LastBackup | None] | None = None

    def stillness(self) -> Mapping[tuple[str, str], float]:
        """Return for how long each part that must move has not, in seconds."""
        now = trio.current_time()
        pulses = {(name, "projector"): each.projector.pulse for name, each in self._pipelines.items()}
        pulses |= {(name, "recorder"): each.gateway.pulse for name, each in self._pipelines.items()}
        return {key: pulse.stillness(now) for key, pulse in pulses.items()}

    def liveness(self) -> Liveness:
        """Judge whether the process does its work."""
        return liveness(self.stillness())

    def readiness(self) -> Readiness:
        """Judge whether the service does what it is there for."""
        behind = {name: self._behind(name) or 0.0 for name in self._pipelines}
        return readiness(sorted(self._pipelines), self._board.parts(), self.liveness(), behind)

    def summary(self) -> str:
        """Return in one line how the service is, for `systemctl status`."""
        ready = self.readiness()
        if ready.reasons:
            return "; ".join(f"{each.gateway or 'service'} {each.part}: {each.why}" for each in ready.reasons)
        told = [
            f"{word} {', '.join(names)}"
            for word, names in (("recording", ready.recording), ("standing by for", ready.standby))
            if names
        ]
        return "; ".join([*told, *(f"{each.gateway} {each.part}: {each.why}" for each in ready.notes)])

    async def serve(self) -> None:
        """Answer until cancelled; the libraries are imported by those alone who want it."""
        from starlette.applications import Starlette  # noqa: PLC0415

        from recon.web.health import health_routes  # noqa: PLC0415
        from recon.web.metrics import metrics_route  # noqa: PLC0415
        from recon.web.server import serve_web  # noqa: PLC0415

        routes = [*health_routes(self._judge_life, self._judge_readiness), metrics_route(self.gather)]
        await serve_web(Starlette(routes=routes), self._settings.monitoring)

    def _judge_life(self) -> tuple[bool, Liveness]:
        judged = self.liveness()
        return judged.alive, judged

    def _judge_readiness(self) -> tuple[bool, Readiness]:
        judged = self.readiness()
        return judged.ready, judged

    async def gather(self) -> Iterable[Metric]:
        """Return the metrics at this moment."""
        from recon.service.exposition import Snapshot, metrics_of  # noqa: PLC0415

        reading, backup = await self._figures.latest(), await self._last_backup()
        routing, deliveries = self._alerts()
        ready = self.readiness()
        return metrics_of(
            Snapshot(
                version=version("recon"),
                alive=self.liveness().alive,
                ready=ready.ready,
                parts=self._board.parts(),
                stillness=self.stillness(),
                gateways={name: self._snapshot(name, ready.recording, reading) for name in self._pipelines},
                routing=routing,
                deliveries=deliveries,
                reading=reading,
                backup=backup,
                now=trio.current_time(),
            )
        )

    async def _last_backup(self) -> LastBackup | None:
        """Return the last backup; the directory is looked at now and then."""
        at = trio.current_time()
        if self._backup is None or at - self._backup[0] >= BACKUP_SECONDS:
            look = partial(last_backup, self._settings, self._now())
            self._backup = (at, await trio.to_thread.run_sync(look))
        looked_at, last = self._backup
        if last is None or last.age is None:
            return last
        return last._replace(age=last.age + timedelta(seconds=at - looked_at))

    def _snapshot(self, name: str, recording: Sequence[str], reading: Reading) -> GatewaySnapshot:
        from recon.service.exposition import GatewaySnapshot  # noqa: PLC0415

        pipeline = self._pipelines[name]
        stored = None if reading.figures is None else reading.figures.gateways.get(name)
        return GatewaySnapshot(
            appends=pipeline.gateway.meter,
            steps=pipeline.steps,
            buffer_limit=self._settings.limits.buffer_bytes,
            lag_events=self._lag(pipeline, stored, recording=name in recording),
            lag_seconds=self._behind(name) if name in recording else None,
        )

    @staticmethod
    def _lag(pipeline: GatewayPipeline, stored: GatewayFigures | None, *, recording: bool) -> int | None:
        """Return how many events are not folded: as we know while we record, else as the database does."""
        if recording:
            return max(0, pipeline.gateway.head_seq - pipeline.projector.seq)
        return None if stored is None else max(0, stored.head_seq - stored.projected_seq)

    def _behind(self, name: str) -> float | None:
        """Return the log time between the last event that we appended and the last one folded; None: not known."""
        pipeline = self._pipelines[name]
        head_us, folded_us = pipeline.gateway.meter.head_us, pipeline.projector.last_us
        if not head_us or not folded_us:
            return None
        waits = pipeline.gateway.head_seq > pipeline.projector.seq
        return max(0, head_us - folded_us) / _MICROSECONDS if waits else 0.0
