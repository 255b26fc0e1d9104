"""The list of a screen as a file: all that SQL gives, digit for digit, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from html import unescape

import pytest
from sqlalchemy import Engine

from recon.web.csv_file import csv_of
from tests.conftest import TestDatabase
from tests.web.test_screens import reading, rows_of

LISTS = ("/breaks?view=open", "/units?verdict=break", "/alerts", "/log?gateway=prod-eu", "/coverage")


@pytest.mark.postgres
@pytest.mark.trio
@pytest.mark.parametrize("path", LISTS)
async def test_a_list_is_had_as_a_file_with_what_sql_gives(day: TestDatabase, engine: Engine, path: str) -> None:
    async with reading(day, engine) as somebody:
        page = await somebody.get(path)
        (address,) = re.findall(r'href="([^"]*)" download', page.text)
        answer = await somebody.get(unescape(address))
        assert (await somebody.get(unescape(address).replace("=csv", "=xls"))).status_code == 422
        assert (await somebody.get("/rules?format=csv")).status_code == 422, "it is no list"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    sql = re.search(r'id="sql-text">(.*?)</pre>', page.text, re.DOTALL)
    assert sql is not None
    wanted = rows_of(day, unescape(sql[1]).replace("%", "%%"))
    assert len(rows) == len(wanted) > 0
    assert list(rows[0]) == list(wanted[0])
    for row, stored in zip(rows, wanted, strict=True):
        for name, value in stored.items():
            if isinstance(value, Decimal):
                assert Decimal(row[name]) == value


def test_no_cell_of_a_file_is_a_formula_and_numbers_stay_numbers() -> None:
    row = {"a": "=1+1", "b": Decimal("-0.10"), "c": "@x", "d": None, "e": ["-x", Decimal("1E+2")]}
    assert csv_of([row]).splitlines()[1] == "'=1+1,-0.10,'@x,,'-x; 100"
