"""Processor time counts a process, its children, and those that have ended, and nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.processor_time import family_seconds, own_seconds

HZ = os.sysconf("SC_CLK_TCK")


def _process(place: Path, pid: int, parent: int, own: tuple[int, int], ended: tuple[int, int]) -> None:
    (place / str(pid)).mkdir()
    fields = ["S", str(parent), *["0"] * 9, *map(str, own), *map(str, ended), "20"]
    (place / str(pid) / "stat").write_text(f"{pid} (a (strange) name) {' '.join(fields)}\n")


def test_a_family_is_the_process_its_children_and_those_that_ended(tmp_path: Path) -> None:
    _process(tmp_path, 10, 1, own=(HZ, HZ), ended=(3 * HZ, 4 * HZ))
    _process(tmp_path, 11, 10, own=(16 * HZ, 32 * HZ), ended=(1000 * HZ, 1000 * HZ))
    _process(tmp_path, 12, 1, own=(5000 * HZ, 0), ended=(0, 0))
    (tmp_path / "13").mkdir()  # ends while it is looked at
    (tmp_path / "13" / "stat").mkdir()
    assert family_seconds(10, tmp_path) == 57
    assert own_seconds(10, tmp_path) == 2
    assert own_seconds(14, tmp_path) == 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell of processes like this")
def test_what_a_real_child_computed_is_counted_after_its_end() -> None:
    before = family_seconds(os.getpid())
    began = time.process_time()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.2: pass"], check=True)
    own = time.process_time() - began
    assert family_seconds(os.getpid()) - before - own >= 0.15
