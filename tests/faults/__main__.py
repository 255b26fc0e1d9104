"""`python -m tests.faults [--seeds N] [--quick] [--rates RATE …]`: how much of what is planted is found and explained.

Plays trading days from seeds on virtual time, with a truth that the simulator alone writes, folds them, and prints
tables in Markdown: per flow, per cause, and by what the engine was told of fees. `--quick` takes one seed and flows of
0.5 and 2 fills a second. `--verbose` names each miss, false alarm and wrong label.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Final

from tests.faults.days import RATES, TARGET_RATE, Day, days, flows
from tests.faults.processes import PROCESSES, all_scored
from tests.faults.score import Score
from tests.faults.table import markdown

QUICK_RATES: Final = (0.5, 2.0)
#: Beyond the target rate, days are long to play and there is nothing to reach: one seed is told.
FAST_SEEDS: Final = 1


def chosen(seeds: int, *, quick: bool = False, rates: Sequence[float] = RATES) -> list[Day]:
    if quick:
        return days(flows(QUICK_RATES), [1])
    near = [rate for rate in rates if rate <= TARGET_RATE]
    fast = [rate for rate in rates if rate > TARGET_RATE]
    return days(flows(near), range(1, seeds + 1)) + days(flows(fast), range(1, min(seeds, FAST_SEEDS) + 1))


def said(day: Day, score: Score) -> Iterator[str]:
    """Name what went wrong on a day."""
    yield from (f"{day}: missed {each}" for each in score.missed)
    yield from (f"{day}: false alarm {each}" for each in (*score.false_alarms, *score.clean_alarms))
    for found in score.detectable:
        planted, label = found.planted, found.label
        if found.held is False:
            yield f"{day}: the interval does not hold {planted}"
        if planted.identifiable and not label.is_right(planted):
            yield f"{day}: {planted} is {planted.cause}, said {label.cause} ({label.certainty}) of {label.fits}"
        if planted.ambiguous and not label.is_honest(planted):
            yield f"{day}: {planted} may be {planted.causes}, said {label.cause} ({label.certainty}) of {label.fits}"


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--seeds", type=int, default=3, help="days of each flow and programme (default: 3)")
    parser.add_argument("--quick", action="store_true", help="one seed, two rates")
    parser.add_argument(
        "--rates", type=float, nargs="+", default=RATES, choices=RATES, metavar="RATE", help="some of the flows alone"
    )
    parser.add_argument("--days", type=int, help="play only so many of these days, from the first on")
    parser.add_argument("--verbose", action="store_true", help="name each miss, false alarm and wrong label")
    parser.add_argument("--processes", type=int, default=PROCESSES, choices=range(1, PROCESSES + 1))
    arguments = parser.parse_args(given)
    wanted = chosen(arguments.seeds, quick=arguments.quick, rates=arguments.rates)[: arguments.days]
    scored, began = [], time.monotonic()
    for day, score in all_scored(wanted, arguments.processes):
        scored.append((day, score))
        if arguments.verbose:
            sys.stderr.writelines(f"{line}\n" for line in said(day, score))
    sys.stdout.write(f"{markdown(scored)}\n\n{len(wanted)} days played in {time.monotonic() - began:.0f} s.\n")


if __name__ == "__main__":
    main()
