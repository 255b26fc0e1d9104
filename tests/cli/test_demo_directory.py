"""Where the demonstration keeps its database: nowhere among other files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from recon.cli.demo.place import LOCK_FILE, MAX_REMOVED, PREFIX, temporary_place
from recon.cli.demo.run import _refuse_filled
from recon.errors import ConfigError


def test_a_directory_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "recon.toml").write_text("")
    with pytest.raises(ConfigError, match="is not empty; give --data-dir a new directory"):
        _refuse_filled(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["recon.toml"]


def test_a_new_directory_and_one_of_an_earlier_run_may_be_looked_at(tmp_path: Path) -> None:
    _refuse_filled(None)
    _refuse_filled(tmp_path / "new")
    (tmp_path / "postgres").mkdir()
    _refuse_filled(tmp_path)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _left_by_a_kill(temporary: Path, name: str) -> Path:
    place = temporary / f"{PREFIX}{name}"
    (place / "data").mkdir(parents=True)
    (place / LOCK_FILE).touch()
    return place


def test_the_directory_of_a_killed_demonstration_is_removed_by_the_next_one(temporary: Path) -> None:
    _left_by_a_kill(temporary, "killed")
    with temporary_place() as place:
        assert list(temporary.iterdir()) == [place]
    assert list(temporary.iterdir()) == []


def test_the_directory_of_a_running_demonstration_is_left_alone(temporary: Path) -> None:
    with temporary_place() as running:
        with temporary_place() as other:
            assert set(temporary.iterdir()) == {running, other}
        assert list(temporary.iterdir()) == [running]


def test_what_is_no_directory_of_a_killed_demonstration_is_left_alone(temporary: Path) -> None:
    (temporary / f"{PREFIX}notes").mkdir()
    (temporary / f"{PREFIX}file").touch()
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / LOCK_FILE).touch()
    (temporary / f"{PREFIX}link").symlink_to(elsewhere)
    before = set(temporary.iterdir())
    with temporary_place():
        pass
    assert set(temporary.iterdir()) == before


def test_one_start_removes_a_bounded_number(temporary: Path) -> None:
    for number in range(MAX_REMOVED + 1):
        _left_by_a_kill(temporary, str(number))
    with temporary_place() as place:
        assert len(set(temporary.iterdir()) - {place}) == 1
