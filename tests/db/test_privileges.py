"""Who may do what to each thing in recon's schemas: by name, in `privileges.txt`, and by trying what is dangerous."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql

from recon.db.engine import libpq_url
from recon.db.roles import ANALYST, OPERATOR, OWNER, SERVICE
from tests.conftest import TestDatabase
from tests.support.logins import login_of

pytestmark = pytest.mark.postgres

TABLE: Final = Path(__file__).with_name("privileges.txt")
#: The columns of the table: the roles, a person's login in the operators' group, and a login with no role at all.
WHO: Final = (OWNER, SERVICE, ANALYST, OPERATOR, "person", "nobody")

_THINGS: Final = """
SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' ELSE 'table' END,
       n.nspname || '.' || c.relname, c.oid
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname IN ('recon', 'recon_exact', 'recon_store') AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
UNION ALL
SELECT 'function', n.nspname || '.' || p.proname, p.oid
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname IN ('recon', 'recon_exact', 'recon_store')
UNION ALL
SELECT 'schema', n.nspname, n.oid FROM pg_namespace AS n
WHERE n.nspname IN ('recon', 'recon_exact', 'recon_store', 'public')
UNION ALL
SELECT 'database', 'its own', d.oid FROM pg_database AS d WHERE d.datname = current_database()
ORDER BY 1, 2
"""
#: The letter of each right, as Postgres writes them, by the kind of thing.
_RIGHTS: Final = {
    "table": ("table", {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "D": "TRUNCATE"}),
    "view": ("table", {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}),
    "sequence": ("sequence", {"r": "SELECT", "w": "UPDATE", "U": "USAGE"}),
    "function": ("function", {"X": "EXECUTE"}),
    "schema": ("schema", {"U": "USAGE", "C": "CREATE"}),
    "database": ("database", {"c": "CONNECT", "C": "CREATE", "T": "TEMPORARY"}),
}


@pytest.fixture
def logins(database: TestDatabase) -> Iterator[dict[str, str]]:
    """A login for each column of the table; nobody logs in as the operators' group."""
    with login_of(database, "person", OPERATOR) as person, login_of(database, "nobody") as nobody:
        own = {"person": person, "nobody": nobody}
        yield {who: who for who in WHO if who not in own} | {who: _name(url) for who, url in own.items()}


def _name(url: str) -> str:
    return url.split("//")[1].split("@", maxsplit=1)[0].split(":", maxsplit=1)[0]


def expected() -> dict[tuple[str, str], list[str]]:
    """Return the rights of the table by kind and name of a thing."""
    lines = [line for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    head, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    assert head == ["kind", "name", *WHO]
    found = {(kind, name): rights for kind, name, *rights in rows}
    assert len(found) == len(rows), "a thing stands in the table twice"
    return found


def actual(database: TestDatabase, logins: dict[str, str]) -> dict[tuple[str, str], list[str]]:
    """Return the rights that the database knows of."""
    found: dict[tuple[str, str], list[str]] = {}
    with psycopg.connect(libpq_url(database.superuser_url)) as admin:
        for kind, name, oid in admin.execute(_THINGS).fetchall():
            check, letters = _RIGHTS[kind]
            query = sql.SQL("SELECT {}(%s::name, %s::oid, %s)").format(sql.Identifier(f"has_{check}_privilege"))
            assert (kind, name) not in found, f"{name} has two signatures; the table knows one"
            found[kind, name] = [
                "".join(
                    letter
                    for letter, right in letters.items()
                    if admin.execute(query, (logins[who], oid, right)).fetchone() == (True,)
                )
                or "-"
                for who in WHO
            ]
    return found


def test_each_thing_has_its_row_and_the_rights_that_the_row_says(
    database: TestDatabase, logins: dict[str, str]
) -> None:
    table, found = expected(), actual(database, logins)
    lines = {key: f"{key[0]} | {key[1]} | {' | '.join(rights)}" for key, rights in found.items()}
    unknown = "\n".join(line for key, line in lines.items() if key not in table)
    assert not unknown, f"a new thing needs a row that somebody has thought about, in {TABLE.name}:\n{unknown}"
    assert not table.keys() - found.keys(), "the table knows things that are gone"
    other = "\n".join(line for key, line in lines.items() if table[key] != found[key])
    assert not other, f"the rights are not those of the table:\n{other}"


def test_no_right_is_of_a_single_column_and_none_can_be_handed_on(database: TestDatabase) -> None:
    with psycopg.connect(libpq_url(database.superuser_url)) as admin:
        columns = "SELECT attrelid::regclass, attname FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid > 16384"
        assert admin.execute(columns).fetchall() == []
        handed_on = """
            SELECT c.relname FROM pg_class AS c, aclexplode(c.relacl) AS a
            WHERE a.is_grantable AND a.grantee <> c.relowner
            UNION ALL
            SELECT p.proname FROM pg_proc AS p, aclexplode(p.proacl) AS a
            WHERE a.is_grantable AND a.grantee <> p.proowner"""
        assert admin.execute(handed_on).fetchall() == []


def test_what_runs_with_the_owners_rights_finds_only_what_is_named(database: TestDatabase) -> None:
    """A caller's own objects must not take the place of those that such a function means."""
    with psycopg.connect(libpq_url(database.superuser_url)) as admin:
        query = """
            SELECT p.proname, p.proconfig FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
            WHERE n.nspname IN ('recon', 'recon_exact', 'recon_store') AND p.prosecdef"""
        functions = admin.execute(query).fetchall()
    assert functions
    for name, settings in functions:
        assert "search_path=pg_catalog, pg_temp" in (settings or []), name
