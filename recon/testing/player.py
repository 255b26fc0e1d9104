"""Plays simulated days on virtual time: the simulator's frames become events of the log, which are folded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from recon.config import rules_document
from recon.config.tables import Settings
from recon.log import events
from recon.log.events import Event, NewEvent
from recon.projection.fold import Fold, decode_event
from recon.simulator.day import Gateway, play_gateway
from recon.simulator.gateway.outgoing import ControlKind, Outgoing
from recon.simulator.plan import Plan
from recon.simulator.scenarios import plan_settings
from recon.testing.log import START, as_stored, new_fold
from recon.testing.virtual_recorder import VirtualRecorder

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
    recorder = VirtualRecorder(start)
    next_tick = start + _SECOND
    for outgoing in play_gateway(gateway, start, until=until):
        while next_tick <= outgoing.at:
            yield recorder.tick(next_tick)
            next_tick += _SECOND
        event = _recorded(recorder, outgoing)
        if event is not None:
            yield event
    while next_tick <= until:
        yield recorder.tick(next_tick)
        next_tick += _SECOND


def _recorded(recorder: VirtualRecorder, outgoing: Outgoing) -> NewEvent | None:
    at = outgoing.at
    if isinstance(outgoing.payload, bytes):
        return recorder.frame(outgoing.payload, at)
    if outgoing.payload.kind is ControlKind.CONNECTED:
        return recorder.opened(at)
    return recorder.closed(at) if outgoing.payload.ends_connections else None
