"""Every command of the benchmark runs, on a load too small to measure anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import PARTS

ROOT = Path(__file__).parents[2]
#: The parts are run in so many turns: all of them take longer than a test may.
TURNS = 3

#: Figures that each part gives, as its table names them.
FIGURES = {
    "receive": ["bare receive"],
    "append": ["append, 1,000 a commit", "append, 100 a commit, snapshot open", "append, 1 a commit"],
    "committing": ["2 committers, no NOTIFY", "2 committers, NOTIFY in the transaction", "NOTIFY after the commit"],
    "offered": ["committed, p99", "projected, p99"],
    "telling": [
        "told, p50",
        "told, p99",
        "told since the commit, p50",
        "told since the commit, p99",
        "telling at 400/s: service",
        "telling at 400/s: postgres",
    ],
    "saturated": ["end to end, saturated", "end to end, saturated: service", "service's peak memory"],
    "several": ["2 gateways by task: end to end", "2 gateways by process: memory of a process"],
    "handing": ["handed over, 1,000 a step: service", "read back, 10 a step: postgres"],
    "projection": ["projection, catching up", "rebuild of 2, at once, each by a worker"],
    "steps": ["small steps, first half: service", "small steps, second half: postgres"],
    "flat": ["events 0 to", "3 accounts, second half: postgres", "200/s beside 2 idle gateways: service"],
    "comparing": ["fold: comparing and classifying", "end to end: comparing and classifying"],
    "linear": ["growth: positions without terms", "growth: breaks of many units"],
    "stored": ["stored, steps: orders listed", "stored, delete: facts and breaks"],
    "capacity": ["2 accounts, 100/s: service", "2 accounts, 100/s: log", "2 accounts, 100/s: memory"],
    "screens": ["10 units as HTML"],
    "as_of": [
        "all balances as of a time, as known now",
        "one balance as of a time",
        "entries inserted, without indexes",
    ],
    "late": ["a deposit of long ago, after 400 events", "a balance of long ago, after 800 events"],
    "reports": ["200 movements as csv", "100 movements as xlsx", "400 movements as html: peak memory"],
    "peers": ["eventsourcing, ProjectionRunner", "SQLAlchemy ORM add_all, 1 a commit"],
}


def _run(*command: str) -> str:
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_part_is_known_here() -> None:
    assert FIGURES.keys() == set(PARTS)


@pytest.mark.parametrize("turn", range(TURNS))
def test_every_part_gives_its_figures(turn: int) -> None:
    parts = list(FIGURES)[turn::TURNS]
    output = " ".join(_run("tests.bench", *parts, "--tiny").split())
    assert [name for part in parts for name in FIGURES[part] if name not in output] == []


def test_the_benchmark_of_planted_faults_prints_its_tables() -> None:
    output = _run("tests.faults", "--quick", "--days", "3", "--processes", "1")
    assert "| missed_fill |" in output
    assert "\n3 days played" in output
