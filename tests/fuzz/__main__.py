"""`python -m tests.fuzz [LEVEL …] [--minutes N]`: sends recon what no EMS should send, and says what did not hold.

Levels: `decode` (single frames and bodies of REST), `fold` (whole logs in memory, with the rows that would be written),
`postgres` (whole logs appended to and folded in a real database, with restarts). Without any, all are tried, each for
its share of the minutes. `--full` tries 1,000,000 frames, 200,000 events in memory and 20,000 in Postgres instead.
The same seed tries the same. Each failure is made small and printed; `--save DIRECTORY` keeps it as a file, and
`--replay FILE` plays that again. The exit status is 1 if anything did not hold.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, get_args

import structlog

from tests.fuzz import failures
from tests.fuzz.failures import Failure, Level
from tests.fuzz.ground import Players, in_memory, server
from tests.fuzz.runs import Budget, Report, replay, run_episodes, run_frames

LEVELS: Final[tuple[Level, ...]] = get_args(Level)
FULL: Final[dict[Level, int]] = {"decode": 1_000_000, "fold": 200_000, "postgres": 20_000}
#: The part of the minutes that each level gets.
SHARES: Final[dict[Level, float]] = {"decode": 0.2, "fold": 0.4, "postgres": 0.4}
DEFAULT_MINUTES: Final = 5.0
#: Most characters of a failure that are printed; the file has more.
PRINTED_CHARS: Final = 1500


def run(level: Level, seed: int, budget: Budget) -> Report:
    """Try one level."""
    if level == "decode":
        return run_frames(seed, budget)
    with ExitStack() as stack:
        return run_episodes(level, seed, budget, _players(level, stack))


def _players(level: Level, stack: ExitStack) -> Players:
    return in_memory if level == "fold" else stack.enter_context(server())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _report(failure: Failure, directory: Path | None) -> None:
    events = [each.event for batch in failure.batches for each in batch.events]
    shown = failure.frame or b"\n".join(b"%s %s" % (each.kind.encode(), each.payload[:300]) for each in events[-5:])
    _say(f"\nFAILED {failure.level} (seed {failure.seed}, {failure.count} times): {failure.sign}")
    _say(failure.text[-PRINTED_CHARS:])
    _say(f"{len(events) or 1} events, the last: {shown[:PRINTED_CHARS]!r}")
    if directory is not None:
        _say(f"saved: {failures.save(failure, directory)}")


def _replay(path: Path) -> int:
    failure = failures.load(path)
    with ExitStack() as stack:
        players = None if failure.level == "decode" else _players(failure.level, stack)
        error = replay(failure, players)
    _say("it holds now" if error is None else f"it still fails: {failures.sign_of(error)}: {error}")
    return int(error is not None)


def main(given: Sequence[str] | None = None) -> int:
    """Run, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("levels", nargs="*", metavar="LEVEL", help=f"one of {', '.join(LEVELS)} (default: all)")
    parser.add_argument("--minutes", type=float, default=DEFAULT_MINUTES, help="how long to try (default: 5)")
    parser.add_argument("--full", action="store_true", help="the figures above instead of minutes")
    parser.add_argument("--seed", type=int, default=1, help="what is tried (default: 1)")
    parser.add_argument("--save", type=Path, metavar="DIRECTORY", help="where failures are kept")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play one failure again")
    arguments = parser.parse_args(given)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    if arguments.replay is not None:
        return _replay(arguments.replay)
    unknown = sorted(set(arguments.levels) - set(LEVELS))
    if unknown:
        parser.error(f"no such level: {', '.join(unknown)}; there are {', '.join(LEVELS)}")
    chosen = [level for level in LEVELS if level in arguments.levels or not arguments.levels]
    whole = sum(SHARES[level] for level in chosen)
    failed = 0
    for level in chosen:
        seconds = arguments.minutes * 60 * SHARES[level] / whole
        report = run(level, arguments.seed, Budget(count=FULL[level]) if arguments.full else Budget(seconds=seconds))
        for failure in report.failures.values():
            _report(failure, arguments.save)
        failed += len(report.failures)
        figures = f"{report.count:,} tried in {report.seconds:.0f} s (seed {arguments.seed})"
        _say(f"{level}: {figures}, {len(report.failures)} failures")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
