"""`recon report`: the same rows in every format as in SQL, to the last digit; a file appears whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from decimal import localcontext
from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import Engine, text

from recon.cli.commands import report as report_module
from recon.cli.commands.report import Kind
from recon.cli.main import run
from recon.exact import EXACT
from recon.reports.catalogue import REPORTS
from recon.reports.formats import FORMATS
from recon.reports.values import text_of
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.reports_written import written_in_every_format

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
def _exact() -> Iterator[None]:
    with localcontext(EXACT):
        yield


def test_the_command_knows_every_report() -> None:
    assert set(get_args(Kind)) == set(REPORTS)


@pytest.mark.parametrize("kind", REPORTS)
def test_every_format_has_the_rows_and_sums_of_sql(
    recon: Recon, day: TestDatabase, engine: Engine, tmp_path: Path, kind: str
) -> None:
    rows = written_in_every_format(recon, engine, kind, tmp_path)
    # Nobody signed the day; a test of `recon close` writes a day that somebody signed.
    assert bool(rows) is (kind != "close")


def test_an_empty_report_is_one_too(
    recon: Recon, database: TestDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    for format_ in FORMATS:
        result = recon("report", "fills", "--format", format_, "-o", str(tmp_path / format_))
        assert result.status == 0, result.err
        assert result.err.endswith(": 0 rows of fills\n")
        assert (tmp_path / format_).stat().st_size > 0


def test_standard_output_has_the_report_alone_and_a_terminal_no_binary(
    day: TestDatabase, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    run(["report", "balances", "--format", "json", "--account", "BINANCE"])
    out = capfdbinary.readouterr()
    document = json.loads(out.out)
    assert document["filters"] == ["account=BINANCE"]
    assert {row["account"] for row in document["rows"]} == {"BINANCE"}
    run(["report", "balances", "--format", "parquet"])
    assert capfdbinary.readouterr().out[:4] == b"PAR1"
    run(["report", "balances", "--format", "xlsx"])
    assert capfdbinary.readouterr().out[:2] == b"PK"
    assert run(["report", "balances"]) == 0
    rows = capfdbinary.readouterr().out
    assert rows.startswith(b"gateway,account,asset,")
    assert run(["report", "balances", "--head"]) == 0
    with_head = capfdbinary.readouterr().out
    assert with_head.startswith(b"# report: balances\n")
    assert [line for line in with_head.splitlines() if not line.startswith(b"#")] == rows.splitlines()


def test_a_page_draws_open_breaks_by_age_and_the_worst_units(
    recon: Recon, day: TestDatabase, engine: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "breaks.html"
    assert recon("report", "breaks", "-o", str(file)).status == 0
    page = file.read_text("utf-8")
    with engine.connect() as connection:
        breaks = connection.execute(text("SELECT count(*) FROM recon.open_breaks")).scalar_one()
    assert f'<tr><td>under 1 h</td><td class="n">{breaks}</td>' in page
    assert page.count("<svg") > 1
    assert page.count("Drift of ") > 1
    assert '<th class="n">amount usd</th>' in page
    assert "<th>case id</th>" not in page, "paper is narrow"
    assert "further columns: unit kind, case id" in page


def test_a_file_that_is_there_is_kept(recon: Recon, day: TestDatabase, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    file.write_text("mine")
    result = recon("report", "fills", "-o", str(file))
    assert result.status == 2
    assert "is there already" in result.err
    assert file.read_text() == "mine"
    assert recon("report", "fills", "-o", str(file), "--replace").status == 0
    assert file.read_text().startswith("gateway,account,order_key")
    assert recon("report", "fills", "-o", str(file)).status == 2
    file.unlink()
    assert "out.csv.about.json is there already" in recon("report", "fills", "-o", str(file)).err
    assert not file.exists(), "both or none"


def test_what_fails_in_the_middle_leaves_nothing(
    recon: Recon, day: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = report_module.read_rows  # type: ignore[attr-defined]  # as the command knows it

    def broken(*arguments: object) -> Iterator[object]:
        yield from read(*arguments)  # type: ignore[arg-type]  # as it is called
        raise KeyboardInterrupt

    monkeypatch.setattr(report_module, "read_rows", broken)
    for format_ in FORMATS:
        assert recon("report", "movements", "-f", format_, "-o", str(tmp_path / "out")).status == 130
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["lists"], "positions, balances, breaks"),
        (["fills", "-f", "pdf"], "csv, json, parquet, xlsx or html"),
        (["fills", "--filter", "severity=high"], "fills cannot be narrowed by severity"),
        (["fills", "--account", "NOBODY"], "there is no account 'NOBODY'"),
        (["fills", "-o", "/nowhere/out.csv"], "/nowhere/out.csv cannot be written: No such file or directory"),
        (["fills", "-o", "out.pdf"], "ends like no format, which are csv, json, parquet, xlsx and html"),
        (["fills", "-o", "out.CSVV"], "rename it, or give --format"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(recon: Recon, day: TestDatabase, arguments: list[str], told: str) -> None:
    result = recon("report", *arguments)
    assert result.status == 2
    assert told in " ".join(result.err.split())
    assert result.out == ""


def test_what_is_not_current_is_said_in_the_report_too_or_refused(
    recon: Recon, day: TestDatabase, tmp_path: Path
) -> None:
    file = tmp_path / "out.csv"
    result = recon("report", "balances", "-o", str(file), "--require-current")
    assert (result.status, list(tmp_path.iterdir())) == (3, [])
    recon("report", "balances", "-o", str(file))
    ((first, *_),) = [json.loads(file.with_name("out.csv.about.json").read_text())["not_current"]]
    assert first.startswith("gateway prod-eu: nothing has been seen since")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("format_", ["csv", "xlsx"])
def test_a_process_that_is_ended_while_it_writes_leaves_nothing(
    day: TestDatabase, tmp_path: Path, number: signal.Signals, format_: str
) -> None:
    place, temporary = tmp_path / "place", tmp_path / "temporary"
    place.mkdir()
    temporary.mkdir()
    code = f"""
        import sys, threading
        from recon.cli.commands import report
        from recon.cli.main import main
        read = report.read_rows
        def slow(*arguments):
            yield from read(*arguments)
            print("written", file=sys.stderr, flush=True)
            threading.Event().wait()
        report.read_rows = slow
        sys.argv[1:] = ["report", "movements", "-o", {str(place / f"out.{format_}")!r}]
        main()
    """
    process = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", textwrap.dedent(code)],
        stderr=subprocess.PIPE,
        env=os.environ | {"RECON_DATABASE__URL": day.service_url, "TMPDIR": str(temporary)},
    )
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if line == b"written\n":
                break
        process.send_signal(number)
        process.stderr.read()
        assert process.wait(120) in {128 + number, -number}
    assert list(place.iterdir()) == []
    if number is not signal.SIGKILL:
        assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("kind", REPORTS)
def test_a_past_time_is_what_the_functions_of_the_past_say(
    recon: Recon, day: TestDatabase, engine: Engine, kind: str
) -> None:
    with engine.connect() as connection:
        middle = connection.execute(
            text("SELECT to_timestamp(avg(extract(epoch FROM recorded_at))) FROM recon.entries")
        ).scalar_one()
        of_then = "(SELECT * FROM recon.fees WHERE occurred_at <= :at AND recorded_at <= :at)"
        past = REPORTS[kind].past
        source = of_then if past is None else f"{past}(:at, :at)"
        count = connection.execute(text(f"SELECT count(*) FROM {source} AS x"), {"at": middle}).scalar_one()  # noqa: S608
        now = connection.execute(text(f"SELECT count(*) FROM {REPORTS[kind].view}")).scalar_one()  # noqa: S608
        known = connection.execute(
            text(
                "SELECT e.digest, e.seq FROM recon.log_as_of(:at) AS l JOIN recon.events AS e"
                " ON (e.gateway, e.seq) = (l.gateway, l.seq) WHERE l.gateway = 'prod-eu'"
            ),
            {"at": middle},
        ).one()
    times = ["--as-of", middle.isoformat(), "--known-at", middle.isoformat()]
    result = recon("report", kind, "--format", "json", *times)
    assert result.status == 0, result.err
    document = result.json()
    assert document["count"] == count
    if kind in {"movements", "fills", "pnl"}:
        assert 0 < count <= now
        assert kind == "pnl" or count < now
    assert document["as_of"] == document["known_at"] == text_of(middle)
    ((books,),) = [[each for each in document["books"] if each["gateway"] == "prod-eu"]]
    assert (books["seq"], books["digest"]) == (known.seq, known.digest)
    assert books["rules_digest"] is not None
    keys = [column.key for column in REPORTS[kind].columns]
    assert all(list(row) == keys for row in document["rows"]), "the same columns in the same order"


def test_a_page_draws_a_past_time(recon: Recon, day: TestDatabase, tmp_path: Path) -> None:
    file = tmp_path / "breaks.html"
    assert recon("report", "breaks", "-o", str(file), "--as-of", "1s").status == 0
    assert "Open breaks by age" in file.read_text("utf-8")
