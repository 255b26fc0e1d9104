"""`/metrics`: what Prometheus reads, in its own format or OpenMetrics, whichever it asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

METRICS: Final = "/metrics"
#: Metrics at one moment.
Gather = Callable[[], Awaitable[Iterable[Metric]]]


class _Gathered(Collector):
    """Metrics that were gathered for one answer."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def metrics_route(gather: Gather) -> Route:
    """Return the route; each scrape gathers anew."""

    async def answer(request: Request) -> Response:
        registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        registry.register(_Gathered(await gather()))
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), media_type=None, headers={"Content-Type": media_type})

    return Route(METRICS, answer, methods=["GET"])
