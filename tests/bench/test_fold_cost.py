"""The cost of the fold is measured on a log that comes back from disk as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from recon.testing.log import as_stored
from tests.bench.fold_cost import OWN, cost, main, measured, store, stored
from tests.bench.load import new_events


def test_a_log_on_disk_comes_back_and_both_ways_to_fold_it_cost_something(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load = new_events(70)
    log = list(as_stored(load, start=load[0].received_at))
    store(tmp_path / "log", log)
    assert stored(tmp_path / "log") == log
    assert cost(log, alone=False) > 1
    assert measured(OWN, tmp_path / "log", alone=True) > 1
    main(["--measure", str(tmp_path / "log")])
    assert float(capsys.readouterr().out) > 1
