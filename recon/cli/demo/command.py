"""`recon demo`: a small trading day with planted faults, the real service against it, and what it made of them.

Everything is real but the venue: the simulator is a process of its own behind a WebSocket, Postgres is embedded, the
service runs as the service role, alerts are signed and delivered to a receiver of the demonstration's own.
"""

from __future__ import annotations

import logging
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import msgspec
import trio
import typer

from recon.cli.demo.display import Headless, Screen, Stage
from recon.cli.demo.receiver import Receiver, receiving
from recon.cli.demo.scoring import Score, score
from recon.cli.demo.simulation import Simulation
from recon.cli.demo.snapshot import Picture, look, openings
from recon.cli.demo.summary import Summary, print_summary
from recon.cli.output import write
from recon.config import Log, Settings
from recon.db.engine import create_engine
from recon.db.resolve import DatabaseHandle, resolve_database
from recon.db.transactions import ThreadedDatabase
from recon.errors import ConfigError, DatabaseError, SimulationError
from recon.service.logging import configure_logging
from recon.service.run import prepare
from recon.service.wiring import serve
from recon.simulator.scenarios import demo_plan, plan_settings

#: How often the views are looked at, in seconds.
LOOK_SECONDS: Final = 0.5
#: Longest look, in seconds.
LOOK_DEADLINE: Final = 10.0
#: After the day: what is still under way gets at least this long, and at most that long, in seconds.
SETTLE_SECONDS: Final = 3.0
MAX_SETTLE_SECONDS: Final = 20.0
#: Longest wait until all gateways are connected, in seconds.
BEGIN_SECONDS: Final = 30.0
#: Longest drain of the service at the end, in seconds.
SHUTDOWN_SECONDS: Final = 10
WEBHOOK: Final = "demo"


class Options(msgspec.Struct, frozen=True):
    """What the demonstration is asked for."""

    duration: float
    seed: int


def demo(
    *,
    duration: Annotated[float, typer.Option(help="Seconds of trading.", max=86_400)] = 60.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 7,
    headless: Annotated[
        bool, typer.Option("--headless", help="No screen: short lines and a summary, for scripts and pipes.")
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep the database here (an empty or new directory); else it is removed."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON document (headless).")] = False,
) -> None:
    """Show everything at work on a simulated trading day.

    Two gateways, six accounts, spot and derivatives, with planted faults; live on a screen.

    The exit status is 0 if every planted fault was flagged and nothing else was, and 1 if not.
    """
    demo_plan(seed, duration)  # Refuses a day that is too short before anything is started.
    options = Options(duration=duration, seed=seed)
    stage: Stage = Headless(quiet=json) if headless or json or not sys.stdout.isatty() else Screen(duration)
    with _directory() as place, ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        kept = None if data_dir is None else data_dir.absolute()
        _log_to(stack, place / "recon.log")
        stage.say("starting Postgres")
        settings = Settings.model_validate({"database": {"data_dir": str(kept or place / "data")}})
        handle = stack.enter_context(resolve_database(settings, attach=False))
        prepare(handle)
        _refuse_used(handle, kept)
        with stage:
            summary = trio.run(_until_signalled, options, place, handle, receiver, stage)
    print_summary(summary, as_json=json)
    if kept is not None:
        write("" if json else f"the database is kept: RECON_DATABASE__DATA_DIR={kept} recon status\n")
    raise typer.Exit(0 if summary.score.passed else 1)


@contextmanager
def _directory() -> Iterator[Path]:
    """Give a directory that the server's account can pass through, gone afterwards."""
    place = Path(tempfile.mkdtemp(prefix="recon-demo-"))
    place.chmod(0o711)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _log_to(stack: ExitStack, path: Path) -> None:
    """Write the service's log to a file, for the screen is taken."""
    configure_logging(Log(level="info"))
    stream = stack.enter_context(path.open("w", encoding="utf-8"))
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(stream)
    # Set back before the file is closed.
    stack.callback(configure_logging, Log(level="warning"))


def _refuse_used(handle: DatabaseHandle, kept: Path | None) -> None:
    """Refuse a used database: a second day begins with other balances than the first one ended with."""
    engine = create_engine(handle.analyst_url, "recon demo", pooled=False)
    with engine.connect() as connection:
        if look(connection).gateways:
            raise ConfigError(f"{kept} holds the log of an earlier run; give --data-dir a new directory")


async def _until_signalled(
    options: Options, place: Path, handle: DatabaseHandle, receiver: Receiver, stage: Stage
) -> Summary:
    """Play the day; an interrupt or SIGTERM stops everything in order and is then what it always is."""
    caught: list[int] = []
    summaries: list[Summary] = []
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                async for number in signals:
                    caught.append(number)
                    nursery.cancel_scope.cancel()

            nursery.start_soon(listen)
            summaries.append(await _play(options, place, handle, receiver, stage))
            nursery.cancel_scope.cancel()
    if caught:
        raise typer.Exit(128 + caught[0])
    return summaries[0]


async def _play(options: Options, place: Path, handle: DatabaseHandle, receiver: Receiver, stage: Stage) -> Summary:
    plan = demo_plan(options.seed, options.duration)
    simulation = Simulation(place)
    database = ThreadedDatabase(create_engine(handle.analyst_url, "recon demo", pool_size=1), 1)
    async with trio.open_nursery() as nursery:
        stage.say("starting the simulator")
        await nursery.start(partial(simulation.run, seed=options.seed, duration=options.duration))
        document = plan_settings(plan, simulation.urls) | {
            "webhooks": {WEBHOOK: {"url": receiver.url, "secret": receiver.secret}},
            "service": {"shutdown_seconds": SHUTDOWN_SECONDS},
        }
        await nursery.start(partial(serve, Settings.model_validate(document), handle))
        stage.say("the service is running")
        began = trio.current_time()
        picture = await _watch(simulation, database, receiver, stage, began)
        found = await database.run(openings, deadline=LOOK_DEADLINE)
        result: Score = score(simulation.truth().faults, found)
        elapsed = trio.current_time() - began
        nursery.cancel_scope.cancel()
    return Summary(result, picture, receiver.alerts, receiver.refused, elapsed)


async def _watch(
    simulation: Simulation, database: ThreadedDatabase, receiver: Receiver, stage: Stage, began: float
) -> Picture:
    """Show what there is until the day is over and all is decided; return the last picture."""
    while True:
        elapsed = trio.current_time() - began
        truth = simulation.truth()
        try:
            picture = await database.run(look, deadline=LOOK_DEADLINE)
        except DatabaseError as error:
            if not error.transient:
                raise
            await trio.sleep(LOOK_SECONDS)
            continue
        stage.show(picture, truth, receiver, elapsed)
        ends_at = truth.ends_at
        if ends_at is None:
            if elapsed > BEGIN_SECONDS:
                raise SimulationError(f"the gateways were not all connected within {BEGIN_SECONDS:g} s")
        else:
            after = (picture.at - ends_at).total_seconds()
            settled = not (picture.lag or picture.pending or picture.waiting)
            if after > MAX_SETTLE_SECONDS or (settled and after > SETTLE_SECONDS):
                return picture
        await trio.sleep(LOOK_SECONDS)
