"""`python -m tests.bench [PART …]`: measures recon on this machine and prints figures, ratios and targets.

Parts: `receive` (the bare WebSocket library), `append`, `committing` (many committers, with and without NOTIFY),
`offered` (latencies at 2,000 and 5,000 frames a second), `telling` (from a break to the request of its webhook),
`saturated` (end to end, and the service's memory), `several` (gateways at once, by tasks and by processes),
`handing` (events handed over to the projector, and read back from the log, in turn),
`projection` (catching up, rebuild), `steps` (small ones), `flat` (what an event costs as logs, accounts and idle
gateways grow), `comparing` (what comparing and classifying cost: with them and with books alone, in turn), `peers`
(eventsourcing, SQLAlchemy ORM), `linear` (how the time a row grows with the rows of hostile loads, in memory),
`stored` (the same in Postgres), `capacity` (what a rate of frames and a number of accounts need of processor, memory
and disk), `screens` (a long list as HTML), `as_of` (the books at a past time, of ten million entries), `late` (what is
told of long ago, after a long log), `reports` (what long reports take of memory and time, in every format).
Without any, all are measured. Everything runs on one embedded Postgres with its durable settings, in a temporary
directory (`--directory` chooses the disk). Ratios within a run carry over to other machines, absolute figures do not.
The exit status is 0 whatever the figures are.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from rich.console import Console

from tests.bench import (
    appending,
    capacity,
    committing,
    comparing,
    flat,
    folding,
    handing,
    late_facts,
    linear,
    load,
    receiving,
    reporting,
    screens,
    several,
    stepping,
    stored,
    streaming,
    telling,
    travelling,
)
from tests.bench.figures import Figures, console, targets
from tests.bench.sizes import TINY, Sizes
from tests.bench.stage import Stage, machine, stage

PARTS: Final = (
    "receive", "append", "committing", "offered", "telling", "saturated", "several", "handing", "projection", "steps",
    "flat", "comparing", "peers", "linear", "stored", "capacity", "screens", "as_of", "late", "reports",
)  # fmt: skip


def _stream(chosen: list[str], sizes: Sizes, on: Stage, figures: Figures) -> None:
    """Measure what needs a gateway that streams frames."""
    if "offered" in chosen:
        for rate, frames in sizes.offered.items():
            streaming.offered(figures, on, load.write_frames(on.place / "offered.frames", frames), rate)
    if "telling" in chosen:
        telling.measure(figures, on, sizes)
    if "saturated" in chosen:
        streaming.saturated(on, figures, load.write_frames(on.place / "saturated.frames", sizes.saturated))
    if "several" in chosen:
        at_once = load.write_frames(on.place / "several.frames", sizes.several)
        several.measure(on, figures, at_once, sizes.several_gateways, sizes.several_turns)
        offered = load.write_frames(on.place / "several-offered.frames", sizes.several_offered)
        several.measure(on, figures, offered, (2,), sizes.several_turns, float(sizes.several_rate))


def _fold(chosen: list[str], sizes: Sizes, on: Stage, figures: Figures) -> None:
    """Measure what folds a log."""
    if "handing" in chosen:
        handing.measure(on, figures, min(sizes.load, sizes.handed), sizes.turns)
    if "projection" in chosen:
        folding.measure(on, figures, min(sizes.saturated, sizes.load), sizes.repeats)
    if "steps" in chosen:
        stepping.measure(on, figures, sizes.stepped)
    if "flat" in chosen:
        flat.measure(on, figures, sizes)
    if "comparing" in chosen:
        comparing.measure(on, figures, load.write_frames(on.place / "comparing.frames", sizes.load), sizes.turns)


def _read(chosen: list[str], sizes: Sizes, on: Stage, figures: Figures) -> None:
    """Measure what people read."""
    if "screens" in chosen:
        screens.measure(figures, sizes.listed, sizes.repeats)
    if "as_of" in chosen:
        travelling.measure(on, figures, sizes.entries, sizes.repeats)
    if "late" in chosen:
        late_facts.measure(on, figures, sizes.late, sizes.repeats)
    if "reports" in chosen:
        reporting.measure(on, figures, sizes.reported)


def _measure(chosen: list[str], sizes: Sizes, on: Stage, figures: Figures) -> None:
    """Measure the chosen parts, in the order of PARTS."""
    if "receive" in chosen:
        receiving.measure(figures, load.write_frames(on.place / "bare.frames", sizes.load), sizes.repeats)
    if "append" in chosen:
        appending.measure(on, figures, sizes)
    if "committing" in chosen:
        committing.measure(on, figures, sizes)
    _stream(chosen, sizes, on, figures)
    _fold(chosen, sizes, on, figures)
    if "peers" in chosen:
        from tests.bench import peers  # noqa: PLC0415  # eventsourcing is in the bench extra alone

        peers.measure(on, figures, sizes)
    if "linear" in chosen:
        linear.measure(figures, sizes.linear)
    if "stored" in chosen:
        stored.measure(on, figures, sizes.linear)
    if "capacity" in chosen:
        capacity.measure(on, figures, sizes.capacity)
    _read(chosen, sizes, on, figures)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--events", type=int, default=Sizes().saturated, help="frames of the saturated run")
    parser.add_argument("--million", action="store_true", help="the same as --events 1000000")
    parser.add_argument("--tiny", action="store_true", help="show that all parts run; the figures mean nothing")
    parser.add_argument("--directory", type=Path, help="where the temporary server lives (default: the system's)")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.parts) - set(PARTS))
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    sizes = TINY if given.tiny else Sizes(saturated=streaming.MILLION if given.million else given.events)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    progress = Console(stderr=True, highlight=False)
    figures = Figures(lambda text: progress.print(f"[dim]{text}[/]"))
    output = console()
    with stage(given.directory) as on:
        about = machine(on)
        _measure(given.parts or list(PARTS), sizes, on, figures)
    judged = targets(figures)  # first, since it adds the ratios to the figures
    output.print(f"recon's benchmark, {datetime.now(UTC):%Y-%m-%d}; load: {load.MIX}, about 500 bytes each")
    for line in about:
        output.print(f"  {line}")
    output.print(figures.table())
    output.print(judged)


if __name__ == "__main__":
    main()
