"""What venues do to their exports: lines above, filters, marks, units, several rows of a trade, workbooks, balances."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from recon.config.imports import Import
from recon.errors import ConfigError
from recon.exact import ZERO, plain
from recon.statements import sheet
from recon.statements.statement import Statement, read_statement
from tests.support.workbooks import Cell, write_workbook

MOVEMENTS = {"id": "id", "time": "time", "asset": "asset", "amount": "amount"}
HEADER = "id,time,asset,amount\n"
LEGS = {"id": "id", "time": "time", "type": "type", "asset": "asset", "amount": "amount"}


def read(path: Path, content: str | bytes, **keys: object) -> Statement:
    """Read a file of movements, or what the keys say it is of."""
    file = path / "statement.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    default: dict[str, object] = {"kind": "transfer", "account": "K", "columns": MOVEMENTS}
    if "types" in keys:
        del default["kind"]
    return read_statement(file, Import.model_validate(default | keys), None)


def amounts(statement: Statement) -> list[str]:
    assert statement.bad_rows == []
    return [f"{plain(each.fact.amount or ZERO)} {each.fact.unit}" for each in statement.facts]


def problems(statement: Statement) -> list[tuple[int, str]]:
    return [(row.line, row.problem) for row in statement.bad_rows]


def test_lines_above_the_headings_are_skipped_and_lines_count_from_the_top(tmp_path: Path) -> None:
    above = 'name,"A. B."\nuser,4711\n\ngenerated on,today\n'
    assert amounts(read(tmp_path, above + HEADER + "1,2026-01-05,BTC,2\n", skip_lines=4)) == ["2 BTC"]
    bad = read(tmp_path, above + HEADER + "1,2026-01-05,BTC,x\n", skip_lines=4)
    assert problems(bad) == [(6, "amount: 'x' is not a number such as -1234.56")]


def test_a_line_above_tells_the_zone(tmp_path: Path) -> None:
    content = "UID:1,Time Zone:UTC+3\n" + HEADER + "1,2026-01-05 01:00:00,BTC,2\n"
    (told,) = read(tmp_path, content, skip_lines=1, zone_above=True).facts
    assert told.fact.occurred_at.isoformat() == "2026-01-04T22:00:00+00:00"
    (same,) = read(tmp_path, content, skip_lines=1, zone="UTC-03:30").facts
    assert same.fact.occurred_at.isoformat() == "2026-01-05T04:30:00+00:00"


@pytest.mark.parametrize("zone", ["UTC+15", "UTC+3:75", "Mars/Olympus"])
def test_a_zone_that_there_is_not_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError, match="zone"):
        Import.model_validate({"kind": "transfer", "columns": MOVEMENTS, "zone": zone})


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-01-05 09:00:00", "2026-01-05T09:00:00+00:00"),
        ("2026-01-05 09:00:00.1234", "2026-01-05T09:00:00.123400+00:00"),
        ("2026-01-05 09:00:00,1234567", "2026-01-05T09:00:00.123456+00:00"),
        ("05/01/2026 09:00", "2026-01-05T09:00:00+00:00"),
        ("05/01/2026 09:00 UTC", "2026-01-05T09:00:00+00:00"),
        ("2026-01-05 09:00:00.25 UTC+3", "2026-01-05T06:00:00.250000+00:00"),
        ("2026-01-05 09:00:00 GMT-03:30", "2026-01-05T12:30:00+00:00"),
    ],
)
def test_times_of_one_file_may_be_of_several_forms_and_fractions(tmp_path: Path, written: str, at: str) -> None:
    forms = ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M"]
    (told,) = read(tmp_path, HEADER + f'1,"{written}",BTC,2\n', time_format=forms).facts
    assert told.fact.occurred_at.isoformat() == at


def test_a_file_without_seconds_says_so_of_its_trades(tmp_path: Path) -> None:
    columns = {"time": "time", "symbol": "pair", "side": "side", "quantity": "vol", "price": "price"}
    header, row = "time,pair,side,vol,price\n", "2026-01-05 09:0{}:{},BTC-USD,buy,{},100\n"
    minutes = header + "".join(row.format(minute, "00", minute) for minute in (1, 2, 3))
    told = read(tmp_path, minutes, kind="trade", columns=columns).facts
    assert [each.fact.step_us for each in told] == [60_000_000] * 3
    told = read(tmp_path, minutes + row.format(4, "01", 4), kind="trade", columns=columns).facts
    assert [each.fact.step_us for each in told] == [0] * 4


def test_rows_that_do_not_count_are_left_out_and_counted(tmp_path: Path) -> None:
    content = "id,time,asset,amount,status\n1,2026-01-05,BTC,1,ok\n2,2026-01-05,BTC,x,failed\n,2026-01-05,BTC,3,ok\n"
    statement = read(tmp_path, content, only={"status": "ok"}, skip={"id": ""})
    assert amounts(statement) == ["1 BTC"]
    assert [(row.line, row.outcome, row.reason) for row in statement.without_fact] == [
        (3, "left_out", "status is 'failed'"),
        (4, "left_out", "id is ''"),
    ]
    japanese = "日時,コイン,数量,ステータス\n2026-01-05,BTC,1,DONE\n2026-01-05,BTC,2,FOUND\n"
    columns = {"time": "日時", "asset": "コイン", "amount": "数量"}
    assert amounts(read(tmp_path, japanese, columns=columns, only={"ステータス": "DONE"})) == ["1 BTC"]


def test_a_filter_on_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no column status"):
        read(tmp_path, HEADER + "1,2026-01-05,BTC,1\n", only={"status": "ok"})


@pytest.mark.parametrize(
    ("written", "keys", "amount"),
    [
        ("1.234,56", {"decimal": ",", "thousands": "."}, "1234.56"),
        ("1,5", {"decimal": ","}, "1.5"),
        ("1,234,567.8", {"thousands": ","}, "1234567.8"),
        ("1234567.8", {"thousands": ","}, "1234567.8"),
        ("1\N{NARROW NO-BREAK SPACE}234,5", {"decimal": ",", "thousands": " "}, "1234.5"),
        ("1'234.5", {"thousands": "'"}, "1234.5"),
        ("(1,234.56)", {"thousands": ","}, "-1234.56"),
        ("(7)", {}, "-7"),
        ("1.5e3", {}, "1500"),
    ],
)
def test_marks_of_numbers_are_read_as_the_mapping_says(
    tmp_path: Path, written: str, keys: dict[str, object], amount: str
) -> None:
    content = HEADER.replace(",", ";") + f'1;2026-01-05;BTC;"{written}"\n'
    assert amounts(read(tmp_path, content, delimiter=";", **keys)) == [f"{amount} BTC"]


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ("1,5", {"thousands": ","}),
        ("12,34,567", {"thousands": ","}),
        ("1.234", {"decimal": ","}),
        ("1.23,4", {"decimal": ",", "thousands": "."}),
        ("1,234,5", {"decimal": ",", "thousands": "."}),
        ("(-7)", {}),
        ("(7", {}),
        ("1'234", {}),
        ("5 BTC", {}),
        ("5BTC2 x", {"units": True}),
        ("5 €", {"units": True}),
    ],
)
def test_a_mark_where_none_belongs_is_no_number(tmp_path: Path, written: str, keys: dict[str, object]) -> None:
    content = HEADER.replace(",", ";") + f'1;2026-01-05;BTC;"{written}"\n'
    ((line, problem),) = problems(read(tmp_path, content, delimiter=";", **keys))
    assert (line, "is not a number" in problem) == (2, True)


@pytest.mark.parametrize("mark", [".", "1", "-", "x", "("])
def test_a_thousands_mark_that_a_number_has_elsewhere_is_refused(mark: str) -> None:
    with pytest.raises(ValidationError, match="thousands"):
        Import.model_validate({"kind": "transfer", "columns": MOVEMENTS, "thousands": mark})


@pytest.mark.parametrize(
    ("written", "amount"),
    [("2.00000000 ETH", "2.00000000 ETH"), ("0.18SOL", "0.18 SOL"), ("-1e-7BTC", "-0.0000001 BTC"), ("3 E", "3 E")],
)
def test_an_asset_is_read_from_its_number(tmp_path: Path, written: str, amount: str) -> None:
    columns = {"time": "time", "amount": "amount"}
    assert amounts(read(tmp_path, f"time,amount\n2026-01-05,{written}\n", columns=columns, units=True)) == [amount]


def test_a_number_without_its_asset_is_no_row(tmp_path: Path) -> None:
    columns = {"time": "time", "amount": "amount"}
    statement = read(tmp_path, "time,amount\n2026-01-05,2.5\n", columns=columns, units=True)
    assert problems(statement) == [(2, "the row names no asset; give --asset")]


def test_a_cell_of_nothing_is_empty(tmp_path: Path) -> None:
    content = "id,time,asset,amount,fee\n1,2026-01-05,BTC,5,-\n2,2026-01-05,BTC,6,0.1\n"
    columns = {**MOVEMENTS, "fee": "fee"}
    told = amounts(read(tmp_path, content, columns=columns, nothing=["-", "--"]))
    assert told == ["5 BTC", "6 BTC", "-0.1 BTC"]
    assert [line for line, _ in problems(read(tmp_path, content, columns=columns))] == [2]


def test_amounts_in_parts_of_an_asset_that_no_column_names(tmp_path: Path) -> None:
    columns = {"time": "time", "amount": "amount"}
    content = "time,amount\n2026-01-05,-150\n"
    assert amounts(read(tmp_path, content, columns=columns, asset="XBT", scale="0.00000001")) == ["-0.00000150 XBT"]


def test_equal_headings_are_refused_unless_the_mapping_names_one(tmp_path: Path) -> None:
    content = "Type,Buy,Cur.,Sell,Cur.,Fee,Cur.,Date\nTrade,1,BTC,-,,0.1,EUR,2026-01-05\n"
    columns: dict[str, object] = {"time": "Date", "amount": "Buy", "asset": "Cur."}
    with pytest.raises(ConfigError, match=r"several columns Cur\.; rename all but one, or name them Cur\.#1"):
        read(tmp_path, content, columns=columns)
    third = {"time": "Date", "amount": "Fee", "asset": "Cur.#3"}
    assert amounts(read(tmp_path, content, columns=third)) == ["0.1 EUR"]
    first = {"time": "Date", "amount": "Buy", "asset": "Cur.#1"}
    assert amounts(read(tmp_path, content, columns=first)) == ["1 BTC"]
    with pytest.raises(ConfigError, match=r"no column Cur\.#4"):
        read(tmp_path, content, columns={**columns, "asset": "Cur.#4"})


def test_a_heading_is_found_whatever_its_case_and_by_each_of_its_names(tmp_path: Path) -> None:
    content = "ID, Time ,Asset,AMOUNT\n1,2026-01-05,BTC,5\n"
    assert amounts(read(tmp_path, content)) == ["5 BTC"]
    several = {**MOVEMENTS, "amount": ["change", "amount"]}
    assert amounts(read(tmp_path, content, columns=several)) == ["5 BTC"]
    both = "id,time,asset,amount,Amount\n1,2026-01-05,BTC,5,6\n"
    assert amounts(read(tmp_path, both)) == ["5 BTC"]
    assert amounts(read(tmp_path, both, columns={**MOVEMENTS, "amount": "Amount"})) == ["6 BTC"]
    with pytest.raises(ConfigError, match="no column AMOUNT"):
        read(tmp_path, both, columns={**MOVEMENTS, "amount": "AMOUNT"})


def test_other_encodings_than_utf_8_are_read_where_the_mapping_says_so(tmp_path: Path) -> None:
    content = (HEADER.replace(",", ";") + "1;2026-01-05;BTC;1,5\n").encode("utf-16")
    assert amounts(read(tmp_path, content, encoding="utf-16", delimiter=";", decimal=",")) == ["1.5 BTC"]


# --- several rows of one trade


def legs(path: Path, rows: str, **keys: object) -> Statement:
    types = {"leg": "trade_leg", "fee": "trade_fee"}
    return read(path, f"id,time,type,asset,amount\n{rows}", types=types, columns=LEGS, group="id", **keys)


def test_rows_of_one_id_are_one_trade_wherever_they_stand(tmp_path: Path) -> None:
    rows = (
        "T1,2026-01-05T09:00:01Z,leg,USD,-100\nT2,2026-01-05T09:00:00Z,leg,ETH,-1\nT1,2026-01-05T09:00:01Z,leg,BTC,0.5\n"
        "T1,2026-01-05T09:00:01Z,fee,USD,-0.3\nT2,2026-01-05T09:00:00Z,leg,BTC,0.1\nT1,2026-01-05T09:00:01Z,fee,BNB,-0.2\n"
        "T1,2026-01-05T09:00:01Z,leg,BTC,0.5\n"
    )
    statement = legs(tmp_path, rows)
    assert statement.bad_rows == []
    told = [each.fact for each in statement.facts]
    assert [(fact.fact, fact.side, fact.symbol, str(fact.quantity), str(fact.cash)) for fact in told[:2]] == [
        ("trade", "SELL", "ETH/BTC", "1", "0.1"),
        ("trade", "BUY", "BTC/USD", "1.0", "100"),
    ]
    assert (told[1].base, told[1].quote, str(told[1].fee), told[1].fee_asset) == ("BTC", "USD", "0.3", "USD")
    assert [(fact.fact, fact.unit, str(fact.amount)) for fact in told[2:]] == [("fee", "BNB", "-0.2")]
    assert [(row.line, row.outcome) for row in statement.without_fact] == [
        (4, "part"), (5, "part"), (6, "part"), (7, "part"), (8, "part"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("T1,2026-01-05,leg,USD,-100\n", "move only USD; a trade moves two"),
        ("T1,2026-01-05,leg,USD,-1\nT1,2026-01-05,leg,BTC,2\nT1,2026-01-05,leg,ETH,2\n", "move 3 assets"),
        ("T1,2026-01-05,leg,USD,-1\nT1,2026-01-05,leg,BTC,-2\n", "in the same direction"),
        ("T1,2026-01-05,leg,USD,-1\nT1,2026-01-05,leg,USD,2\n", "both paid and received"),
    ],
)
def test_rows_that_make_no_trade_are_named(tmp_path: Path, rows: str, words: str) -> None:
    statement = legs(tmp_path, rows)
    assert statement.facts == []
    ((line, problem),) = problems(statement)
    assert (line, words in problem) == (2, True)


def test_parts_of_a_trade_without_what_joins_them_are_refused() -> None:
    with pytest.raises(ValidationError, match="group must name"):
        Import.model_validate({"columns": LEGS, "types": {"leg": "trade_leg"}})


# --- balances


def chain(path: Path, rows: str, **keys: object) -> list[tuple[int, str]]:
    columns = {**MOVEMENTS, "fee": "fee", "balance": "left"}
    statement = read(path, f"id,time,asset,amount,fee,left\n{rows}", columns=columns, **keys)
    return problems(statement)


WHOLE = (
    "1,2026-01-05T09:00:00Z,BTC,10,0,10\n2,2026-01-05T09:00:00Z,EUR,5,0,905\n"
    "3,2026-01-05T09:01:00Z,BTC,-4,0.5,5.5\n4,2026-01-05T09:02:00Z,BTC,1,0,6.5\n"
)


def test_a_chain_of_balances_holds_in_either_order_of_rows(tmp_path: Path) -> None:
    assert chain(tmp_path, WHOLE) == []
    assert chain(tmp_path, "".join(reversed(WHOLE.splitlines(keepends=True)))) == []


def test_rows_of_one_time_may_stand_in_any_order(tmp_path: Path) -> None:
    rows = WHOLE.splitlines(keepends=True)
    same = [row.replace("09:01", "09:02") for row in rows]
    assert chain(tmp_path, "".join([same[0], same[3], same[2]])) == []


def test_a_missing_row_is_proved_with_its_amount_and_place(tmp_path: Path) -> None:
    rows = WHOLE.splitlines(keepends=True)
    assert chain(tmp_path, "".join([rows[0], rows[3]])) == [
        (
            3,
            "balance: 6.5 BTC after it is not 11; between line 2 and this one a row of -4.5 BTC is missing",
        )
    ]


def test_what_a_venue_rounds_is_no_missing_row(tmp_path: Path) -> None:
    rows = "1,2026-01-05T09:00:00Z,EUR,10.00,0,10.00\n2,2026-01-05T09:01:00Z,EUR,1.004,0,11.01\n"
    assert chain(tmp_path, rows) == []
    assert len(chain(tmp_path, rows.replace("11.01", "11.03"))) == 1


def test_the_balances_say_whether_amounts_contain_the_fee(tmp_path: Path) -> None:
    assert chain(tmp_path, WHOLE, amounts="by_balance") == []
    net = WHOLE.replace("-4,0.5,5.5", "-4.5,0.5,5.5")
    assert chain(tmp_path, net, amounts="by_balance") == []
    assert len(chain(tmp_path, net)) == 1


# --- workbooks


def book(path: Path, rows: list[list[Cell]], **keys: object) -> Statement:
    file = write_workbook(path / "statement.xlsx", {"Cover": [["nothing here"]], "History": rows})
    mapping = {"kind": "transfer", "account": "K", "columns": MOVEMENTS, "sheet": "History"}
    return read_statement(file, Import.model_validate(mapping | keys), None)


def test_a_workbook_is_read_like_a_text_file(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [
        ["Account:", "K-1"],
        ["id", "time", "asset", "amount"],
        [1.0, "2026-01-05 09:00:00", "BTC", 0.1],
        ["2", "2026-01-05 09:00:01", "BTC", 12345678.00000001],
        ["3", "2026-01-05 09:00:02", "BTC", 1e-8],
        ["4", "2026-01-05 09:00:03", "BTC", "1.50"],
        ["5", "2026-01-05 09:00:04", "BTC", "x"],
    ]
    statement = book(tmp_path, rows, skip_lines=1)
    assert [plain(each.fact.amount or ZERO) for each in statement.facts] == [
        "0.1",
        "12345678.00000001",
        "0.00000001",
        "1.50",
    ]
    assert [each.fact.external_id for each in statement.facts] == ["1", "2", "3", "4"]
    assert problems(statement) == [(7, "amount: 'x' is not a number such as -1234.56")]


def test_a_cell_of_a_workbook_may_be_a_time_itself(tmp_path: Path) -> None:
    at = datetime(2026, 1, 5, 9, 30)  # noqa: DTZ001 - workbooks know no zone
    rows: list[list[Cell]] = [["id", "time", "asset", "amount"], ["1", at, "BTC", 2.0], ["2", "05.01.2026", "BTC", 3.0]]
    statement = book(tmp_path, rows, time_format="%d.%m.%Y", zone="UTC+1")
    assert statement.bad_rows == []
    times = {each.fact.external_id: each.fact.occurred_at.isoformat() for each in statement.facts}
    assert times == {"1": "2026-01-05T08:30:00+00:00", "2": "2026-01-04T23:00:00+00:00"}


def test_a_sheet_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no sheet 'Trades'; there are Cover, History"):
        book(tmp_path, [["id", "time", "asset", "amount"]], sheet="Trades")


def test_what_is_no_workbook_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "broken.xlsx"
    file.write_bytes(b"PK\x03\x04 nothing")
    mapping = Import.model_validate({"kind": "transfer", "account": "K", "columns": MOVEMENTS})
    with pytest.raises(ConfigError, match="is no workbook that can be read"):
        read_statement(file, mapping, None)
    monkeypatch.setattr(sheet, "MAX_STATEMENT_BYTES", 2000)
    with pytest.raises(ConfigError, match="once unpacked"):
        book(tmp_path, [["id", "time", "asset", "amount"], ["1", "2026-01-05", "BTC" * 2000, 1.0]])


def test_an_iso_time_may_name_its_zone_behind_it(tmp_path: Path) -> None:
    (told,) = read(tmp_path, HEADER + "1,2026-01-05 09:00:00 UTC+8,BTC,2\n").facts
    assert told.fact.occurred_at.isoformat() == "2026-01-05T01:00:00+00:00"
    assert problems(read(tmp_path, HEADER + "1,2026-01-05 09:00:00 UTC+19,BTC,2\n"))


def test_the_minus_of_set_text_is_a_minus(tmp_path: Path) -> None:
    assert amounts(read(tmp_path, HEADER + "1,2026-01-05,BTC,\N{MINUS SIGN}2.5\n")) == ["-2.5 BTC"]


def test_headings_that_differ_by_spaces_around_them_are_equal(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="several columns amount"):
        read(tmp_path, "id,time,asset,amount, amount \n1,2026-01-05,BTC,2,3\n")
    assert amounts(read(tmp_path, " id,time ,asset, amount\n1,2026-01-05,BTC,2\n")) == ["2 BTC"]
