"""Spans reach OpenTelemetry as they were told, and cost nothing where nobody wants them."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from recon.config import Settings
from recon.config.monitoring import Tracing as TracingSettings
from recon.errors import ConfigError
from recon.service import otel, wiring
from recon.service.otel import OtelTracing, open_tracing, require_library
from recon.tracing import APPEND, DELIVER, OFF, ROUTE, STEP
from tests.conftest import TestDatabase
from tests.service.test_serving import serving, until
from tests.support.webhook_receiver import receiver

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


@pytest.fixture
def told() -> tuple[OtelTracing, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return OtelTracing(provider.get_tracer("recon"), lambda: AT), exporter


def test_a_span_has_its_time_its_name_and_its_attributes(told: tuple[OtelTracing, InMemorySpanExporter]) -> None:
    tracing, exporter = told
    tracing.tell(APPEND, 0.25, gateway="prod-eu", events=3, last_seq=99)
    (span,) = exporter.get_finished_spans()
    assert span.name == "recon.append"
    assert span.end_time == int(AT.timestamp()) * 10**9
    assert span.end_time - (span.start_time or 0) == 250_000_000
    assert dict(span.attributes or {}) == {"recon.gateway": "prod-eu", "recon.events": 3, "recon.last_seq": 99}
    assert (span.status.status_code, span.kind) == (StatusCode.UNSET, SpanKind.INTERNAL)


def test_a_failed_delivery_is_an_error_with_its_reason(told: tuple[OtelTracing, InMemorySpanExporter]) -> None:
    tracing, exporter = told
    tracing.tell(DELIVER, 0.1, "the receiver answered 500", channel="webhook:ops", outcome="failed")
    (span,) = exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "the receiver answered 500")
    assert span.kind is SpanKind.CLIENT


@pytest.mark.postgres
@pytest.mark.trio
async def test_the_service_tells_a_span_of_each_append_step_routing_and_delivery(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch, told: tuple[OtelTracing, InMemorySpanExporter]
) -> None:
    tracing, exporter = told
    monkeypatch.setattr(wiring, "open_tracing", lambda *_: nullcontext(tracing))
    with receiver() as webhook:
        secret = "whsec_c2VjcmV0IG9mIHRoZSB3ZWJob29r"
        document = {
            "gateways": {"dead": {"urls": ["ws://127.0.0.1:1/"]}},
            "alerts": {"gateway_down": "0s"},
            "webhooks": {"ops": {"url": webhook.url, "secret": secret, "watchdog": "0s"}},
        }
        async with serving(Settings.model_validate(document), database):
            await until(lambda: {span.name for span in exporter.get_finished_spans()} >= {APPEND, STEP, ROUTE, DELIVER})
    spans = {span.name: dict(span.attributes or {}) for span in reversed(exporter.get_finished_spans())}
    assert spans[APPEND] == {"recon.gateway": "dead", "recon.events": 1, "recon.first_seq": 1, "recon.last_seq": 1}
    assert spans[STEP]["recon.gateway"] == "dead"
    assert spans[ROUTE]["recon.signals"] == 1
    assert spans[DELIVER]["recon.channel"] == "webhook:ops"
    assert (spans[DELIVER]["recon.attempt"], spans[DELIVER]["recon.outcome"]) == (1, "delivered")


def test_without_an_endpoint_nothing_is_imported_and_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, module)
    with open_tracing(Settings().tracing, "host:1:a", lambda: AT) as tracing:
        assert tracing is OFF
        assert not tracing.on
        tracing.tell(APPEND, 1.0)
    assert not [name for name in sys.modules if name.startswith("opentelemetry")]


def test_without_the_library_the_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    settings = TracingSettings(endpoint="http://127.0.0.1:4318/v1/traces")
    with pytest.raises(ConfigError, match=r"pip install 'recon\[otel\]'"), open_tracing(settings, "i", lambda: AT):
        pass


def test_a_receiver_that_is_away_delays_a_stop_by_a_bound() -> None:
    settings = TracingSettings(endpoint="http://127.0.0.1:9/v1/traces", share=Decimal("0.5"))
    began = datetime.now(UTC)
    with open_tracing(settings, "host:1:a", lambda: AT) as tracing:
        assert tracing.on
        for number in range(5000):
            tracing.tell(APPEND, 0.001, events=number)
    assert datetime.now(UTC) - began < timedelta(seconds=4), "the stop has a bound of its own"


def test_settings_that_want_spans_without_the_library_are_found_when_they_are_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(otel, "find_spec", lambda _: None)
    require_library(TracingSettings())
    with pytest.raises(ConfigError, match=r"pip install 'recon\[otel\]'"):
        require_library(TracingSettings(endpoint="http://127.0.0.1:4318/v1/traces"))
