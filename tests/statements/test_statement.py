"""Statements as people save them: what is ambiguous or no statement is named with its line, and nothing is guessed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from recon.config.imports import Import
from recon.config.values import parse_decimal
from recon.errors import ConfigError
from recon.statements import sheet
from recon.statements.statement import read_statement

HEADER = "id,time,asset,amount,fee\n"
ROW = "L-1,2026-01-05T09:00:00Z,BTC,{},0\n"


def mapping(**more: object) -> Import:
    columns = {"id": "id", "time": "time", "asset": "asset", "amount": "amount", "fee": "fee"}
    return Import.model_validate({"kind": "transfer", "account": "K", "columns": columns, **more})


def read(tmp_path: Path, content: str | bytes, **more: object) -> tuple[list[str], list[tuple[int, str]]]:
    """Return the amounts of the facts of a file, and its bad rows."""
    file = tmp_path / "ledger.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = read_statement(file, mapping(**more), None)
    return [str(each.fact.amount) for each in found.facts], [(row.line, row.problem) for row in found.bad_rows]


def refused(tmp_path: Path, content: str | bytes, **more: object) -> str:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, content, **more)
    return str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "1_000",
            "٣",
            "\N{FULLWIDTH DIGIT ONE}2",
            "1,5",
            "1,000.00",
            "1 000",
            "NaN",
            "-inf",
            "Infinity",
            "1e41",
            "0x10",
        ),
        *("1e999999999", "+-1", "1e", ".", "", "1.2.3", "--1", "$5", "5 BTC", "1e٣", "²", "9" * 90),
    ],
)
def test_what_is_no_plain_number_is_named_with_line_and_column(tmp_path: Path, written: str) -> None:
    amounts, bad = read(tmp_path, HEADER + ROW.format(2) + ROW.format(f'"{written}"'))
    assert amounts == ["2"]
    ((line, problem),) = bad
    assert line == 3
    assert problem.startswith("amount: ")
    assert "is not a number" in problem
    assert len(problem) < 120


@pytest.mark.parametrize(
    ("written", "amount"),
    [("-1.50", "-1.50"), ("+2", "2"), (".5", "0.5"), ("5.", "5"), ("1e3", "1000"), ("1E-3", "0.001"), (" 7 ", "7")],
)
def test_plain_numbers_are_read_exactly(tmp_path: Path, written: str, amount: str) -> None:
    assert read(tmp_path, HEADER + ROW.format(written)) == ([amount], [])


def test_no_digit_of_a_long_number_is_lost(tmp_path: Path) -> None:
    written = "-1234567890123456789012345678901234567.123456789"
    assert read(tmp_path, HEADER + ROW.format(written)) == ([written], [])
    assert read(tmp_path, HEADER + ROW.format(written[1:]), kind="withdrawal", sign="by_type") == ([written], [])


@pytest.mark.parametrize("written", ["-0", "0.00", "-0e5"])
def test_a_zero_of_any_sign_is_no_movement(tmp_path: Path, written: str) -> None:
    assert read(tmp_path, HEADER + ROW.format(written)) == ([], [])


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("iso", "0001-01-01T00:00:00+14:00"),
        ("iso", "9999-12-31T23:59:59-14:00"),
        ("iso", "05/01/2026"),
        ("iso", "2026-02-30T00:00:00Z"),
        ("iso", "٢٠٢٦-01-05T09:00:00Z"),
        ("%Y-%m-%d", "٢٠٢٦-01-05"),
        ("%Y-%m-%d %z", "0001-01-01 +1400"),
        ("unix", "1e999990"),
        ("unix", "1_767_603_600"),
        ("unix", "99999999999999999"),
        ("unix", "1.7e9"),
        ("unix_ms", "-99999999999999999"),
        ("unix", "٣"),
        ("unix", "nan"),
        ("unix", "9" * 5000),
        ("unix", ""),
    ],
)
def test_what_is_no_time_is_named_with_line_and_column(tmp_path: Path, form: str, written: str) -> None:
    amounts, bad = read(tmp_path, HEADER + f"L-1,{written},BTC,1,0\n", time_format=form)
    assert amounts == []
    ((line, problem),) = bad
    assert line == 2
    assert problem.startswith("time: ")
    assert f"is not a time of the form {form}" in problem
    assert len(problem) < 160


def test_a_time_of_the_right_form_but_of_no_year_says_so(tmp_path: Path) -> None:
    _, bad = read(tmp_path, HEADER + "L-1,0001-01-01T00:00:00+14:00,BTC,1,0\n", time_format="iso")
    ((_, problem),) = bad
    assert problem.endswith("within the years 1 to 9999 in UTC")


def test_a_column_of_the_mapping_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    words = refused(tmp_path, "id,time,asset,amount,fee,amount\nL-1,2026-01-05,BTC,1,0,7\n")
    assert "line 1: there are several columns amount" in words
    assert read(tmp_path, "id,time,asset,amount,fee,,\nL-1,2026-01-05,BTC,1,0,x,y\n")[0] == ["1"]


@pytest.mark.parametrize("row", ["L-1,2026-01-05,BTC,1", "L-1", "L-1,2026-01-05,BTC,1,000.00,0", "Total: 1,,,,,7"])
def test_a_row_with_another_number_of_cells_is_named(tmp_path: Path, row: str) -> None:
    amounts, ((line, problem),) = read(tmp_path, f"{HEADER}\n{row}\n")
    assert (amounts, line) == ([], 3)
    assert "the header has 5" in problem


def test_blank_lines_quotes_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    content = "\ufeff" + HEADER + '\n"L-1",2026-01-05,BTC,"1",0,\n\r\nL-2,2026-01-05,"B\nTC",2,0\n\n'
    assert read(tmp_path, content) == (["1", "2"], [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "line 1: there is no header"),
        ("\n\n", "line 1: there is no header"),
        (HEADER + "L-1,\0,BTC,1,0\n", "line 2: holds a NUL"),
        (HEADER + "L-1," + "x" * 200_000 + ",BTC,1,0\n", "line 2: is longer than"),
        (HEADER + 'L-1,"' + ("x" * 99_000 + "\n") * 3 + '",BTC,1,0\n', "a cell is longer than"),
        (HEADER + ROW.format(1) + 'L-2,"2026\n', "line 3: is not CSV: a quote is opened and not closed"),
        (HEADER + 'L-2,"20"26",BTC,1,0\n', "line 2: is not CSV: a quote stands within a cell"),
        (HEADER.encode() + b"L-1,\xff\xfe,BTC,1,0\n", "line 1 or a later one is not text in UTF-8"),
        (HEADER.encode("utf-16"), "line 1 or a later one is not text in UTF-8"),
        (HEADER.encode() + ROW.format(1).encode("cp1252") + "L-2,Zürich,,,\n".encode("cp1252"), "is not text"),
    ],
)
def test_a_file_that_is_no_text_or_no_csv_is_refused_whole(tmp_path: Path, content: str | bytes, words: str) -> None:
    assert words in refused(tmp_path, content)


def test_a_header_alone_has_no_facts(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER) == ([], [])


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/"])
def test_what_is_no_regular_file_is_not_read(path: str) -> None:
    with pytest.raises(ConfigError, match="is no regular file"):
        read_statement(Path(path), mapping(), None)


def test_a_file_beyond_the_bounds_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "large.csv"
    with file.open("wb") as stream:
        stream.truncate(1 << 30)
    with pytest.raises(ConfigError, match="larger than"):
        read_statement(file, mapping(), None)
    monkeypatch.setattr(sheet, "MAX_STATEMENT_ROWS", 3)
    assert "more than 3 rows" in refused(tmp_path, HEADER + ROW.format(1) * 4)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("delimiter", '"'),
        ("delimiter", "\n"),
        ("encoding", "hex"),
        ("encoding", "rot13"),
        ("columns", {"time": "time", "asset": "asset", "amount": "amount", "fee": "amount"}),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        mapping(**{key: value})


@pytest.mark.parametrize("written", ["1_0", "٣", "NaN", "sNaN", "Infinity", "1e", "", "1e9999999999"])
def test_settings_and_options_read_no_other_numbers_either(written: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_decimal(written)
    assert parse_decimal(" 1.50 ") == Decimal("1.50")
