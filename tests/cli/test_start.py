"""Starting a command: what it imports, and Ctrl-C at any moment of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import typer
from sqlalchemy import text
from typer.core import TyperCommand, TyperGroup

from recon.cli.break_actions import confirm
from recon.cli.command_line import COMMANDS, command_line, imported
from recon.db.engine import create_engine
from tests.conftest import TestDatabase

ROOT = Path(__file__).parents[2]
#: Longest wait for another process, in seconds; no test is about how long something takes.
PATIENCE = 120.0
#: What neither the list of commands nor the version has a use for.
HEAVY = frozenset(
    [
        *("alembic", "cryptography", "httpx", "psycopg", "pydantic", "pydantic_settings", "rich", "sqlalchemy"),
        *("stamina", "structlog", "trio", "recon.cli.commands", "recon.config", "recon.db", "recon.ems"),
        *("recon.ledger", "recon.log", "recon.service", "recon.simulator"),
    ]
)
#: What a command that only reads a named database has no use for.
NOT_FOR_READING = frozenset(
    [
        *("alembic", "cryptography", "httpx", "rich", "sqlalchemy", "stamina", "structlog", "trio", "recon.alerts"),
        *("recon.backfill", "recon.db.embedded", "recon.ems", "recon.ledger", "recon.projection"),
        *("recon.reconciliation", "recon.service.wiring", "recon.simulator"),
    ]
)


def _python(code: str, *, environ: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | (environ or {}),
    )


def _recon(*arguments: str, environ: dict[str, str]) -> subprocess.Popen[str]:
    code = f"import sys; from recon.cli.main import main; sys.argv[1:] = {list(arguments)!r}; main()"
    return _python(code, environ=environ)


def _modules_after(arguments: list[str], environ: dict[str, str] | None = None) -> set[str]:
    process = _python(
        f"""
        import sys
        from recon.cli.main import run
        sys.stdout = sys.stderr
        run({arguments!r})
        sys.__stdout__.write("\\n".join(sys.modules))
        """,
        environ=environ,
    )
    out, _ = process.communicate(timeout=PATIENCE)
    return set(out.split("\n"))


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_no_command(option: str) -> None:
    modules = _modules_after([option])
    assert "typer" in modules
    assert modules.isdisjoint(HEAVY)


def test_help_of_a_command_imports_no_other() -> None:
    modules = _modules_after(["status", "--help"])
    commands = {name for name in modules if name.startswith("recon.cli.commands.")}
    assert "recon.cli.commands.status" in commands
    assert commands <= {"recon.cli.commands.status", "recon.cli.commands.breaks"}


@pytest.mark.postgres
@pytest.mark.parametrize("command", ["status", "balances", "events"])
def test_a_command_that_reads_imports_what_it_needs(database: TestDatabase, command: str) -> None:
    modules = _modules_after([command], {"RECON_DATABASE__URL": database.service_url})
    assert f"recon.cli.commands.{command}" in modules
    assert not modules & NOT_FOR_READING


def test_the_list_of_commands_says_what_their_own_help_says() -> None:
    group = command_line()
    assert isinstance(group, TyperGroup)
    assert list(group.commands) == list(COMMANDS)
    for name, entry in COMMANDS.items():
        command = imported(name)
        assert isinstance(command, TyperCommand | TyperGroup)
        assert command.get_short_help_str(200) == entry.summary, name
        assert group.commands[name].get_short_help_str(200) == entry.summary


def _assert_interrupted(process: subprocess.Popen[str]) -> None:
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, "", "recon: interrupted\n")


@pytest.mark.parametrize(
    "module",
    [
        "typer",
        "recon.cli.command_line",
        "recon.cli.commands.status",
        "pydantic",
        "recon.config.load",
        "psycopg",
        "sqlalchemy",
        "recon.db.reader",
    ],
)
def test_ctrl_c_while_a_module_is_imported(module: str) -> None:
    _assert_interrupted(
        _python(
            f"""
            import os, signal, sys
            from recon.cli.main import main

            class Interrupting:
                def find_spec(self, name, path=None, target=None):
                    if name == {module!r}:
                        os.kill(os.getpid(), signal.SIGINT)

            sys.meta_path.insert(0, Interrupting())
            sys.argv[1:] = ["status"]
            main()
            """,
            environ={"RECON_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/nothing"},
        )
    )


def test_ctrl_c_while_it_connects() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql://nobody@127.0.0.1:{server.getsockname()[1]}/nothing?connect_timeout=100"
        process = _recon("status", environ={"RECON_DATABASE__URL": url})
        server.settimeout(PATIENCE)
        connection, _ = server.accept()
        with connection:
            connection.recv(1)  # it has sent its first message, and waits for an answer that never comes
            process.send_signal(signal.SIGINT)
            _assert_interrupted(process)


@pytest.mark.postgres
def test_ctrl_c_while_a_query_runs(database: TestDatabase) -> None:
    engine = create_engine(database.superuser_url, "tests", pooled=False)
    waits = text(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'recon breaks' AND wait_event_type = 'Lock'"
    )
    with engine.connect() as locking, engine.connect() as looking:
        locking.execute(text("LOCK TABLE recon_store.breaks IN ACCESS EXCLUSIVE MODE"))
        process = _recon("breaks", environ={"RECON_DATABASE__URL": database.service_url})
        while not looking.scalar(waits) and process.poll() is None:
            looking.rollback()  # the view of activity is one look a transaction
        process.send_signal(signal.SIGINT)
        _assert_interrupted(process)


def test_ctrl_c_at_a_question_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """typer takes Ctrl-C at a question for the end of its input, with another exit status."""

    def interrupted(*_: object, **__: object) -> bool:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise typer.Abort from None
        return True

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", interrupted)
    with pytest.raises(KeyboardInterrupt):
        confirm("Assign 2 breaks")
