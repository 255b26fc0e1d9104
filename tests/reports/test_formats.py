"""Every format gives every value back to the last digit, or says where the digits are."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from decimal import Decimal, localcontext
from io import BytesIO
from pathlib import Path

import pyarrow.parquet
import pytest
from python_calamine import CalamineWorkbook

from recon.closing.ageing import DEFAULT_BOUNDS
from recon.errors import ConfigError
from recon.exact import EXACT
from recon.reports import formats
from recon.reports.destination import whole_file
from recon.reports.formats import FORMATS, csv_file, html_file, parquet_file, xlsx_file
from recon.reports.model import ReportRow
from recon.reports.pictures import Drift, DriftPoint, ageing
from recon.reports.values import text_of
from tests.reports.rows import AMOUNTS, MADE_AT, REPORT, WORDS, header, sample
from tests.support.read_back import READERS, Texts, sums


@pytest.fixture(autouse=True)
def _exact() -> Iterator[None]:
    with localcontext(EXACT):
        yield


def made(format_: formats.Format, rows: list[ReportRow], *, at_once: int = 7) -> tuple[bytes, list[str]]:
    """Return a file with these rows, written in batches, and its remarks."""
    stream = BytesIO()
    sink = formats.sink_of(format_)(stream, header(), [])
    for begin in range(0, len(rows), at_once):
        sink.write(rows[begin : begin + at_once])
    remarks = sink.end()
    content = stream.getvalue()
    sink.close()
    return content, remarks


def expected(rows: list[ReportRow]) -> list[Texts]:
    keys = [column.key for column in REPORT.columns]
    return [
        {key: None if value is None else text_of(value) for key, value in zip(keys, row, strict=True)} for row in rows
    ]


def by_value(row: Texts) -> dict[str, object]:
    return {key: Decimal(value) if key == "amount" and value is not None else value for key, value in row.items()}


@pytest.mark.parametrize("format_", READERS)
def test_every_value_comes_back_and_sums_are_equal_to_the_last_digit(format_: formats.Format, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(made(format_, sample())[0])
    wanted = expected(sample())
    if format_ == "xlsx":  # A workbook has no empty text beside nothing.
        wanted = [{key: value or None for key, value in row.items()} for row in wanted]
    for read in READERS[format_]:
        found = read(file, REPORT)
        assert [by_value(row) for row in found] == [by_value(row) for row in wanted], read.__name__
        assert sums(found, REPORT) == sums(wanted, REPORT)
        assert sums(found, REPORT)["amount"] != 0


@pytest.mark.parametrize("format_", READERS)
def test_an_empty_report_has_its_columns(format_: formats.Format, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(made(format_, [])[0])
    for read in READERS[format_]:
        assert read(file, REPORT) == []
    if format_ == "csv":
        assert file.read_text("utf-8").rstrip() == "word,amount,number,told,at,day"
    if format_ == "parquet":
        assert pyarrow.parquet.read_schema(file).names[:3] == ["word", "amount", "amount_exact"]


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_rows_give_the_same_head_whatever_the_batches(format_: formats.Format) -> None:
    if format_ in {"csv", "json", "html"}:
        assert made(format_, sample(), at_once=1)[0] == made(format_, sample(), at_once=100)[0]


@pytest.mark.parametrize("format_", FORMATS)
def test_each_says_of_when_it_is_and_what_it_rests_on(format_: formats.Format) -> None:
    content = made(format_, sample())[0]
    if format_ == "parquet":
        said = pyarrow.parquet.read_schema(BytesIO(content)).metadata[b"recon"].decode()
    elif format_ == "xlsx":
        sheet = CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_name("about")
        said = "\n".join(str(cell) for row in sheet.to_python() for cell in row)
    elif format_ == "csv":
        assert content.startswith(b"word,amount,")
        said = csv_file.head(header()).decode()
        assert json.loads(csv_file.about(header(), 3))["books"][0]["digest"] == "ab" * 32
    else:
        said = content.decode()
    for word in ("2026-01-05T09:00:00.000000Z", "ab" * 32, "cd" * 32, "unit=A,"):
        assert word in said, word
    assert "log position 7 of 8" in said or json.loads(said)["books"][0]["seq"] == 7


def test_parquet_says_what_does_not_fit_in_its_types_metadata_and_remarks() -> None:
    content, remarks = made("parquet", sample())
    file = pyarrow.parquet.ParquetFile(BytesIO(content))
    assert str(file.schema_arrow.field("amount").type) == "decimal128(38, 18)"
    assert str(file.schema_arrow.field("at").type) == "timestamp[us, tz=UTC]"
    column = {row["amount_exact"] for row in file.read().to_pylist()} - {None}
    unfit = [each for each in AMOUNTS if text_of(each) in column]
    assert [str(each)[:6] for each in unfit] == ["-12345", "1.2345"[:6], "100000", "-1E-19", "1E+40", "1E+400"]
    told = json.loads(file.metadata.metadata[b"recon.exact"])
    assert told == {"amount": sum(row["amount_exact"] is not None for row in file.read().to_pylist())}
    assert remarks == [
        f"{told['amount']} values of amount do not fit decimal(38,18): null there, and whole in amount_exact"
    ]


def test_parquet_writes_group_by_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "GROUP_ROWS", 10)
    content, _ = made("parquet", sample())
    file = pyarrow.parquet.ParquetFile(BytesIO(content))
    assert [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)] == [10, 10, 3]


def test_a_workbook_runs_no_text_and_goes_on_in_a_further_sheet() -> None:
    stream = BytesIO()
    sink = xlsx_file.XlsxFile(stream, header(), sheet_rows=10)
    sink.write(sample())
    remarks = sink.end()
    sink.close()
    book = CalamineWorkbook.from_filelike(BytesIO(stream.getvalue()))
    assert book.sheet_names == ["about", "sample", "sample 2", "sample 3"]
    words = [row[0] for name in book.sheet_names[1:] for row in book.get_sheet_by_name(name).to_python()[1:]]
    assert words == ["", *WORDS], "as stored: a text cell is never run"
    assert b"<f>" not in stream.getvalue()
    assert any("more digits than a spreadsheet keeps: whole in amount exact" in each for each in remarks)


def test_a_text_that_no_cell_holds_says_that_it_is_cut_off() -> None:
    row: ReportRow = ("x" * 40_000, Decimal(1), 1, True, MADE_AT, MADE_AT.date())
    content, remarks = made("xlsx", [row])
    ((found, *_),) = CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_name("sample").to_python()[1:]
    assert len(str(found)) == 32_767
    assert str(found).endswith("(cut off: 40,000 characters)")
    assert remarks == ["1 text longer than 32,767 characters cut off; CSV has them whole"]


def test_a_workbook_that_is_given_up_leaves_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sink = xlsx_file.XlsxFile(BytesIO(), header())
    sink.write(sample())
    assert list(tmp_path.iterdir()), "rows wait there"
    sink.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format_", FORMATS)
def test_a_full_disk_is_one_error_and_nothing_is_told_beside(format_: formats.Format, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be written: No space left on device$"):
        _write_to_a_full_disk(format_, tmp_path / "report")
    assert list(tmp_path.iterdir()) == []
    gc.collect()  # what a library still wants to say, it says when it is taken away


def _write_to_a_full_disk(format_: formats.Format, path: Path) -> None:
    with whole_file(path, replace=False) as stream:
        full = os.open("/dev/full", os.O_RDWR)
        os.dup2(full, stream.fileno())
        os.close(full)
        sink = formats.sink_of(format_)(stream, header(), [])
        try:
            sink.write(sample() * 40)
            sink.end()
        finally:
            sink.close()


def test_a_page_needs_nothing_from_outside_and_runs_nothing() -> None:
    points = [DriftPoint(MADE_AT, Decimal(0)), DriftPoint(MADE_AT, Decimal("0.123456789012345678"))]
    stream = BytesIO()
    sink = html_file.HtmlFile(stream, header(), [ageing([], DEFAULT_BOUNDS), Drift("<BTC> of A", points)])
    sink.write(sample())
    assert sink.end() == []
    page = stream.getvalue().decode()
    for outside in ("<script", "<link", "src=", "@import", "url(", "href="):
        assert outside not in page
    assert page.count("<svg") == 2
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<BTC>" not in page
    assert "{{ 7 * 7 }}" in page, "a text is no template"
    assert "0.123456789012345678" in page, "the figure beside the chart has every digit"
    assert f"{AMOUNTS[6]:,}" in page


def test_a_page_shows_so_many_rows_and_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_file, "SHOWN", 5)
    content, remarks = made("html", sample())
    page = content.decode()
    assert f"{len(sample())} rows, of which the first 5" in page
    assert remarks == [f"the page shows 5 of {len(sample())} rows; CSV, Parquet and xlsx have all"]
    assert page.count("</tr>") < 40


@pytest.mark.parametrize(
    ("format_", "package"), [("parquet", "pyarrow"), ("xlsx", "xlsxwriter"), ("html", "vl-convert-python")]
)
def test_a_format_whose_library_is_missing_says_what_to_install(
    format_: formats.Format, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "_is_here", lambda _: False)
    with pytest.raises(ConfigError, match=rf"{format_} needs {package}: install recon\[reports\]"):
        formats.sink_of(format_)
    assert [formats.sink_of("csv").__name__, formats.sink_of("json").__name__] == ["sink", "sink"]
