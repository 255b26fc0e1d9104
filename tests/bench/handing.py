"""What the hand-over saves: the same events taken from it, and read back from the log, in turn in one run.

Of handed events their hand-over counts, making events of them, and asking the log whether it holds them. Folding does
not count, since that is the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from statistics import median
from typing import Final, NamedTuple
from uuid import uuid4

import psycopg
from sqlalchemy import Connection

from recon.db.engine import create_engine, libpq_url
from recon.db.raw import driver_connection
from recon.log.append import Appended, append
from recon.log.events import NewEvent
from recon.log.handover import Handover
from recon.log.read import holds, page
from tests.bench.figures import Figures
from tests.bench.load import new_events
from tests.bench.processor_time import family_seconds
from tests.bench.stage import Stage

#: Events of a commit, which a step then takes; and how often all events are taken in one turn.
ROUNDS: Final = {1000: 10, 100: 5, 10: 2}
#: Bytes that hold a whole load.
ALL_BYTES: Final = 1 << 32


class _Cost(NamedTuple):
    """Processor time an event, in microseconds."""

    service: float
    postgres: float


class _Taking:
    """One log, whose events are taken in pages from a position on."""

    def __init__(self, connection: Connection, gateway: str, batches: list[tuple[Appended, list[NewEvent]]]) -> None:
        self._connection = connection
        self._gateway = gateway
        self._batches = batches
        self._backend = driver_connection(connection).info.backend_pid
        self._events = batches[-1][0].last_seq

    def cost(self, *, handed: bool, rounds: int) -> _Cost:
        """Take all events so many times; raise RuntimeError if one is missing."""
        service, postgres = time.thread_time(), family_seconds(self._backend)
        for _ in range(rounds):
            taken = sum(self._handed(Handover(ALL_BYTES)) if handed else self._read())
            if taken != self._events:
                raise RuntimeError(f"{taken} of {self._events} events were taken")
        each = 1e6 / rounds / self._events
        return _Cost(each * (time.thread_time() - service), each * (family_seconds(self._backend) - postgres))

    def _handed(self, handover: Handover) -> Iterator[int]:
        """Yield how many events each step is handed, for which the log has to answer."""
        for appended, events in self._batches:
            handover.put(appended, events)
            handed = handover.after(appended.first_seq - 1, len(events))
            if handed is None:
                raise RuntimeError("a batch was not handed over")
            if not holds(self._connection, self._gateway, handed.seq, handed.digest):
                raise RuntimeError("the log does not know its own digest")
            yield len(handed.events)

    def _read(self) -> Iterator[int]:
        """Yield how many events each step reads."""
        for appended, events in self._batches:
            yield len(page(self._connection, self._gateway, appended.first_seq - 1, len(events)))


def measure(stage: Stage, figures: Figures, events: int, turns: int) -> None:
    """Measure what an event costs in steps of several sizes."""
    load = new_events(events)
    engine = create_engine(stage.service_url, "recon bench")
    try:
        with engine.connect() as connection:
            for size, rounds in ROUNDS.items():
                taking = _Taking(connection, *_appended(stage, load, size))
                costs: dict[bool, list[_Cost]] = {True: [], False: []}
                for turn in range(turns):
                    for handed in (True, False) if turn % 2 else (False, True):
                        costs[handed].append(taking.cost(handed=handed, rounds=rounds))
                _add(figures, size, costs)
    finally:
        engine.dispose()


def _appended(stage: Stage, load: list[NewEvent], size: int) -> tuple[str, list[tuple[Appended, list[NewEvent]]]]:
    """Append a load in batches of so many events; return its gateway, and the batches."""
    gateway, writer = stage.new_gateway(), uuid4()
    batches = [load[first : first + size] for first in range(0, len(load), size)]
    with psycopg.connect(libpq_url(stage.service_url), autocommit=True) as raw:
        return gateway, [
            (append(raw, gateway=gateway, writer=writer, batch=number, now=datetime.now(UTC), events=batch), batch)
            for number, batch in enumerate(batches, start=1)
        ]


def _add(figures: Figures, size: int, costs: dict[bool, list[_Cost]]) -> None:
    for handed, word in ((False, "read back"), (True, "handed over")):
        for which in _Cost._fields:
            values: Iterable[float] = sorted(getattr(cost, which) for cost in costs[handed])
            name = f"{word}, {size:,} a step: {which}"
            told = f"processor time; median of {', '.join(f'{value:.2f}' for value in values)}"
            figures.add(f"handing_{which}_{size}_{handed}", name, median(values), "µs an event", told)
