"""The verifier says by its status that it could not tell its answer: status 1 would be an accusation."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recon.evidence import verifier

PROGRAM = Path(verifier.__file__)


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    """Evidence of nothing, which holds."""
    (tmp_path / "closings.json").write_bytes(b"[]")
    files = [{"name": "closings.json", "sha256": hashlib.sha256(b"[]").hexdigest(), "size": 2}]
    manifest = {"format": verifier.FORMAT, "version": verifier.VERSION, "day": "2026-11-27", "logs": [], "reports": []}
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "files": files}), encoding="utf-8")
    return tmp_path


def run(directory: Path, out: int = subprocess.PIPE) -> tuple[int, bytes | None, bytes]:
    words = [sys.executable, str(PROGRAM), str(directory)]
    done = subprocess.run(words, stdout=out, stderr=subprocess.PIPE, timeout=60, check=False)  # noqa: S603 - our own
    return done.returncode, done.stdout, done.stderr


def test_an_answer_that_cannot_be_written_is_none(evidence: Path) -> None:
    assert run(evidence)[0] == 0, run(evidence)
    with Path("/dev/full").open("wb") as full:
        assert run(evidence, full.fileno()) == (74, None, b"the answer cannot be written: No space left on device\n")
    reading, writing = os.pipe()
    os.close(reading)
    assert run(evidence, writing) == (141, None, b"")
    os.close(writing)


def test_a_foreign_file_whose_name_is_no_text_is_told(evidence: Path) -> None:
    Path(os.fsdecode(os.fsencode(evidence) + b"/f\xfcr")).touch()
    status, out, err = run(evidence)
    assert (status, err) == (1, b"")
    assert out is not None
    assert b"f\\udcfcr" in out
