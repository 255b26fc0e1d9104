"""Spans for OpenTelemetry, by its own library; only `[tracing] endpoint` brings it in.

1. The library is an extra: `pip install 'recon[otel]'`. Settings that want it without it are refused.
2. Spans wait in a bounded queue and are sent by a thread of the library. What does not fit is dropped, and a receiver
   that is away delays nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from recon.config.monitoring import Tracing as TracingSettings
from recon.errors import ConfigError
from recon.redaction import LAST_NET
from recon.times import microseconds
from recon.tracing import OFF, Tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

#: Longest send of spans, in seconds, and the longest wait for the last ones at a stop.
SEND_SECONDS: Final = 5
STOP_SECONDS: Final = 1.0
_MISSING: Final = "[tracing] needs OpenTelemetry; install it: pip install 'recon[otel]'"


class OtelTracing:
    """Tells spans to a tracer of OpenTelemetry."""

    on: Final = True

    def __init__(self, tracer: Tracer, now: Callable[[], datetime]) -> None:
        """Prepare; `now` is the clock by which a span ends."""
        self._tracer = tracer
        self._now = now

    def tell(self, name: str, seconds: float, error: str = "", **attributes: str | int) -> None:
        """Tell a span that is over now; see `Tracing`."""
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415 - an extra

        end = self._now()
        named = {f"recon.{key}": value for key, value in attributes.items()}
        kind = SpanKind.CLIENT if name.endswith("deliver") else SpanKind.INTERNAL
        begin = _nanoseconds(end - timedelta(seconds=seconds))
        span = self._tracer.start_span(name, kind=kind, attributes=named, start_time=begin)
        if error:
            span.set_status(Status(StatusCode.ERROR, LAST_NET.clean(error)))
        span.end(_nanoseconds(end))


@contextmanager
def open_tracing(settings: TracingSettings, instance: str, now: Callable[[], datetime]) -> Iterator[Tracing]:
    """Tell spans as the settings say, and send the last ones at the end. Raise ConfigError without the library."""
    if settings.endpoint is None:
        yield OFF
        return
    provider, give_up = _provider(settings, instance)
    try:
        yield OtelTracing(provider.get_tracer("recon", version("recon")), now)
    finally:
        # A stop sends what waits, and repeats it for longer than we may take: then it is told to give up.
        bound = threading.Timer(STOP_SECONDS, give_up)
        bound.daemon = True
        bound.start()
        provider.shutdown()
        bound.cancel()


def require_library(settings: TracingSettings) -> None:
    """Raise ConfigError where spans are wanted, and the library is not installed."""
    if settings.endpoint is not None and find_spec("opentelemetry") is None:
        raise ConfigError(_MISSING)


def _provider(settings: TracingSettings, instance: str) -> tuple[TracerProvider, Callable[[], None]]:
    """Return the provider of spans, and what ends its sending at once. Raise ConfigError."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415
    except ImportError:
        raise ConfigError(_MISSING) from None
    resource = Resource.create({"service.name": "recon", "service.instance.id": instance})
    sampler = ParentBasedTraceIdRatio(float(settings.share))
    provider = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=settings.endpoint, timeout=SEND_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider, exporter.shutdown


def _nanoseconds(at: datetime) -> int:
    return microseconds(at) * 1000
