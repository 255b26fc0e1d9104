"""An evidence directory appears whole or not at all, and nothing that is there is replaced."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from recon.errors import ConfigError, IntegrityError
from recon.evidence.collect import _file_name
from recon.evidence.directory import whole_directory


def test_files_are_named_with_their_digests(tmp_path: Path) -> None:
    with whole_directory(tmp_path / "evidence") as to:
        to.write("b.txt", b"b")
        to.write("log/a.txt", b"")
        found = [(each.name, each.sha256, each.size) for each in to.files()]
        assert not (tmp_path / "evidence").exists()
    assert found == [
        ("b.txt", hashlib.sha256(b"b").hexdigest(), 1),
        ("log/a.txt", hashlib.sha256(b"").hexdigest(), 0),
    ]
    assert (tmp_path / "evidence" / "log" / "a.txt").read_bytes() == b""


def test_an_empty_directory_is_taken_and_any_other_is_kept(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with whole_directory(tmp_path / "empty") as to:
        to.write("a", b"")
    for name in ("empty", "empty/a"):
        with pytest.raises(ConfigError, match="never replaced"), whole_directory(tmp_path / name):
            raise AssertionError("not reached")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="never replaced"), whole_directory(tmp_path / "link"):
        raise AssertionError("not reached")


def test_of_what_failed_nothing_stays(tmp_path: Path) -> None:
    def fails() -> None:
        with whole_directory(tmp_path / "evidence") as to:
            to.write("a", b"")
            raise IntegrityError("a digest does not fit")

    with pytest.raises(IntegrityError):
        fails()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("gateway", ["prod-eu", "../../etc", "a/b", "x" * 500, "東京", "."])
def test_any_gateway_s_name_makes_a_file_name(gateway: str) -> None:
    name = _file_name(2, gateway)
    folder, _, file = name.partition("/")
    assert folder == "log"
    assert "/" not in file
    assert len(file.encode()) < 255
    assert file.startswith("2-")
