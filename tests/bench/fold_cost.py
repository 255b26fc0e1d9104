"""`python -m tests.bench.fold_cost [--other TREE] [--turns N]`: what decoding and folding an event costs, in memory.

Folds the same logs with this tree and with another one (a checkout of an earlier commit), in turn in one run, each in
a process of its own; with the comparison, and with books alone. Ratios within a run carry over to other machines.
"""

from __future__ import annotations

import argparse
import os
import subprocess  # each tree is measured in a process of its own
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import msgspec

from recon.log.events import Event
from recon.projection.fold import Fold, decode_event
from recon.reconciliation.reconciler import Reconciler
from recon.testing.log import new_fold
from tests.bench.alone import BooksAlone

#: The tree that this file is of.
OWN: Final = Path(__file__).resolve().parents[2]
#: Events folded at a time, as the projector does.
AT_A_TIME: Final = 1_000
#: Frames of the steady load.
LOAD_FRAMES: Final = 14_000
#: Microseconds between them: openings and windows pass within the load.
APART_US: Final = 2_000


class StoredEvent(NamedTuple):
    """An event of a log on disk."""

    seq: int
    recorded_at: datetime
    received_at: datetime
    kind: str
    account: str | None
    session: str | None
    readable: bool
    payload: bytes


def store(path: Path, events: Iterable[Event]) -> None:
    """Write a log to a file."""
    rows = [
        StoredEvent(
            each.seq, each.recorded_at, each.received_at, each.kind, each.account, each.session, each.readable,
            each.payload,
        )
        for each in events
    ]  # fmt: skip
    path.write_bytes(msgspec.msgpack.encode(rows))


def stored(path: Path) -> list[Event]:
    """Read a log from a file."""
    rows = msgspec.msgpack.decode(path.read_bytes(), type=list[StoredEvent])
    return [Event(*row) for row in rows]


def cost(log: Sequence[Event], *, alone: bool) -> float:
    """Return the time of this process to decode and fold an event, in microseconds; `alone` compares nothing."""
    fold = new_fold("cost")
    if alone:
        fold = Fold(fold.ledger, BooksAlone(fold.ledger))
    reconciler: Reconciler = fold.reconciler
    spent = 0.0
    for first in range(0, len(log), AT_A_TIME):
        began = time.process_time()
        fold.fold([decode_event(event) for event in log[first : first + AT_A_TIME]])
        spent += time.process_time() - began
        reconciler.transitions.clear()
        fold.ledger.changes = type(fold.ledger.changes)()
    return 1e6 * spent / len(log)


def _logs(place: Path) -> dict[str, Path]:
    """Write the logs that are folded: a steady load, and clean days of the fault benchmark."""
    from recon.simulator.day import Gateway  # noqa: PLC0415  # the tree that is measured needs none of this
    from recon.testing.log import START, as_stored  # noqa: PLC0415
    from recon.testing.player import recorded_events  # noqa: PLC0415
    from tests.bench.load import new_events  # noqa: PLC0415
    from tests.faults.days import Day, Flow  # noqa: PLC0415

    load = new_events(LOAD_FRAMES, apart_us=APART_US)
    logs = {"steady load": list(as_stored(load, start=load[0].received_at))}
    for rate, told in ((2.0, True), (2.0, False), (10.0, True)):
        plan = Day(Flow(rate, equal_sizes=False, polled=None), None, told, 1).plan()
        gateway, until = Gateway(plan.gateways[0], START), START + timedelta(seconds=plan.duration + 20)
        name = f"clean day, {rate:g}/s, {'fees told' if told else 'fees not told'}"
        logs[name] = list(as_stored(recorded_events(plan, gateway, until=until)))
    paths = {}
    for number, (name, events) in enumerate(logs.items()):
        paths[name] = place / f"{number}.log"
        store(paths[name], events)
    return paths


def measured(tree: Path, log: Path, *, alone: bool) -> float:
    """Return what a tree's fold of a log costs an event, in microseconds."""
    command = [
        sys.executable,
        "-P",
        str(Path(__file__).resolve()),
        "--measure",
        str(log),
        *(["--alone"] if alone else []),
    ]
    done = subprocess.run(  # noqa: S603  # this file, by this interpreter
        command, env={**os.environ, "PYTHONPATH": str(tree)}, check=True, capture_output=True, text=True, cwd=tree
    )
    return float(done.stdout)


def compare(trees: Sequence[Path], turns: int) -> str:
    """Return a table of the costs, in Markdown: for each log and tree the median, and the ratio to the first tree."""
    lines = [
        "| log | tree | decode and fold | books alone | comparing | to this tree |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as place:
        for name, log in _logs(Path(place)).items():
            costs: dict[tuple[Path, bool], list[float]] = {}
            for turn in range(turns):
                for tree in trees if turn % 2 else tuple(reversed(trees)):
                    for alone in (False, True):
                        costs.setdefault((tree, alone), []).append(measured(tree, log, alone=alone))
            own = costs[trees[0], False]
            for tree in trees:
                whole, books = median(costs[tree, False]), median(costs[tree, True])
                ratio = median(mine / other for mine, other in zip(own, costs[tree, False], strict=True))
                lines.append(
                    f"| {name} | {tree.name} | {whole:.0f} µs | {books:.0f} µs | {whole - books:.0f} µs | {ratio:.2f} |"
                )
    return "\n".join(lines)


def main(given: Sequence[str] | None = None) -> None:
    """Compare trees, or (as a process of its own) measure one."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.fold_cost", description=(__doc__ or "").split("\n\n")[1]
    )
    parser.add_argument(
        "--other", type=Path, action="append", default=[], metavar="TREE", help="a checkout, also several"
    )
    parser.add_argument("--turns", type=int, default=3, help="how often each is measured (default: 3)")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(given)
    if arguments.measure:
        sys.stdout.write(f"{cost(stored(arguments.measure), alone=arguments.alone)}\n")
        return
    sys.stdout.write(compare([OWN, *(each.resolve() for each in arguments.other)], arguments.turns) + "\n")


if __name__ == "__main__":
    main()
