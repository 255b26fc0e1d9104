"""The simulator as a process: serve a ready plan until stopped."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import trio

from recon.clock import utc_now
from recon.errors import SimulationError
from recon.simulator.faults.truth import TruthFile, replace_file
from recon.simulator.scenarios import PLANS
from recon.simulator.server import listen, serve, urls_of


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def run_simulator(  # noqa: PLR0913 - the options of one run
    *,
    plan_name: str,
    seed: int,
    duration: float,
    ports: Sequence[int],
    truth_file: Path | None = None,
    ready_file: Path | None = None,
    api_key: str | None = None,
    host: str = "127.0.0.1",
    until_input_ends: bool = False,
    announce: Callable[[str], None] = _say,
) -> None:
    """Serve a ready plan until cancelled or signalled (TERM, INT); heartbeats go on after the day.

    With `until_input_ends` it also stops when the standard input ends: a pipe that only its starter holds ends with it.

    `duration` is the length of the trading day in seconds, from each gateway's first client. `announce` is
    given one line per gateway; `ready_file` gets {"urls": {gateway: url}} once all are listening. Raises
    SimulationError for an unknown plan, a day too short for it, or a port that cannot be opened.
    """
    if plan_name not in PLANS:
        raise SimulationError(f"There is no plan {plan_name!r}; take one of {', '.join(sorted(PLANS))}.")
    plan = PLANS[plan_name](seed, duration)
    truth = None if truth_file is None else TruthFile(truth_file, plan)
    listening = await listen(plan, host, ports)
    urls = urls_of(listening)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(serve, plan, listening, now=utc_now, api_key=api_key, truth=truth))
            for name, url in urls.items():
                announce(f"{name} {url}")
            if ready_file is not None:
                replace_file(ready_file, json.dumps({"urls": urls}))
            if until_input_ends:
                nursery.start_soon(_stop_with_the_input, nursery.cancel_scope)
            async for _ in signals:
                nursery.cancel_scope.cancel()
                break


async def _stop_with_the_input(scope: trio.CancelScope) -> None:
    """Cancel once nobody holds the other end of the standard input any more, whatever it ended by."""
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stream:
        with suppress(trio.BrokenResourceError):
            while await stream.receive_some():
                pass
    scope.cancel()
