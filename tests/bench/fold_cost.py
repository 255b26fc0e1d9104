"""`python -m tests.bench.fold_cost [--other TREE] [--turns N]`: what decoding and folding an event costs, in memory.

Folds the same logs with this tree and with another one (a checkout of an earlier commit), in turn in one run, each in
a process of its own; with the comparison, and with books alone. Ratios within a run carry over to other machines.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess  # each tree is measured in a process of its own
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from recon.log.events import Event
from recon.projection.fold import Fold, decode_event
from recon.testing.log import new_fold
from tests.bench.alone import BooksAlone

#: The tree that this file is of.
OWN: Final = Path(__file__).resolve().parents[2]
#: Events folded at a time, before another tree has its turn.
AT_A_TIME: Final = 250
#: Frames of the steady load.
LOAD_FRAMES: Final = 44_000
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


class Folder:
    """Folds a log a part at a time."""

    def __init__(self, log: Sequence[Event], *, alone: bool) -> None:
        self._log, self._folded = log, 0
        self._fold = new_fold("cost")
        if alone:
            self._fold = Fold(self._fold.ledger, BooksAlone(self._fold.ledger))

    def next_part(self) -> float:
        """Decode and fold the next part; return the processor time that it took, in seconds."""
        part = self._log[self._folded : self._folded + AT_A_TIME]
        self._folded += len(part)
        began = time.process_time()
        self._fold.fold([decode_event(event) for event in part])
        spent = time.process_time() - began
        self._fold.reconciler.transitions.clear()
        self._fold.ledger.changes = type(self._fold.ledger.changes)()
        return spent


def parts_of(events: int) -> int:
    """Return in how many parts so many events are folded."""
    return -(-events // AT_A_TIME)


def answer(log: Sequence[Event], *, alone: bool) -> None:
    """Fold a part of a log for each line that comes in, and say what it took."""
    folder = Folder(log, alone=alone)
    gc.collect()
    gc.freeze()  # the log and the modules are no garbage of the fold
    for _ in sys.stdin:
        sys.stdout.write(f"{folder.next_part()}\n")
        sys.stdout.flush()


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


class Measured:
    """A process that folds a log with a tree."""

    def __init__(self, tree: Path, log: Path, *, alone: bool) -> None:
        command = [sys.executable, "-P", str(Path(__file__).resolve()), "--measure", str(log)]
        environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONHASHSEED": "0"}
        self._process = subprocess.Popen(  # noqa: S603  # this file, by this interpreter
            [*command, "--alone"] if alone else command,
            env=environment,
            cwd=tree,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def next_part(self) -> float:
        """Have the next part folded; return the processor time that it took, in seconds."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process of a measurement has no way in or out")
        process.stdin.write("next\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    def end(self) -> None:
        """Let the process end."""
        self._process.communicate()


def measure(trees: Sequence[Path], log: Path, events: int, turns: int, *, alone: bool) -> dict[Path, list[float]]:
    """Return what each part of a log took with each tree, in seconds: the least of all turns.

    The trees fold the same part one after the other, so that what else the machine does is the same for all.
    """
    least: dict[Path, list[float]] = {}
    for turn in range(turns):
        running = {tree: Measured(tree, log, alone=alone) for tree in trees}
        taken: dict[Path, list[float]] = {tree: [] for tree in trees}
        for part in range(parts_of(events)):
            for tree in trees if (turn + part) % 2 else tuple(reversed(trees)):
                taken[tree].append(running[tree].next_part())
        for tree in trees:
            running[tree].end()
            least[tree] = list(map(min, taken[tree], least.get(tree, taken[tree])))
    return least


def compare(trees: Sequence[Path], turns: int) -> str:
    """Return a table of the costs of an event, in Markdown, for both halves of each log."""
    lines = [
        "| log | tree | decode and fold | books alone | comparing | this tree to it |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as place:
        for name, log in _logs(Path(place)).items():
            events = len(stored(log))
            wholes = measure(trees, log, events, turns, alone=False)
            books = measure(trees, log, events, turns, alone=True)
            middle = parts_of(events) // 2
            folded = middle * AT_A_TIME
            halves = ("first half", slice(middle), folded), ("second half", slice(middle, None), events - folded)
            for half, span, count in halves:
                own = sum(wholes[trees[0]][span])
                for tree in trees:
                    whole, alone = sum(wholes[tree][span]), sum(books[tree][span])
                    shown = " | ".join(f"{1e6 * each / count:.0f} µs" for each in (whole, alone, whole - alone))
                    lines.append(f"| {name}, {half} | {tree.name} | {shown} | {own / whole:.2f} |")
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
        answer(stored(arguments.measure), alone=arguments.alone)
        return
    sys.stdout.write(compare([OWN, *(each.resolve() for each in arguments.other)], arguments.turns) + "\n")


if __name__ == "__main__":
    main()
