"""Plays simulated days on virtual time: the simulator's frames become events of the log, which are folded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from recon.config import rules_document
from recon.config.tables import Settings
from recon.ems.protocol.session import Heartbeats, Record, Session, Watchdog
from recon.log import events
from recon.log.events import Event, NewEvent
from recon.log.heartbeats import tick_payload
from recon.projection.fold import Fold, decode_event
from recon.simulator.day import Gateway, play_gateway
from recon.simulator.gateway.outgoing import ControlKind, Outgoing
from recon.simulator.plan import Plan
from recon.simulator.scenarios import plan_settings
from recon.testing.log import START, as_stored, new_fold

_SECOND = timedelta(seconds=1)


class PlayedDay(NamedTuple):
    """One gateway's day: the simulator that knows the truth, the fold, and the log that was folded."""

    gateway: Gateway
    fold: Fold
    log: list[Event]


def play(plan: Plan, *, after: float = 20.0) -> list[PlayedDay]:
    """Play every gateway of a plan without REST, and fold its log; `after` seconds of quiet follow the day."""
    plan = without_rest(plan)
    days = []
    for gateway_plan in plan.gateways:
        gateway = Gateway(gateway_plan, START)
        until = START + timedelta(seconds=plan.duration + after)
        log = list(as_stored(recorded_events(plan, gateway, until=until)))
        fold = new_fold(gateway_plan.name)
        fold.fold([decode_event(event) for event in log])
        days.append(PlayedDay(gateway, fold, log))
    return days


def without_rest(plan: Plan) -> Plan:
    """Return the same plan with gateways that have no REST API, so that no gap is ever backfilled."""
    return replace(plan, gateways=tuple(replace(gateway, rest=None) for gateway in plan.gateways))


def settings_of(plan: Plan) -> Settings:
    """Return settings that describe the plan's accounts as an operator would."""
    document = plan_settings(plan, {gateway.name: "ws://127.0.0.1:1/" for gateway in plan.gateways})
    return Settings.model_validate(document)


def recorded_events(plan: Plan, gateway: Gateway, *, until: datetime, start: datetime = START) -> Iterator[NewEvent]:
    """Yield what the recorder would append, in order: rules, sessions, frames, and a tick each second."""
    document = rules_document(settings_of(plan), gateway.plan.name)
    yield NewEvent(events.RULES, json.dumps(document).encode(), start)
    recorder = _Recorder(start)
    next_tick = start + _SECOND
    for outgoing in play_gateway(gateway, start, until=until):
        while next_tick <= outgoing.at:
            yield recorder.tick(next_tick)
            next_tick += _SECOND
        event = recorder.event(outgoing)
        if event is not None:
            yield event
    while next_tick <= until:
        yield recorder.tick(next_tick)
        next_tick += _SECOND


class _Recorder:
    """Turns what a gateway sends into events, session by session."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._heartbeats = Heartbeats()
        self._sessions = 0
        self._session = self._new_session()

    def tick(self, at: datetime) -> NewEvent:
        return NewEvent(events.TICK, tick_payload(self._heartbeats.take()), at)

    def event(self, outgoing: Outgoing) -> NewEvent | None:
        record = self._record(outgoing)
        if record is None:
            return None
        return NewEvent(
            record.kind, record.payload, record.received_at, record.account, record.session, record.redacted
        )

    def _record(self, outgoing: Outgoing) -> Record | None:
        at = outgoing.at
        if isinstance(outgoing.payload, bytes):
            return self._session.frame(outgoing.payload, at, (at - self._start).total_seconds())
        if outgoing.payload.kind is ControlKind.CONNECTED:
            self._sessions += 1
            self._session = self._new_session()
            return self._session.opened(at, url="ws://sim/", site=0)
        if outgoing.payload.ends_connections:
            return self._session.closed(at, url="ws://sim/", site=0, reason="disconnected", code=None, detail="")
        return None

    def _new_session(self) -> Session:
        return Session(
            f"session-{self._sessions}", lambda payload: (payload, False), self._heartbeats, Watchdog(10.0, 0.0)
        )
