"""recon/reports/csv_lines.py, rules 1 to 3: read back as stored by any CSV reader, and no formula for a spreadsheet."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.reports.csv_lines import cell, line, list_lines, remark, stored
from tests.reports.rows import WORDS

FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
TEXTS = st.sampled_from(WORDS) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def parsed(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@given(st.lists(TEXTS, min_size=1))
def test_rules_1_and_2_texts_come_back_as_stored(words: list[str]) -> None:
    ((found),) = [parsed(line(words))]
    assert [[stored(each) for each in row] for row in found] == [words]


@given(TEXTS)
def test_rule_2_no_text_begins_as_a_formula_does(word: str) -> None:
    ((found,),) = parsed(line([word]))
    assert found.lstrip(" ")[:1] not in FORMULA
    assert (found[:1] == "'") is (word[:1] == "'" or word.lstrip()[:1] in FORMULA or word[:1] in FORMULA)


def test_rule_1_null_is_nothing_and_an_empty_text_is_quoted() -> None:
    assert line([None, "", None]) == ',"",\n'


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_rule_3_a_number_is_itself(value: Decimal) -> None:
    assert Decimal(cell(value)) == value
    assert "e" not in cell(value).lower()
    assert cell(value)[:1] in "-0123456789"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_remark_has_no_formula_whatever_separates_cells(separator: str) -> None:
    for word in ("=1", "+1", "-1", "@x", " =1"):
        written = remark("filter", f"unit=A{separator}{word}")
        cells = next(csv.reader([written], delimiter=separator))
        assert not any(each.strip()[:1] in FORMULA for each in cells[1:]), written
        assert written.count("\n") == 1
    assert remark("a", "two\nlines") == "# a: two lines\n"


def test_lists_of_other_screens_are_written_the_same_way() -> None:
    rows: list[dict[str, object]] = [
        {"unit": "=A", "amounts": [Decimal("1.50"), None], "more": {"a": 1}},
        {"unit": "B"},
    ]
    assert "".join(list_lines(["unit", "amounts", "more"], rows)) == (
        "unit,amounts,more\n'=A,\"1.50, \",{'a': 1}\nB,,\n"
    )
