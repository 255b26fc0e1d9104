"""The cost of the fold is measured on a log that comes back from disk as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from recon.testing.log import as_stored
from tests.bench.fold_cost import AT_A_TIME, OWN, Folder, main, measure, parts_of, store, stored
from tests.bench.load import new_events


def test_a_log_on_disk_comes_back_and_both_ways_to_fold_it_cost_something(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = new_events(70)
    log = list(as_stored(load, start=load[0].received_at))
    store(tmp_path / "log", log)
    assert stored(tmp_path / "log") == log
    assert Folder(log, alone=False).next_part() > 0
    assert [len(each) for each in measure([OWN], tmp_path / "log", len(log), 1, alone=True).values()] == [1]
    monkeypatch.setattr("sys.stdin", ["next\n"])
    main(["--measure", str(tmp_path / "log")])
    assert float(capsys.readouterr().out) > 0


def test_the_last_part_may_be_smaller() -> None:
    assert [parts_of(events) for events in (1, AT_A_TIME, AT_A_TIME + 1)] == [1, 1, 2]
