"""`recon sql`: one statement at a time, by somebody who only reads; psql, the prompt, and the catalogue."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from recon.cli.commands import sql as command
from recon.cli.sql_prompt import run_prompt
from recon.errors import ConfigError
from recon.reads.sql_catalogue import CatalogueColumn, CatalogueObject, as_markdown
from recon.simulator.scenarios import clean_plan
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.database_days import write_day
from tests.support.logins import login_of

pytestmark = pytest.mark.postgres


@pytest.fixture
def day(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> TestDatabase:
    write_day(database.service_url, clean_plan(3, duration=12.0))
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    return database


@pytest.mark.usefixtures("day")
def test_a_statement_finds_the_views_without_their_schema_and_its_numbers_stay_exact(recon: Recon) -> None:
    rows = recon(
        "sql", "-c", "SELECT 98765432109.87654321 AS n, count(*) > 0 AS some FROM gateways", "--format", "json"
    )
    assert rows.json() == [{"n": "98765432109.87654321", "some": True}]
    assert recon("sql", "-c", "SELECT 1 AS one, NULL AS two", "--format", "csv").out == "one,two\n1,\n"
    document = recon("sql", "-c", """SELECT '{"a": 0.10000000000000000001}'::json AS d""", "--format", "json").json()
    assert document == [{"d": '{"a": 0.10000000000000000001}'}]


@pytest.mark.usefixtures("day")
def test_no_more_rows_come_than_are_wanted(recon: Recon) -> None:
    shown = recon("sql", "-c", "SELECT n FROM generate_series(1, 50000000) AS n", "-n", "3", "--format", "json")
    assert [row["n"] for row in shown.json()] == [1, 2, 3]
    assert "there are more" in shown.err


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM recon_store.breaks",
        "COMMIT; DELETE FROM recon_store.breaks",
        "SELECT 1; SELECT 2",
        "CREATE TABLE x (a int)",
        "SELECT nothing",
        "",
    ],
)
@pytest.mark.usefixtures("day")
def test_what_does_not_read_is_refused_with_the_database_s_words(recon: Recon, statement: str) -> None:
    refused = recon("sql", "-c", statement)
    assert refused.status == 2
    assert "Traceback" not in refused.err
    assert refused.out == ""


@pytest.mark.usefixtures("day")
def test_ending_the_transaction_opens_no_way_to_write(recon: Recon, day: TestDatabase) -> None:
    for statement in ("COMMIT", "SET default_transaction_read_only = off"):
        recon("sql", "-c", statement)
    assert recon("sql", "-c", "DELETE FROM recon_store.breaks").status == 2


def test_a_login_that_may_be_the_analyst_is_one(
    recon: Recon, day: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with login_of(day, "reader", "recon_analyst") as reader:
        monkeypatch.setenv("RECON_DATABASE__URL", reader)
        (row,) = recon("sql", "-c", "SELECT current_user AS who", "--format", "json").json()
    assert row == {"who": "recon_analyst"}


@pytest.mark.usefixtures("day")
def test_the_catalogue_tells_every_view_and_column_from_the_comments(recon: Recon) -> None:
    document = recon("sql", "--catalogue", "--format", "markdown").out
    assert "## view recon.breaks" in document
    assert "| `drift`" not in document
    assert "| drift | numeric(38,18) | reported - expected, signed" in document
    rows = recon("sql", "--catalogue", "--format", "json").json()
    (column,) = [row for row in rows if (row["object"], row["column"]) == ("fees", "rate")]
    assert column["meaning"].startswith("Its share of turnover")
    functions = {row["object"] for row in rows if row["kind"] == "function"}
    assert "balances_as_of" in functions
    assert all(row["about"] for row in rows)
    assert recon("sql", "-c", "SELECT 1", "--format", "markdown").status == 2


def test_markdown_keeps_a_bar_inside_its_cell() -> None:
    column = CatalogueColumn("a", "text", "one | two")
    assert "one \\| two" in as_markdown([CatalogueObject("view", "v", "about", "", (column,))])


def test_psql_gets_the_session_by_parameters_and_the_password_by_its_environment(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "psql"
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys\nprint(json.dumps([sys.argv[1:], os.environ.get('PGPASSWORD')]))\n"
    )
    program.chmod(0o755)
    assert command._open_psql(str(program), "postgresql://alice:it's%20secret@db:5432/recon") == 0
    (arguments, password) = json.loads(capfd.readouterr().out)
    assert password == "it's secret"
    assert "secret" not in " ".join(arguments)
    assert "default_transaction_read_only=on" in arguments[-1]
    assert "search_path=recon,public" in arguments[-1]
    assert "statement_timeout=60000" in arguments[-1]


def test_the_psql_of_the_system_comes_before_the_one_that_is_packed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert os.access(command._packed_psql() or "", os.X_OK)
    (tmp_path / "psql").write_text("#!/bin/sh\n")
    (tmp_path / "psql").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command._psql(packed=True) == str(tmp_path / "psql")
    monkeypatch.setenv("PATH", "")
    assert command._psql(packed=False) is None
    assert command._psql(packed=True) == command._packed_psql()


class Terminal:
    """Lines that a person types, and what came of them."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.asked: list[str] = []
        self.described: list[str | None] = []

    def read(self, _prompt: str) -> str:
        if not self.lines:
            raise EOFError
        return self.lines.pop(0)

    def ask(self, statement: str) -> None:
        self.asked.append(statement)
        if "wrong" in statement:
            raise ConfigError("the database says: no")

    def play(self) -> None:
        run_prompt(self.read, self.ask, self.described.append)


def test_a_statement_of_the_prompt_ends_with_its_semicolon(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(
        "SELECT 1", "  AS one;", "", "wrong;", "SELECT 2;", "\\d", "\\d recon.fees", "\\x", "\\q", "no;"
    )
    terminal.play()
    assert terminal.asked == ["SELECT 1\n  AS one;", "wrong;", "SELECT 2;"]
    assert terminal.described == [None, "fees"]
    assert "the database says: no" in capsys.readouterr().err


def test_the_prompt_ends_with_its_input(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal("SELECT 1;", "SELECT")
    terminal.play()
    assert terminal.asked == ["SELECT 1;"]


@pytest.mark.usefixtures("day")
def test_without_a_terminal_the_prompt_answers_what_comes_in(recon: Recon, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter(["SELECT name FROM gateways;", "\\d gateways", "\\d gatewais"])
    monkeypatch.setattr("builtins.input", lambda _prompt: next(lines, None) or (_ for _ in ()).throw(EOFError))
    shown = recon("sql")
    assert shown.status == 0
    assert "sim" in shown.out
    assert "Log position" in shown.out
    assert "gateways" in shown.err
