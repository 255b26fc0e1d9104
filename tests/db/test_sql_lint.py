"""SQL fits a Postgres that is distributed by gateway (Citus), as far as its text tells.

1. A subquery has a FROM: one without is refused beside functions such as now().
2. Every table of schema recon_store is read and joined by its gateway.
3. A DELETE or UPDATE names the gateway in its own WHERE, or it cannot be routed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import recon
from recon.db.version import migrations_directory

SQL = migrations_directory() / "sql"
#: Every module; of the statements in `bulk` all names are filled in, so their text says nothing.
CODE = sorted(file for file in Path(recon.__file__).parent.rglob("*.py") if file.stem != "bulk")

#: A table and its alias. In Python its name may be filled in.
TABLE = re.compile(
    r"\b(INTO|(?:FROM|JOIN|UPDATE)(?!\s+[\w.]+\())\s+(recon_store\.\w+|FILLED\.FILLED|FILLED)\b"
    r"(?:\s+(?:AS\s+)?([a-z]\w*))?"
)
#: Small tables that are not spread by gateway: the schema's version, what the services' parts do, what is watched,
#: and which logins are limited.
SMALL = ("alembic_version", "service_parts", "watch", "limits", "limited", "limit_changes")
#: One policy decides on the signals of all gateways in one order: what it reads and writes is in one place.
ALERTS = (
    "signals", "deliveries", "channels", "told_cases", "router", "router_states", "policies", "silences",
)  # fmt: skip
WHOLE = {f"recon_store.{name}" for name in (*SMALL, *ALERTS)}
#: Stands in SQL for whatever Python fills in.
FILLED = "FILLED"


def _plain(sql: str) -> str:
    """Return SQL without its comments and the content of its literals."""
    return re.sub(r"--[^\n]*|'(?:[^']|'')*'", "''", sql)


def _groups(sql: str) -> Iterator[tuple[str, str]]:
    """Yield what is in parentheses, and the whole: each with and without the parentheses inside."""
    stack = [""]
    own = [""]
    for character in sql:
        if character == "(":
            stack.append("")
            own.append("")
        elif character == ")" and len(stack) > 1:
            whole, short = stack.pop(), own.pop()
            yield whole, short
            stack[-1] += f"({whole})"
            own[-1] += "()"
        else:
            stack[-1] += character
            own[-1] += character
    # A fragment in Python may leave parentheses open.
    while stack:
        whole, short = stack.pop(), own.pop()
        yield whole, short
        if stack:
            stack[-1] += f"({whole}"
            own[-1] += "()"


def _without_from(sql: str) -> Iterator[str]:
    *subqueries, _ = _groups(sql)
    for _, own in subqueries:
        for part in own.split("UNION"):
            if part.strip().startswith("SELECT") and "FROM" not in part.replace("DISTINCT FROM", ""):
                yield f"a subquery without FROM: {' '.join(part.split())[:80]}"


def _without_gateway(sql: str, *, may_lead: bool) -> Iterator[str]:
    """Yield the tables that are not bound to a gateway; a view's leading tables are bound by who reads the view."""
    for whole, own in _groups(sql):
        for word, table, alias in TABLE.findall(own):
            if table in WHOLE:
                continue
            name = rf"\b{alias}\.gateway" if alias else r"(?<!\.)\bgateway"
            bound = rf"{name}\s*=|=\s*{name}\b|\({name}\b|USING \(gateway\b|GROUP BY {name}\b"
            if word == "INTO":
                bound = rf"{re.escape(table)}\s*\(gateway\b"
            elif word == "FROM" and may_lead:
                bound = rf"{name}\b"
            if not re.search(bound, whole):
                yield f"{table} {alias} is not bound to a gateway"


def _not_routed(sql: str) -> Iterator[str]:
    for _, own in _groups(sql):
        for statement in own.split(";"):
            changes = re.search(
                r"\b(?:DELETE FROM|(?<!FOR NO KEY )(?<!DO )UPDATE)\s+(recon_store\.\w+|FILLED(?:\.FILLED)?)", statement
            )
            if changes is None or changes[1] in WHOLE:
                continue
            if not re.search(r"\bgateway\s*=", statement[changes.end() :].rpartition("WHERE")[2]):
                yield f"a change that cannot be routed: {' '.join(statement.split())[:80]}"


def lint(sql: str, *, may_lead: bool = False) -> list[str]:
    """Return what is wrong with SQL; `may_lead` where the reader of a view names the gateway."""
    plain = _plain(sql)
    return [*_without_from(plain), *_without_gateway(plain, may_lead=may_lead), *_not_routed(plain)]


def _statements(file: Path) -> Iterator[str]:
    """Yield the SQL in a Python file, with a word in the place of whatever is filled in."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        text = None
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else FILLED for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        if text is not None and re.search(r"\b(SELECT|INSERT|UPDATE|DELETE)\b", text) and TABLE.search(text):
            yield text


@pytest.mark.parametrize("file", sorted(SQL.glob("*/*.sql")), ids=lambda file: file.stem)
def test_an_sql_file_fits_a_database_distributed_by_gateway(file: Path) -> None:
    assert lint(file.read_text(encoding="utf-8"), may_lead=file.parent.name == "views") == []


@pytest.mark.parametrize("file", [file for file in CODE if any(_statements(file))], ids=lambda file: file.stem)
def test_statements_in_code_fit_a_database_distributed_by_gateway(file: Path) -> None:
    assert [problem for sql in _statements(file) for problem in lint(sql)] == []


UNITS = "SELECT * FROM recon_store.units AS u"
NOTICED = {
    f"{UNITS} CROSS JOIN LATERAL (SELECT u.gateway AS x) AS n WHERE u.gateway = 'g'": "without FROM",
    f"{UNITS} JOIN recon_store.accounts AS a ON a.account = u.account WHERE u.gateway = 'g'": "accounts a is not bound",
    "SELECT seq FROM recon_store.editions WHERE state = 'current'": "editions  is not bound",
    "INSERT INTO recon_store.editions (edition) VALUES (1)": "editions  is not bound",
    "UPDATE recon_store.editions SET state = 'retired' WHERE edition = %s": "cannot be routed",
    "DELETE FROM FILLED WHERE ctid = ANY (ARRAY(SELECT ctid FROM FILLED WHERE gateway = %s))": "cannot be routed",
}


@pytest.mark.parametrize("sql", NOTICED)
def test_the_lint_would_notice(sql: str) -> None:
    assert NOTICED[sql] in " | ".join(lint(sql))
