"""Help, version, exit statuses: what a person sees first, and what a script relies on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from sqlalchemy.exc import OperationalError

from recon import errors
from recon.cli import command_line
from recon.cli.interrupt import INTERRUPTED
from recon.errors import ReconError
from recon.simulator.scenarios import LEAST_SECONDS, PLANS
from tests.cli.conftest import Recon

ROOT = Path(__file__).parents[2]
COMMANDS = (
    *"run demo migrate check-config status positions balances breaks events rebuild verify simulate".split(),  # noqa: SIM905
    *("firm", "coverage"),
)
GROUPS = ("break", "order", "rules")


def _error_classes(kind: type[ReconError] = ReconError) -> list[type[ReconError]]:
    return [kind, *(each for below in kind.__subclasses__() for each in _error_classes(below))]


def test_help_names_every_command_and_exit_status(recon: Recon) -> None:
    shown = recon("--help")
    assert shown.status == 0
    for command in (*COMMANDS, *GROUPS):
        assert f"\n  {command} " in shown.out
        assert recon(command, "--help").status == 0
    assert "..." not in shown.out.split("\n", 1)[1], "no command's meaning is cut off"
    words = shown.out.replace(";", " ").split()
    for kind in _error_classes():
        if kind.__module__ == errors.__name__:
            assert str(kind.exit_status) in words, kind


def test_version_and_a_command_that_is_none(recon: Recon) -> None:
    assert recon("--version").out.startswith("recon ")
    wrong = recon("statsu")
    assert wrong.status == 2
    assert "status" in wrong.err
    assert recon("status", "--nonsense").status == 2


def _raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (errors.ConfigError("no such key"), 2, "recon: no such key"),
        (errors.LeaseLost("another holds it"), 4, "recon: another holds it"),
        (errors.ConfigError("first\nsecond"), 2, "recon: first\nrecon: second"),
        (
            ExceptionGroup("nursery", [ExceptionGroup("inner", [errors.ProjectionError("differs")])]),
            6,
            "recon: differs",
        ),
        (
            OperationalError("SELECT 'secret'", {}, Exception("refused")),
            3,
            "recon: the database refused or failed: refused",
        ),
        (
            OSError(28, "No space left on device", "out.csv"),
            74,
            "recon: out.csv cannot be written: No space left on device",
        ),
        (ZeroDivisionError("by zero"), 70, "ZeroDivisionError: by zero"),
        (KeyboardInterrupt(), 130, "recon: interrupted"),
        (BaseExceptionGroup("nursery", [KeyboardInterrupt()]), 130, "recon: interrupted"),
        (errors.ConfigError("clear \x1b[2J screen"), 2, "recon: clear \\x1b[2J screen"),
    ],
)
def test_an_error_is_its_line_and_its_status(
    recon: Recon, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, line: str
) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(command_line._options)
    app.command("fail")(_raising(error))
    monkeypatch.setattr(command_line, "command_line", lambda: typer.main.get_command(app))
    result = recon("fail")
    assert result.status == status
    assert line in result.err
    assert "Traceback" not in result.err
    assert "secret" not in result.err
    if status != INTERRUPTED:
        assert "Traceback" in recon("--traceback", "fail").err


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "recon.cli", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err


def test_data_for_a_reader_that_goes_away_ends_as_a_shell_expects(tmp_path: Path) -> None:
    config = tmp_path / "recon.toml"
    config.write_text('[gateways.eu]\nurls = ["wss://ems.example.com/"]\n[alert_logs.ops]\n', encoding="utf-8")
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "recon.cli", "check-config", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 141
    assert err == b""


@pytest.mark.acceptance
def test_simulate_says_where_it_listens_and_ends_at_a_signal() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "recon.cli", "simulate", "--plan", "clean", "--duration", "30"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("sim ws://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert err == ""


def test_simulate_refuses_what_it_does_not_know(recon: Recon) -> None:
    assert recon("simulate", "--plan", "nonsense").status == 2
    for plan in PLANS:
        assert plan in recon("simulate", "--help").out
    one = recon("simulate", "--plan", "catch_up", "--port", "0")
    assert one.status == 2
    assert "2 gateways (logged, unlogged), and 1 given" in " ".join(one.err.split())
    assert "--port PORT --port PORT" in " ".join(one.err.split())
    short = recon("simulate", "--duration", "5")
    assert short.status == 2
    assert f"must be at least {LEAST_SECONDS}" in " ".join(short.err.split())
    assert recon("demo", "--headless", "--duration", "5").status == 2
