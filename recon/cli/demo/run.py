"""The demonstration: a small trading day with planted faults, the real service against it, and what it made of them.

Everything is real but the venue: the simulator is a process of its own behind a WebSocket, Postgres is embedded, the
service runs as the service role, alerts are signed and delivered to a receiver of the demonstration's own.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import trio
import typer

from recon.cli.demo.display import Display
from recon.cli.demo.page import DemoPage, listening_page, make_people
from recon.cli.demo.place import temporary_place
from recon.cli.demo.receiver import Receiver, receiving
from recon.cli.demo.scoring import Score, score
from recon.cli.demo.simulation import Simulation
from recon.cli.demo.snapshot import Snapshot, read_openings, read_snapshot
from recon.cli.demo.summary import Summary
from recon.cli.demo.try_next import TryNext, write_settings
from recon.config import Log, Settings
from recon.db.engine import create_engine
from recon.db.resolve import DatabaseHandle, resolve_database
from recon.db.transactions import ThreadedDatabase
from recon.errors import ConfigError, DatabaseError, SimulationError
from recon.service.logging import configure_logging
from recon.service.run import prepare
from recon.service.wiring import serve
from recon.simulator.scenarios import demo_plan, plan_settings

#: How often the views are read, in seconds.
READ_SECONDS: Final = 0.5
#: Longest read, in seconds.
READ_DEADLINE: Final = 10.0
#: After the day: least and longest wait for work in progress, in seconds. A gateway that was down several times is
#: tried again after up to 30 s, and only then can a fault in its reports be judged.
SETTLE_SECONDS: Final = 3.0
MAX_SETTLE_SECONDS: Final = 60.0
#: Longest wait until all gateways are connected, in seconds.
BEGIN_SECONDS: Final = 30.0
#: Longest drain of the service at the end, in seconds.
SHUTDOWN_SECONDS: Final = 10
WEBHOOK: Final = "demo"


#: Called at the end of the day, with what there is to try on its data if that stays.
Tell: TypeAlias = Callable[[Summary, TryNext | None], None]


class Options(msgspec.Struct, frozen=True):
    """What the demonstration is asked for; `data_dir` keeps the database."""

    duration: float
    seed: int
    data_dir: Path | None
    #: Whether it goes on serving after the day, until it is interrupted.
    stays: bool = False


class Scene(msgspec.Struct, frozen=True):
    """What a day is played with."""

    options: Options
    place: Path
    handle: DatabaseHandle
    receiver: Receiver
    page: DemoPage
    tell: Tell


def run_demo(options: Options, display: Display, tell: Tell) -> Summary:
    """Play one day from nothing, tell what came of it, and return it.

    Errors: SimulationError where the day is too short; ConfigError where the database was used before; DatabaseError.
    """
    demo_plan(options.seed, options.duration, early=True)  # Refuses a day that is too short before anything is started.
    with temporary_place() as place, ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        _log_to(stack, place / "recon.log")
        display.say("starting Postgres")
        _refuse_filled(options.data_dir)
        settings = Settings.model_validate({"database": {"data_dir": str(options.data_dir or place / "data")}})
        handle = stack.enter_context(resolve_database(settings, attach=False))
        prepare(handle)
        _refuse_used(handle, options.data_dir)
        page = stack.enter_context(listening_page())
        make_people(handle, page.people)
        scene = Scene(options, place, handle, receiver, page, tell)
        with display:
            return trio.run(_until_signalled, scene, display)


def _log_to(stack: ExitStack, path: Path) -> None:
    """Write the service's log to a file, because the screen is in use."""
    configure_logging(Log(level="info"))
    stream = stack.enter_context(path.open("w", encoding="utf-8"))
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(stream)
    # Restored before the file is closed.
    stack.callback(configure_logging, Log(level="warning"))


def _refuse_filled(kept: Path | None) -> None:
    """Refuse a directory that holds something else than a database of recon: its files would lie among it."""
    if kept is not None and kept.is_dir() and any(kept.iterdir()) and not (kept / "postgres").is_dir():
        raise ConfigError(f"{kept} is not empty; give --data-dir a new directory")


def _refuse_used(handle: DatabaseHandle, kept: Path | None) -> None:
    """Refuse a used database: a second day starts with other balances than the first one ended with."""
    engine = create_engine(handle.analyst_url, "recon demo", pooled=False)
    with engine.connect() as connection:
        if read_snapshot(connection).gateways:
            raise ConfigError(f"{kept} has the log of an earlier run; give --data-dir a new directory")


async def _until_signalled(scene: Scene, stage: Display) -> Summary:
    """Play the day; SIGINT or SIGTERM stops everything in order; before the day's end it gives the exit status."""
    caught: list[int] = []
    summaries: list[Summary] = []
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                async for number in signals:
                    caught.append(number)
                    nursery.cancel_scope.cancel()

            nursery.start_soon(listen)
            await _play(scene, stage, summaries)
            nursery.cancel_scope.cancel()
    if caught and not summaries:
        raise typer.Exit(128 + caught[0])
    return summaries[0]


async def _play(scene: Scene, stage: Display, summaries: list[Summary]) -> None:
    """Play the day and add what came of it; then go on serving if that is asked for."""
    options, receiver, handle = scene.options, scene.receiver, scene.handle
    plan = demo_plan(options.seed, options.duration, early=True)
    simulation = Simulation(scene.place)
    database = ThreadedDatabase(create_engine(handle.analyst_url, "recon demo", pool_size=1), 1)
    async with trio.open_nursery() as nursery:
        stage.say("starting the simulator")
        await nursery.start(partial(simulation.run, seed=options.seed, duration=options.duration))
        document = plan_settings(plan, simulation.urls, api_key=simulation.key) | {
            "webhooks": {WEBHOOK: {"url": receiver.url, "secret": receiver.secret, "watchdog": "0s"}},
            # Two more processes would begin later, and a demonstration folds little.
            "service": {"shutdown_seconds": SHUTDOWN_SECONDS, "projection": "task"},
            "web": {**scene.page.settings, "reader_url": handle.analyst_url},
        }
        await nursery.start(partial(serve, Settings.model_validate(document), handle, bound=scene.page.bound))
        stage.say(f"the service is running; the page is at {scene.page.address}")
        began = trio.current_time()
        snapshot = await _watch(simulation, database, receiver, stage, began)
        opened = await database.run(read_openings, deadline=READ_DEADLINE)
        result: Score = score(simulation.truth().faults, opened)
        elapsed = trio.current_time() - began
        summaries.append(Summary(result, snapshot, receiver.alerts, receiver.refused, elapsed, scene.page))
        stage.close()
        scene.tell(summaries[0], write_settings(scene.place, handle, scene.page, document) if options.stays else None)
        if options.stays:
            await trio.sleep_forever()
        nursery.cancel_scope.cancel()


async def _watch(
    simulation: Simulation, database: ThreadedDatabase, receiver: Receiver, stage: Display, began: float
) -> Snapshot:
    """Show snapshots until the day is over and nothing is pending; return the last one."""
    while True:
        elapsed = trio.current_time() - began
        truth = simulation.truth()
        try:
            snapshot = await database.run(read_snapshot, deadline=READ_DEADLINE)
        except DatabaseError as error:
            if not error.transient:
                raise
            await trio.sleep(READ_SECONDS)
            continue
        stage.show(snapshot, truth, receiver, elapsed)
        ends_at = truth.ends_at
        if ends_at is None:
            if elapsed > BEGIN_SECONDS:
                raise SimulationError(f"the gateways were not all connected within {BEGIN_SECONDS:g} s")
        else:
            after = (snapshot.at - ends_at).total_seconds()
            if after > MAX_SETTLE_SECONDS or (snapshot.settled and after > SETTLE_SECONDS):
                return snapshot
        await trio.sleep(READ_SECONDS)
