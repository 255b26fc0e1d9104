"""What a command does where nothing can be written: a reader that has gone, a full disk, a closed stream."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
FULL: Final = Path("/dev/full")
#: Commands that write by each of the ways there are: click's, rich's, our own, and a document of a job.
COMMANDS: Final = (
    ("--help",),
    ("break", "--help"),
    ("--version",),
    ("docs",),
    ("docs", "operator"),
    ("check", "--schema"),
    ("simulate", "--plan", "clean", "--duration", "30"),
)
#: What tells a scheduler that it could not run, whatever kept it.
OF_A_JOB: Final[dict[tuple[str, ...], int]] = {("check", "--schema"): 3}


def _run(
    arguments: tuple[str, ...], *, out: int | None = None, err: int | None = None, closed: str = ""
) -> tuple[int, str]:
    """Return the exit status and what was told on standard error, where that is not given."""
    words = ["bash", "-c", f'exec "$@" {closed}', "bash", sys.executable, "-m", "recon.cli", *arguments]
    done = subprocess.run(  # noqa: S603 - our own program
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if out is None else out,
        stderr=subprocess.PIPE if err is None else err,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    return done.returncode, (done.stderr or b"").decode()


def _pipe_without_reader() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_reader_that_has_gone_is_the_end_and_quietly_so(arguments: tuple[str, ...]) -> None:
    out = _pipe_without_reader()
    assert _run(arguments, out=out) == (141, "")
    os.close(out)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_disk_is_told_in_a_line(arguments: tuple[str, ...]) -> None:
    with FULL.open("wb") as full:
        status, told = _run(arguments, out=full.fileno())
    assert told == "recon: standard output cannot be written: No space left on device\n"
    assert status == OF_A_JOB.get(arguments, 74)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_closed_output_is_told_in_a_line(arguments: tuple[str, ...]) -> None:
    status, told = _run(arguments, closed=">&-")
    assert told == "recon: standard output cannot be written: Bad file descriptor\n"
    assert status == OF_A_JOB.get(arguments, 74)


@pytest.mark.parametrize("arguments", [("docs",), ("status", "--nonsense"), ("check", "--nonsense")], ids=" ".join)
def test_errors_that_nobody_can_be_told_change_no_exit_status(arguments: tuple[str, ...]) -> None:
    usual, _ = _run(arguments)
    gone = _pipe_without_reader()
    with FULL.open("wb") as full:
        assert [_run(arguments, err=err)[0] for err in (gone, full.fileno())] == [usual, usual]
    os.close(gone)
    assert _run(arguments, closed="2>&-")[0] == usual


def test_an_output_that_does_not_wait_is_waited_for() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    process = subprocess.Popen(
        [sys.executable, "-m", "recon.cli", "docs", "operator"], stdout=writing, stderr=subprocess.PIPE, cwd=ROOT
    )
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        shown = stream.read()
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    assert len(shown) > 1 << 16, "more than a pipe holds"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_notes_and_answers_come_in_the_order_of_their_writing(unbuffered: str) -> None:
    imports = "from recon.cli.output import note\nfrom recon.cli.streams import guard_streams"
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", f"{imports}\nguard_streams()\nfor each in 'ab':\n    note(each)\nprint('c')"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        timeout=120,
        check=True,
    )
    assert done.stdout.decode().split() == ["a", "b", "c"]
