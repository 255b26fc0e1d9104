"""Simulated days on virtual time, in one process: the simulator's frames become events and are folded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec

from recon.config import rules_document
from recon.config.tables import Settings
from recon.ems.protocol.session import Heartbeats, Session, Watchdog
from recon.ledger.ledger import Book, Clock
from recon.ledger.rules import Rules
from recon.log import events
from recon.log.events import Event, NewEvent
from recon.log.heartbeats import tick_payload
from recon.projection.fold import Fold, read
from recon.reconciliation.reconciler import Engine
from recon.simulator.gateway.day import Gateway, play_gateway
from recon.simulator.gateway.outgoing import Control, ControlKind
from recon.simulator.plan import Plan
from recon.simulator.scenarios import plan_settings

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def settings_of(plan: Plan) -> Settings:
    document = plan_settings(plan, {gateway.name: "ws://127.0.0.1:1/" for gateway in plan.gateways})
    return Settings.model_validate(document)


def new_fold(gateway: str) -> Fold:
    book = Book(gateway, Clock(), Rules())
    return Fold(book, Engine(book))


def new_events(plan: Plan, gateway: Gateway, *, until: datetime, start: datetime = START) -> Iterator[NewEvent]:
    """Yield what the recorder would append, in order: rules, session, frames, a tick each second."""
    document = rules_document(settings_of(plan), gateway.plan.name)
    yield NewEvent(events.RULES, json.dumps(document).encode(), start)
    heartbeats = Heartbeats()
    sessions = 0
    session = _session(sessions, heartbeats)
    next_tick = start + timedelta(seconds=1)
    for outgoing in play_gateway(gateway, start, until=until):
        while next_tick <= outgoing.at:
            yield NewEvent(events.TICK, tick_payload(heartbeats.take()), next_tick)
            next_tick += timedelta(seconds=1)
        record = None
        if isinstance(outgoing.payload, bytes):
            record = session.frame(outgoing.payload, outgoing.at, (outgoing.at - start).total_seconds())
        elif outgoing.payload.kind is ControlKind.CONNECTED:
            sessions += 1
            session = _session(sessions, heartbeats)
            record = session.opened(outgoing.at, url="ws://sim/", site=0)
        elif outgoing.payload.ends_connections:
            record = session.closed(outgoing.at, url="ws://sim/", site=0, reason="disconnected", code=None, detail="")
        if record is not None:
            yield NewEvent(
                record.kind, record.payload, record.received_at, record.account, record.session, record.redacted
            )
    while next_tick <= until:
        yield NewEvent(events.TICK, tick_payload(heartbeats.take()), next_tick)
        next_tick += timedelta(seconds=1)


def _session(number: int, heartbeats: Heartbeats) -> Session:
    return Session(f"session-{number}", lambda payload: (payload, False), heartbeats, Watchdog(10.0, 0.0))


def stored(new: Iterator[NewEvent]) -> Iterator[Event]:
    """Number events as the log would; what is readable is decided more strictly there."""
    latest = START
    for seq, event in enumerate(new, start=1):
        latest = max(latest, event.received_at)
        yield Event(
            seq=seq,
            recorded_at=latest,
            received_at=event.received_at,
            kind=event.kind,
            account=event.account,
            session=event.session,
            readable=_is_json(event.payload),
            payload=event.payload,
        )


def _is_json(payload: bytes) -> bool:
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def without_rest(plan: Plan) -> Plan:
    """The same day where nobody can ask over REST: what a gap hid stays hidden."""
    return replace(plan, gateways=tuple(replace(each, rest=None) for each in plan.gateways))


def play(plan: Plan, *, after: float = 20.0) -> list[tuple[Gateway, Fold, list[Event]]]:
    """Play every gateway of a plan and fold it, without REST; `after` seconds of quiet follow the day."""
    plan = without_rest(plan)
    played = []
    for gateway_plan in plan.gateways:
        gateway = Gateway(gateway_plan, START)
        until = START + timedelta(seconds=plan.duration + after)
        log = list(stored(new_events(plan, gateway, until=until)))
        fold = new_fold(gateway_plan.name)
        fold.fold([read(event) for event in log])
        played.append((gateway, fold, log))
    return played


__all__ = [
    "START",
    "Control",
    "Gateway",
    "new_events",
    "new_fold",
    "play",
    "read",
    "settings_of",
    "stored",
    "timedelta",
    "without_rest",
]
