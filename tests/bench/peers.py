"""Side by side, on the same server with the same messages: `eventsourcing`, and a plain SQLAlchemy ORM insert.

Both are given the easier task: `eventsourcing` appends events that are ready to be stored (no serialisation is timed),
and its projection runner follows them into a view that writes nothing but its position, where ours keeps books. There
is no dedupe, no digest and no order by commit on their side. In one thing ours has it easier: a projection step
without alerts commits with synchronous_commit off, a thousand events at a time, where the runner commits each durably.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from sqlalchemy import BigInteger, DateTime, Identity, LargeBinary, Text, create_engine, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from recon.log.events import NewEvent
from tests.bench.figures import Figures
from tests.bench.load import new_events
from tests.bench.sizes import Sizes
from tests.bench.stage import Stage

BATCH: Final = 1000
#: Longest time for the runner, in seconds.
PATIENCE: Final = 300.0


class Frame(Aggregate.Event):
    """A message as a domain event."""

    payload: str


class FrameLog(Application[UUID]):
    """The log of messages."""


class Seen(Projection[PostgresTrackingRecorder]):
    """A view that only knows how far it has come."""

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:  # noqa: ARG002  # the runner's signature
        self.view.insert_tracking(tracking)


class _Base(DeclarativeBase):
    pass


class Message(_Base):
    """A message as a row of an ordinary mapped class."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    kind: Mapped[str] = mapped_column(Text)
    account: Mapped[str | None] = mapped_column(Text)
    session: Mapped[str | None] = mapped_column(Text)
    payload: Mapped[bytes] = mapped_column(LargeBinary)


def measure(stage: Stage, figures: Figures, sizes: Sizes) -> None:
    """Measure the peers."""
    events = new_events(sizes.peers_batched)[1:]
    environment = _environment(stage)
    stage.settle()
    _eventsourcing_append(figures, environment, events, sizes)
    _orm(stage, figures, events, sizes)
    followed = events[: sizes.peers_followed]
    stage.settle()
    rates = [_runner(environment, followed, number) for number in range(sizes.repeats)]
    note = f"{len(followed):,} events into a view of its position alone, median of {sizes.repeats}"
    figures.add("es_runner", "eventsourcing, ProjectionRunner", median(rates), "/s", note)


def _environment(stage: Stage) -> dict[str, str]:
    url = make_url(stage.peers_url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": url.database or "",
        "POSTGRES_HOST": str(url.query["host"]),
        "POSTGRES_PORT": str(url.query["port"]),
        "POSTGRES_USER": url.username or "",
        # The peer reads no password file, so it is given what the file holds.
        "POSTGRES_PASSWORD": Path(str(url.query["passfile"])).read_text("utf-8").strip().rpartition(":")[2],
    }


def _stored(events: Sequence[NewEvent]) -> list[StoredEvent]:
    """One stream per account, as they would be modelled; ids of its own for each measurement."""
    salt = uuid4()
    versions: dict[str, int] = {}
    result = []
    for event in events:
        account = event.account or ""
        versions[account] = versions.get(account, 0) + 1
        result.append(StoredEvent(uuid5(salt, account), versions[account], event.kind, event.payload))
    return result


def _insert(app: FrameLog, stored: Sequence[StoredEvent]) -> None:
    """Append in one commit, through the recorder.

    A batch goes without psycopg's pipeline mode, in which psycopg 3.3 waits for ever when what it sends is larger than
    the buffer of a Unix socket; the statements are the recorder's own, and two more round trips a batch are nothing.
    """
    if len(stored) == 1:
        app.recorder.insert_events(stored)
        return
    recorder = app.recorder
    if not isinstance(recorder, PostgresApplicationRecorder):
        raise TypeError(f"{recorder!r} is not eventsourcing's recorder for Postgres")
    with recorder.datastore.get_connection() as connection, connection.transaction(), connection.cursor() as cursor:
        recorder._insert_stored_events(cursor, stored)


def _eventsourcing_append(
    figures: Figures, environment: dict[str, str], events: Sequence[NewEvent], sizes: Sizes
) -> None:
    app = FrameLog(env=environment)
    try:
        for batch, amount in ((BATCH, len(events)), (1, sizes.peers_single)):
            rates = []
            for _ in range(sizes.repeats):
                stored = _stored(events[:amount])
                began = time.perf_counter()
                for start in range(0, len(stored), batch):
                    _insert(app, stored[start : start + batch])
                rates.append(len(stored) / (time.perf_counter() - began))
            note = f"{amount:,} stored events, median of {sizes.repeats}"
            figures.add(f"es_{batch}", f"eventsourcing append, {batch:,} a commit", median(rates), "/s", note)
    finally:
        app.close()


def _runner(environment: dict[str, str], events: Sequence[NewEvent], number: int) -> float:
    """Follow and project: from the runner's start until its view has seen the last event."""
    environment = environment | {"APPLICATION_EVENTS_TABLE_NAME": f"runner_events_{number}"}
    name = f"Log{number}"
    application = type(name, (FrameLog,), {"name": name})
    projection = type(f"Seen{number}", (Seen,), {})
    app = application(env=environment)
    try:
        now = Aggregate.Event.create_timestamp()
        frames = []
        versions: dict[UUID, int] = {}
        for event in events:
            origin = uuid5(NAMESPACE_URL, f"{number}:{event.account}")
            versions[origin] = versions.get(origin, 0) + 1
            frame = Frame(
                originator_id=origin,
                originator_version=versions[origin],
                timestamp=now,
                payload=event.payload.decode(),  # type: ignore[call-arg]  # its metaclass makes the constructor
            )
            frames.append(app.mapper.to_stored_event(frame))
        for start in range(0, len(frames), BATCH):
            _insert(app, frames[start : start + BATCH])
        last = app.recorder.max_notification_id()
    finally:
        app.close()
    began = time.perf_counter()
    made: ProjectionRunner[FrameLog, PostgresTrackingRecorder] = ProjectionRunner(
        application_class=application,
        projection_class=projection,
        view_class=PostgresTrackingRecorder,
        env=environment,
    )
    with made as runner:
        runner.wait(last, timeout=PATIENCE)
        return len(frames) / (time.perf_counter() - began)


def _orm(stage: Stage, figures: Figures, events: Sequence[NewEvent], sizes: Sizes) -> None:
    engine = create_engine(make_url(stage.peers_url).set(drivername="postgresql+psycopg"))
    _Base.metadata.create_all(engine)
    for batch, amount in ((BATCH, len(events)), (1, sizes.peers_single)):
        rates = []
        for _ in range(sizes.repeats):
            began = time.perf_counter()
            with Session(engine) as session:
                for start in range(0, amount, batch):
                    session.add_all(
                        Message(
                            received_at=event.received_at,
                            kind=event.kind,
                            account=event.account,
                            session=event.session,
                            payload=event.payload,
                        )
                        for event in events[start : start + batch]
                    )
                    session.commit()
            rates.append(amount / (time.perf_counter() - began))
        note = f"{amount:,} rows, median of {sizes.repeats}"
        figures.add(f"orm_{batch}", f"SQLAlchemy ORM add_all, {batch:,} a commit", median(rates), "/s", note)
    engine.dispose()
