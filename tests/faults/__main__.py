"""`python -m tests.faults [--first-seed N] [--seeds N] [--variant NAME] …`: how much of what is planted is found.

Plays trading days from seeds on virtual time, with a truth that the simulator alone writes, folds them, and prints
tables in Markdown, with raw counts beside every share. Days are tuned on seeds below 1,000; what is published comes
from seeds from 9,000 on that were run once.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.faults.ceiling import undecidable
from tests.faults.days import RATES, TARGET_RATE, Day, days, flows, long_days, varied_days
from tests.faults.processes import PROCESSES, all_scored
from tests.faults.records import append, publish, read
from tests.faults.score import Score
from tests.faults.table import markdown
from tests.faults.variants import VARIANTS

QUICK_RATES: Final = (0.5, 2.0)
#: Beyond the target rate, days are long to play and there is nothing to reach: one seed is told.
FAST_SEEDS: Final = 1
#: What is compared with in the records of these runs.
ENGINE: Final = "trellis"
ALL: Final = "all"


def chosen(
    seeds: int,
    *,
    quick: bool = False,
    rates: Sequence[float] = RATES,
    first_seed: int = 1,
    variants: Sequence[str] = (),
    long: bool = False,
) -> list[Day]:
    """Return the days of so many seeds from the first on: plain ones, variants of them, or long ones."""
    wanted = range(first_seed, first_seed + (1 if quick else seeds))
    if long:
        return long_days(wanted)
    near = [rate for rate in (QUICK_RATES if quick else rates) if rate <= TARGET_RATE]
    fast = [] if quick else [rate for rate in rates if rate > TARGET_RATE]
    if variants:
        names = list(VARIANTS) if ALL in variants else variants
        told_at_once = [flow for flow in flows([*near, *fast]) if not flow.equal_sizes and flow.polled is None]
        return varied_days(told_at_once, wanted, names)
    return days(flows(near), wanted) + days(flows(fast), wanted[:FAST_SEEDS])


def said(day: Day, score: Score) -> Iterator[str]:
    """Name what went wrong on a day; each line begins with the code that `--replay` takes."""
    yield from (f"{day.code}: missed {each}" for each in score.missed)
    yield from (f"{day.code}: false alarm {each}" for each in (*score.false_alarms, *score.clean_alarms))
    yield from (f"{day.code}: uncertain opening of nothing {each}" for each in score.uncertain_alarms)
    yield from (f"{day.code}: told as an uncertain opening: {each}" for each in score.uncertain)
    for found in score.detectable:
        planted, label = found.planted, found.label
        if found.held is False:
            yield f"{day.code}: the interval does not hold {planted}"
        if planted.identifiable and not label.is_right(planted):
            yield f"{day.code}: {planted} is {planted.cause}, said {label.cause} ({label.certainty}) of {label.fits}"
        if planted.ambiguous and not label.is_honest(planted):
            yield (
                f"{day.code}: {planted} may be {planted.causes}, said {label.cause} ({label.certainty}) of {label.fits}"
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--seeds", type=int, default=3, help="days of each flow and programme (default: 3)")
    parser.add_argument("--first-seed", type=int, default=1, metavar="N", help="the first of these seeds (default: 1)")
    parser.add_argument("--quick", action="store_true", help="one seed, two rates")
    parser.add_argument(
        "--rates", type=float, nargs="+", default=RATES, choices=RATES, metavar="RATE", help="some of the flows alone"
    )
    parser.add_argument(
        "--variant", action="append", default=[], choices=[*VARIANTS, ALL], metavar="NAME",
        help=f"days of a variant, also several: {', '.join(VARIANTS)}, or {ALL}",
    )  # fmt: skip
    parser.add_argument("--long", action="store_true", help="clean days of two hours and of 24")
    parser.add_argument(
        "--replay", action="append", default=[], metavar="DAY", help="one day by its code, also several"
    )
    parser.add_argument("--days", type=int, help="play only so many of these days, from the first on")
    parser.add_argument("--record", type=Path, metavar="FILE", help="add each day's score to a file, a line each")
    parser.add_argument(
        "--read", type=Path, nargs="+", metavar="FILE", help="print the tables of such files; play none"
    )
    parser.add_argument("--publish", type=Path, metavar="FILE", help="with --read: write the figures of each day")
    parser.add_argument("--ceiling", action="store_true", help="say of each miss whether anybody could have told it")
    parser.add_argument("--verbose", action="store_true", help="name each miss, false alarm and wrong label")
    parser.add_argument("--processes", type=int, default=PROCESSES, choices=range(1, PROCESSES + 1))
    return parser


def _wanted(arguments: argparse.Namespace) -> list[Day]:
    if arguments.replay:
        return [Day.of(code) for code in arguments.replay]
    wanted = chosen(
        arguments.seeds,
        quick=arguments.quick,
        rates=arguments.rates,
        first_seed=arguments.first_seed,
        variants=arguments.variant,
        long=arguments.long,
    )
    return wanted[: arguments.days]


def _ceiling(scored: Sequence[tuple[Day, Score]]) -> str:
    """Count the misses by whether the simulator allows that nothing happened."""
    judged = Counter(undecidable(day, each) for day, score in scored for each in score.missed)
    counts = f"{judged[True]} are undecidable, {judged[False]} are not, {judged[None]} are not judged"
    return f"Of {judged.total()} misses {counts}."


def main(given: Sequence[str] | None = None) -> None:
    """Play the days that are asked for, and print the tables."""
    arguments = _parser().parse_args(given)
    if arguments.publish and arguments.read:
        publish(arguments.read, arguments.publish)
    scored: list[tuple[Day, Score]] = list(read(arguments.read or ()))
    wanted, began = [] if arguments.read else _wanted(arguments), time.monotonic()
    for day, score in all_scored(wanted, arguments.processes):
        scored.append((day, score))
        if arguments.record:
            append(arguments.record, day, ENGINE, score)
        if arguments.verbose:
            sys.stderr.writelines(f"{line}\n" for line in said(day, score))
    if arguments.ceiling:
        sys.stdout.write(f"{_ceiling(scored)}\n\n")
    sys.stdout.write(f"{markdown(scored)}\n\n{len(wanted)} days played in {time.monotonic() - began:.0f} s.\n")


if __name__ == "__main__":
    main()
