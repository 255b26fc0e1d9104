"""Commands to copy are as the person typed this one: the program as they called it, with their settings file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from recon.cli.command_line import COMMANDS
from recon.cli.main import run
from recon.cli.spelling import Spelling, spelling_of

ROOT = Path(__file__).parents[2]
PYTHON = "/usr/bin/python3"


@pytest.mark.parametrize(
    ("original", "script", "arguments", "program"),
    [
        ((PYTHON, "/usr/bin/recon", "status"), "/usr/bin/recon", ["status"], "recon"),
        ((PYTHON, ".venv/bin/recon", "status"), ".venv/bin/recon", ["status"], ".venv/bin/recon"),
        ((PYTHON, "my env/recon", "status"), "my env/recon", ["status"], "'my env/recon'"),
        (("python", "-m", "recon.cli", "status"), "/src/recon/cli/__main__.py", ["status"], "python -m recon.cli"),
        ((PYTHON, "/usr/bin/recon"), "/usr/bin/recon", ["doctor", "-c", "my.toml"], "recon -c my.toml"),
        ((PYTHON, "/usr/bin/recon"), "/usr/bin/recon", ["doctor", "--config=a b.toml"], "recon -c 'a b.toml'"),
        ((PYTHON, "/usr/bin/recon"), "/usr/bin/recon", ["-cmy.toml", "doctor"], "recon -c my.toml"),
        ((PYTHON, "/usr/bin/recon"), "/usr/bin/recon", ["sql", "-c", "select 1", "-n", "0"], "recon"),
        ((PYTHON, "/usr/bin/recon"), "/usr/bin/recon", ["-c", "a.toml", "sql", "-c", "select 1"], "recon -c a.toml"),
        ((PYTHON, "/usr/bin/recon"), "/usr/bin/recon", ["sql", "-cx", "--config", "a.toml"], "recon -c a.toml"),
        ((PYTHON, "/usr/bin/recon"), "/usr/bin/recon", ["docs", "--", "-c", "x"], "recon"),
        ((PYTHON, "-m", "pytest"), "/usr/bin/pytest", ["status"], "recon"),
    ],
)
def test_the_program_is_the_one_that_was_typed(
    original: Sequence[str], script: str, arguments: Sequence[str], program: str
) -> None:
    assert spelling_of(original, script, "/usr/bin/recon", arguments, COMMANDS).program == program


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("start `recon run` again", "start `./recon run` again"),
        ("recon break show 12: see recon status", "./recon break show 12: see ./recon status"),
        ("recon check-config", "./recon check-config"),
        ("recon runs, and sees its database", "recon runs, and sees its database"),
        *((text, text) for text in ("recon itself fails", "recon.toml", "in /opt/recon status", "un-recon status")),
    ],
)  # fmt: skip
def test_commands_are_spelled_and_words_are_left_alone(text: str, spelled: str) -> None:
    assert Spelling("./recon", COMMANDS).of(text) == spelled
    assert Spelling("recon", COMMANDS).of(text) == text


def test_a_settings_file_is_named_before_a_command_as_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "its.toml"
    file.write_text('[gateways.eu]\nurls = ["ws://127.0.0.1:1/"]\n')
    monkeypatch.setenv("RECON_CONFIG", str(tmp_path / "other.toml"))
    assert run(["-c", str(file), "check-config"]) == 0
    assert "eu" in capsys.readouterr().out


def test_doctor_gives_commands_that_work_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "its.toml"
    file.write_text(f'[database]\ndata_dir = "{tmp_path}/data"\n[gateways.eu]\nurls = ["ws://127.0.0.1:1/"]\n')
    python = os.path.relpath(sys.executable, ROOT)
    done = subprocess.run(  # noqa: S603 - our own command
        [python, "-m", "recon.cli", "doctor", "--offline", "-c", str(file)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = " ".join(done.stdout.replace("\\\n", " ").split())  # as a shell reads a command of several lines
    assert f"{python} -m recon.cli -c {file} migrate" in told
    assert f"{python} -m recon.cli -c {file} ems check" in told
