"""Plays a day on virtual time, and writes down what the scorer reads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

from recon.log.events import Event
from recon.simulator.day import Gateway
from recon.simulator.fault import PlantedFault
from recon.testing.log import START, as_stored
from recon.testing.player import recorded_events, without_rest
from tests.faults.days import QUIET_SECONDS, Day
from tests.faults.rows import Planted, UnitId
from tests.faults.score import HABITUAL
from tests.faults.service import Said, Service

#: Events that are played at a time; between them, what the engine would store is measured.
AT_A_TIME: Final = 2_000


class Rows(NamedTuple):
    """A played day: how many accounts it has, what was planted, what was said, and the most that was stored."""

    accounts: int
    planted: list[Planted]
    said: Said
    state_bytes: int


def played(day: Day) -> Rows:
    """Play a day to the service's fold."""
    plan = without_rest(day.plan())
    (gateway_plan,) = plan.gateways
    gateway = Gateway(gateway_plan, START)
    until = START + timedelta(seconds=plan.duration + QUIET_SECONDS)
    playing = Service(gateway_plan.name)
    most = _fold(playing, as_stored(recorded_events(plan, gateway, until=until)))
    return Rows(len(gateway.accounts), planted(gateway), playing.said, most)


def _fold(playing: Service, log: Iterator[Event]) -> int:
    """Fold a log piece by piece, so that a long day needs no more memory than a short one."""
    times: list[datetime] = []
    most = 0
    while events := list(islice(log, AT_A_TIME)):
        times.extend(event.recorded_at for event in events)
        playing.fold(events, times)
        playing.said.explained[:] = [each for each in playing.said.explained if each.cause not in HABITUAL]
        most = max(most, playing.state_bytes())
    return most


def planted(gateway: Gateway) -> list[Planted]:
    """Return the steps that a gateway has planted up to now."""
    return [row for fault in gateway.truth for row in _planted(fault)]


def _planted(fault: PlantedFault) -> list[Planted]:
    return [
        Planted(
            fault=fault.kind.value,
            unit=UnitId(fault.account, fault.unit_kind or "", code),
            amount=amount,
            uncertainty=fault.uncertainty[code],
            at=fault.planted_at,
            cause=fault.cause,
            causes=fault.causes,
        )
        for code, amount in fault.amounts.items()
    ]
