"""recon/reports/destination.py, rules 1 to 3: whole or not at all, and nothing replaced unasked."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from recon.errors import ConfigError
from recon.reports import destination
from recon.reports.destination import spooled, whole_file


def written(file: Path, content: bytes, *, replace: bool, then: Callable[[], object]) -> None:
    with whole_file(file, replace=replace) as stream:
        stream.write(content)
        then()


def raises(error: BaseException) -> Callable[[], object]:
    def then() -> object:
        raise error

    return then


def spooled_half(out: io.BytesIO) -> None:
    with spooled(out) as stream:
        stream.write(b"more")
        raise RuntimeError


@pytest.fixture(params=["without a name", "with a name"])
def _kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "with a name":
        monkeypatch.setattr(destination, "_nameless", lambda _: None)


@pytest.mark.usefixtures("_kind")
def test_rules_1_and_2_a_file_appears_once_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    with whole_file(file, replace=False) as stream:
        stream.write(b"all")
        assert not file.exists()
    assert file.read_bytes() == b"all"
    assert list(tmp_path.iterdir()) == [file]
    mask = os.umask(0)
    os.umask(mask)
    assert file.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.usefixtures("_kind")
@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_rule_1_nothing_stays_of_one_that_failed(tmp_path: Path, error: type[BaseException], replace: bool) -> None:
    file = tmp_path / "out.csv"
    if replace:
        file.write_bytes(b"before")
    with pytest.raises(error):
        written(file, b"half", replace=replace, then=raises(error()))
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == (
        [("out.csv", b"before")] if replace else []
    )


@pytest.mark.usefixtures("_kind")
def test_rule_3_a_file_is_replaced_only_if_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    file.write_bytes(b"before")
    with pytest.raises(ConfigError, match="is there already: name another file, or give --replace"):
        whole_file(file, replace=False).__enter__()
    with whole_file(file, replace=True) as stream:
        stream.write(b"after")
        assert file.read_bytes() == b"before"
    assert file.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.usefixtures("_kind")
def test_rule_3_one_that_appeared_meanwhile_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    with pytest.raises(ConfigError, match="is there since this began"):
        written(file, b"ours", replace=False, then=lambda: file.write_bytes(b"theirs"))
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("out.csv", b"theirs")]


@pytest.mark.parametrize(("place", "why"), [("away/out.csv", "No such file or directory"), (".", "is a directory")])
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, place: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        whole_file(tmp_path / place, replace=True).__enter__()


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written: No space left"):
        written(tmp_path / "o", b"half", replace=False, then=raises(OSError(28, "No space left on device")))
    assert list(tmp_path.iterdir()) == []


def test_what_is_spooled_goes_out_once_it_is_whole() -> None:
    out = io.BytesIO()
    with spooled(out) as stream:
        stream.write(b"half")
        stream.seek(0)
        stream.write(b"W")
        assert out.getvalue() == b""
    assert out.getvalue() == b"Walf"
    with pytest.raises(RuntimeError):
        spooled_half(out)
    assert out.getvalue() == b"Walf"
