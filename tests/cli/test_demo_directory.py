"""Where the demonstration keeps its database: nowhere among other files."""

from __future__ import annotations

from pathlib import Path

import pytest

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
