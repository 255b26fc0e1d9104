"""From what is known at one moment to the metrics that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, get_args

import msgspec
from prometheus_client import Metric
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)

from recon.backup.last import LastBackup
from recon.ledger.account import State
from recon.meters import AppendMeter, DeliveryMeter, RoutingMeter, Spread, StepMeter
from recon.reconciliation.model.lifecycle import ACTIVE
from recon.service.families import FAMILIES
from recon.service.health import POOR
from recon.service.status import PartStatus
from recon.service.stored_figures import Counts, Reading, Waiting

#: The words of each label that comes from the database, so that each has a series from the first scrape on.
_VERDICTS: Final = ("agreed", "break", "pending", "stale", "unmodelled", "unobserved")
_COVERAGE: Final = tuple(sorted(get_args(State)))

#: A value with its labels, in the order in which the family names them.
Sample = tuple[tuple[str, ...], float]


class GatewaySnapshot(msgspec.Struct, frozen=True):
    """What is known of one gateway: its meters, the bound of its buffer, and how far its books are behind."""

    appends: AppendMeter
    steps: StepMeter
    buffer_limit: int
    lag_events: int | None
    lag_seconds: float | None


class Snapshot(msgspec.Struct, frozen=True):
    """Everything that the metrics tell, at one moment; `stillness` is of each (gateway, part) that moves."""

    version: str
    alive: bool
    ready: bool
    parts: Sequence[PartStatus]
    stillness: Mapping[tuple[str, str], float]
    gateways: Mapping[str, GatewaySnapshot]
    routing: RoutingMeter
    deliveries: Mapping[str, DeliveryMeter]
    reading: Reading
    backup: LastBackup | None
    now: float


def metrics_of(snapshot: Snapshot) -> Iterator[Metric]:
    """Yield the metrics of a snapshot; what is not known has no sample."""
    info = FAMILIES["recon_build"]
    yield InfoMetricFamily(info.name, info.meaning, value={"version": snapshot.version})
    yield _gauge("recon_alive", [((), float(snapshot.alive))])
    yield _gauge("recon_ready", [((), float(snapshot.ready))])
    yield from _of_parts(snapshot)
    yield from _of_logs(snapshot.gateways)
    yield from _of_folds(snapshot.gateways)
    yield from _of_alerts(snapshot)
    yield from _of_backup(snapshot.backup)
    yield from _of_reading(snapshot)


def _of_parts(snapshot: Snapshot) -> Iterator[Metric]:
    parts = snapshot.parts
    yield _gauge("recon_part_failing", [((each.gateway, each.part), float(each.state in POOR)) for each in parts])
    failures = [((each.gateway, each.part), float(each.figures.get("failures", 0))) for each in parts]
    yield _gauge("recon_part_failures", failures)
    yield _gauge("recon_part_still_seconds", list(snapshot.stillness.items()))
    recorders = {each.gateway: each for each in parts if each.part == "recorder"}
    open_ = {each.gateway for each in parts if each.part == "consumer" and each.state == "open"}
    held = {name for name, each in recorders.items() if each.state in {"recording", "reconnecting", "refused"}}
    names = snapshot.gateways
    # A session is ours only while we record; the consumer's last word may be older.
    yield _gauge("recon_gateway_connected", [((name,), float(name in open_ & held)) for name in names])
    recording = {name for name, each in recorders.items() if each.state == "recording"}
    yield _gauge("recon_lease_held", [((name,), float(name in recording)) for name in names])
    figures = {name: recorders[name].figures if name in recorders else {} for name in names}
    for what in ("events", "bytes"):
        waiting = [((name,), float(each.get(f"waiting_{what}", 0))) for name, each in figures.items()]
        yield _gauge(f"recon_buffer_{what}", waiting)
    yield _gauge("recon_buffer_limit_bytes", [((name,), float(each.buffer_limit)) for name, each in names.items()])


def _of_logs(gateways: Mapping[str, GatewaySnapshot]) -> Iterator[Metric]:
    meters = {(name,): each.appends for name, each in gateways.items()}
    yield _counter("recon_lease_taken", [(key, float(each.leases)) for key, each in meters.items()])
    yield _counter("recon_log_frames", [(key, float(each.frames)) for key, each in meters.items()])
    yield _counter("recon_log_bytes", [(key, float(each.bytes)) for key, each in meters.items()])
    yield _counter("recon_log_append_failures", [(key, float(each.failures)) for key, each in meters.items()])
    yield _histogram("recon_log_batch_events", {key: each.batches for key, each in meters.items()})
    yield _histogram("recon_log_append_seconds", {key: each.seconds for key, each in meters.items()})


def _of_folds(gateways: Mapping[str, GatewaySnapshot]) -> Iterator[Metric]:
    meters = {(name,): each.steps for name, each in gateways.items()}
    yield _counter("recon_fold_cpu_seconds", [(key, each.computed_seconds) for key, each in meters.items()])
    yield _counter("recon_fold_refused_events", [(key, float(each.refused)) for key, each in meters.items()])
    yield _counter("recon_fold_failures", [(key, float(each.failures)) for key, each in meters.items()])
    yield _histogram("recon_fold_step_events", {key: each.events for key, each in meters.items()})
    yield _histogram("recon_fold_step_seconds", {key: each.seconds for key, each in meters.items()})
    lags = [((name,), float(each.lag_events)) for name, each in gateways.items() if each.lag_events is not None]
    yield _gauge("recon_fold_lag_events", lags)
    behind = [((name,), each.lag_seconds) for name, each in gateways.items() if each.lag_seconds is not None]
    yield _gauge("recon_fold_lag_seconds", behind)


def _of_alerts(snapshot: Snapshot) -> Iterator[Metric]:
    routing, deliveries = snapshot.routing, snapshot.deliveries
    yield _counter("recon_routing_signals", [((), float(routing.signals))])
    yield _counter("recon_routing_messages", [((), float(routing.messages))])
    yield _histogram("recon_routing_seconds", {(): routing.seconds})
    attempts = [
        ((channel, what), float(number))
        for channel, each in deliveries.items()
        for what, number in each.outcomes.items()
    ]
    yield _counter("recon_delivery_attempts", attempts)
    yield _histogram("recon_delivery_seconds", {(channel,): each.seconds for channel, each in deliveries.items()})


def _of_backup(last: LastBackup | None) -> Iterator[Metric]:
    if last is not None:
        yield _gauge("recon_backup_ok", [((), float(last.problem is None))])
        if last.age is not None:
            yield _gauge("recon_backup_age_seconds", [((), last.age.total_seconds())])


def _of_reading(snapshot: Snapshot) -> Iterator[Metric]:
    reading, names = snapshot.reading, tuple(snapshot.gateways)
    figures = reading.figures
    yield _gauge("recon_database_up", [((), float(figures is not None))])
    if figures is None:
        return
    yield _gauge("recon_database_reading_seconds", [((), reading.seconds)])
    yield _gauge("recon_database_reading_age_seconds", [((), max(0.0, snapshot.now - reading.at))])
    yield _gauge("recon_breaks", _filled(names, sorted(ACTIVE), figures.breaks))
    yield _gauge("recon_units", _filled(names, _VERDICTS, figures.units))
    yield _gauge("recon_accounts", _filled(names, _COVERAGE, figures.accounts))
    yield _gauge("recon_findings", [((name,), float(figures.findings.get((name, ""), 0))) for name in names])
    yield _gauge("recon_log_room_events", [((), float(figures.room_events))])
    known = figures.gateways.items()
    yield _gauge("recon_gateway_recorded", [((name,), float(each.recorded)) for name, each in known])
    yield _gauge("recon_log_position", [((name,), float(each.head_seq)) for name, each in known])
    yield _gauge("recon_fold_position", [((name,), float(each.projected_seq)) for name, each in known])
    silent = [((name,), each.silent_seconds) for name, each in known if each.silent_seconds is not None]
    yield _gauge("recon_log_silent_seconds", silent)
    yield _gauge("recon_signals_waiting", [((), float(figures.signals.number))])
    yield _gauge("recon_signals_oldest_seconds", [((), figures.signals.oldest_seconds)])
    # Only channels of the settings: others are nobody's, and their number has no bound.
    waiting = {channel: figures.deliveries.get(channel, Waiting()) for channel in snapshot.deliveries}
    yield _gauge("recon_deliveries_waiting", [((name,), float(each.number)) for name, each in waiting.items()])
    yield _gauge("recon_deliveries_oldest_seconds", [((name,), each.oldest_seconds) for name, each in waiting.items()])


def _filled(gateways: Iterable[str], words: Iterable[str], counts: Counts) -> list[Sample]:
    """Return a sample for each gateway and word, 0 where nothing was counted."""
    words = tuple(words)
    return [((name, word), float(counts.get((name, word), 0))) for name in gateways for word in words]


def _gauge(name: str, samples: Iterable[Sample]) -> Metric:
    family = FAMILIES[name]
    metric = GaugeMetricFamily(name, family.meaning, labels=family.labels)
    for labels, value in samples:
        metric.add_metric(labels, value)
    return metric


def _counter(name: str, samples: Iterable[Sample]) -> Metric:
    family = FAMILIES[name]
    metric = CounterMetricFamily(name, family.meaning, labels=family.labels)
    for labels, value in samples:
        metric.add_metric(labels, value)
    return metric


def _histogram(name: str, spreads: Mapping[tuple[str, ...], Spread]) -> Metric:
    family = FAMILIES[name]
    metric = HistogramMetricFamily(name, family.meaning, labels=family.labels)
    for labels, spread in spreads.items():
        bounds = [*(f"{bound:g}" for bound in spread.bounds), "+Inf"]
        metric.add_metric(labels, list(zip(bounds, spread.cumulative(), strict=True)), spread.total)
    return metric
