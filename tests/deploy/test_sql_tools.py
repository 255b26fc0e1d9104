"""What others read the views with: panels of Grafana, dbt's sources, and ADBC, on two days that are known by heart."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from adbc_driver_postgresql import dbapi
from sqlalchemy import Connection, text

from recon.db.engine import create_engine, libpq_url
from recon.db.reader import open_reader
from recon.reads.sql_catalogue import as_dbt, read_catalogue
from tests.conftest import TestDatabase
from tests.reads.test_cookbook import scans
from tests.support.analysts_days import GATEWAY, analysts_days, write_driver

pytestmark = pytest.mark.postgres

CONFIG: Final = Path(__file__).parents[2] / "config"
DASHBOARD: Final[dict[str, Any]] = json.loads((CONFIG / "grafana" / "recon-books.json").read_text(encoding="utf-8"))
PANELS: Final[dict[str, dict[str, Any]]] = {panel["title"]: panel for panel in DASHBOARD["panels"]}
SOURCES: Final = CONFIG / "dbt" / "models" / "sources.yml"
#: Panels that show nothing where nothing waits, or where the day of the test is no day of the data.
MAY_BE_EMPTY: Final = frozenset({"Covered today"})


@pytest.fixture(scope="module")
def days(database_of_module: TestDatabase) -> TestDatabase:
    write_driver(database_of_module, analysts_days())
    return database_of_module


@pytest.fixture
def analyst(days: TestDatabase) -> Iterator[Connection]:
    with create_engine(days.analyst_url, "tests", pooled=False).connect() as connection:
        yield connection


def filled(sql: str) -> str:
    """Return a panel's query as Grafana sends it: its macros and variables replaced."""
    between = r"\1 BETWEEN '2026-01-01T00:00:00Z' AND '2026-02-01T00:00:00Z'"
    sent = re.sub(r"\$__timeFilter\(([^)]*)\)", between, sql).replace("$gateway", f"'{GATEWAY}'")
    assert "$" not in sent, "a macro that the test does not know"
    return sent.replace(":", r"\:")


@pytest.mark.parametrize("title", PANELS)
def test_the_query_of_a_panel_runs_and_shows_something(title: str, analyst: Connection) -> None:
    (target,) = PANELS[title]["targets"]
    found = analyst.execute(text(filled(target["rawSql"])))
    rows = found.mappings().all()
    assert rows or title in MAY_BE_EMPTY
    if target["format"] == "time_series":
        for row in rows:
            assert set(row) == {"time", "metric", "value"}
            assert row["time"].tzinfo is not None
            assert isinstance(row["value"], Decimal)


@pytest.mark.parametrize("title", PANELS)
def test_the_query_of_a_panel_scans_no_log(title: str, analyst: Connection) -> None:
    (target,) = PANELS[title]["targets"]
    assert scans(analyst, filled(target["rawSql"]), {}) == []


def test_panels_name_their_data_source_and_lie_beside_each_other() -> None:
    sources = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert sources["datasource"]["query"] == "grafana-postgresql-datasource"
    taken: set[tuple[int, int]] = set()
    for panel in PANELS.values():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        assert panel["description"].endswith(".")
        assert panel["datasource"] == panel["targets"][0]["datasource"]
        taken |= cells


def test_what_a_panel_shows_is_what_happened(analyst: Connection) -> None:
    def value(title: str) -> object:
        return analyst.scalar(text(filled(PANELS[title]["targets"][0]["rawSql"])))

    assert value("Open breaks") == 1
    assert value("Not explained, USD") == 30
    assert value("Waiting for a second person") == 0


def test_the_sources_of_dbt_are_the_catalogue(days: TestDatabase, request: pytest.FixtureRequest) -> None:
    with open_reader(days.analyst_url, "tests") as reader:
        found = as_dbt(read_catalogue(reader))
    if request.config.getoption("--write-golden"):
        SOURCES.write_text(found, encoding="utf-8")
    assert SOURCES.read_text(encoding="utf-8") == found, "write it anew: recon sql --catalogue --format dbt"
    (source,) = yaml.safe_load(found)["sources"]
    tables = {table["name"]: table for table in source["tables"]}
    assert source["schema"] == "recon"
    assert tables["fees"]["columns"][0] == {"name": "gateway", "description": "The gateway", "data_type": "text"}
    assert all(table["description"] for table in tables.values())


def test_dbt_parses_the_project(tmp_path: Path) -> None:
    program = shutil.which("dbt")
    if program is None:
        pytest.skip("dbt is not here")
    project = shutil.copytree(CONFIG / "dbt", tmp_path / "project")
    command = [program, "--no-send-anonymous-usage-stats", "ls", "--resource-type", "source"]
    command += ["--project-dir", str(project), "--profiles-dir", str(project)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    assert "source:recon.recon.pnl_daily" in done.stdout


def test_adbc_reads_amounts_to_the_last_digit(days: TestDatabase) -> None:
    with dbapi.connect(libpq_url(days.analyst_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT p.net FROM recon.pnl_daily AS p WHERE p.net IS NOT NULL ORDER BY p.net DESC")
        table = cursor.fetch_arrow_table()
    assert [Decimal(row["net"]) for row in table.to_pylist()] == [Decimal("18.58"), Decimal("8.587"), Decimal("-1.25")]
