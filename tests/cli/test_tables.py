"""Every command that prints a table, on a demonstration's day: at any width, narrowed, sorted, paged, watched."""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from decimal import Decimal
from fcntl import ioctl
from pathlib import Path

import pytest

from recon.cli.tables.look import Look
from recon.cli.tables.text import width_of
from recon.cli.tables.watch import frame
from recon.display.figures import figure, scale_of
from tests.cli.conftest import Recon, Result
from tests.cli.tables.test_layout import NOW
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

#: Longest wait for another process, in seconds.
PATIENCE = 60.0
COMMANDS = [
    ("breaks",), ("breaks", "--all"), ("breaks", "--legs"), ("balances",), ("positions",), ("firm",), ("fees",),
    ("coverage",), ("coverage", "--all"), ("orders",), ("fills",), ("entries",), ("findings",), ("events",),
    ("events", "--refused"), ("facts", "show"), ("rules", "show"), ("sources",),
]  # fmt: skip
Wide = Callable[[int], None]


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> Wide:
    """Pretend that standard output is a terminal of some width."""

    def set_width(columns: int) -> None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("NO_COLOR", "1")

    return set_width


def _whole(shown: Result, number: Decimal, scale: int, *, signed: bool) -> bool:
    return figure(number, scale, signed=signed).text in shown.out


def test_no_line_is_wider_than_the_terminal_and_no_number_is_broken(
    recon: Recon, day: TestDatabase, wide: Wide
) -> None:
    rows = recon("balances", "--json").json()["balances"]
    for width in (50, 80, 120):
        wide(width)
        for command in COMMANDS:
            shown = recon(*command)
            assert shown.status in {0, 11}, shown.err
            assert "\x1b" not in shown.out, "NO_COLOR"
            long = [line for line in shown.out.splitlines() if width_of(line) > width]
            assert [line for line in long if not re.match(r" +(add  )?\[gateways\.", line)] == [], (command, width)
        shown = recon("balances")
        for row in rows:
            figures = {key: Decimal(row[key]) for key in ("reported", "drift") if row[key] is not None}
            scale = scale_of(Decimal(row[key]) for key in ("reported", "expected", "drift") if row[key] is not None)
            assert all(_whole(shown, number, scale, signed=key == "drift") for key, number in figures.items()), row


def test_a_terminal_s_units_are_grouped_and_say_what_to_add(recon: Recon, day: TestDatabase, wide: Wide) -> None:
    wide(80)
    lines = recon("balances").out.splitlines()
    assert "BINANCE  prod-eu" in lines
    assert "    add  [gateways.prod-us.accounts.BINANCEFTS.contracts.BTCUSDT]" in lines
    assert recon("balances", "--wide").out.count("reported") > len(lines) / 20, "all columns do not fit: blocks"
    sorted_lines = recon("balances", "--sort", "-drift", "--columns", "account,asset,drift").out.splitlines()
    drifts = [line.split()[-1] for line in sorted_lines if re.search(r"[+-][\d,.]+$|  0 *$", line)]
    numbers = [Decimal(text.replace(",", "")) for text in drifts]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) > 10


def test_cases_are_a_row_each_and_a_pipe_has_their_breaks(recon: Recon, day: TestDatabase, wide: Wide) -> None:
    breaks = recon("breaks", "--json").json()["breaks"]
    piped = recon("breaks").out.splitlines()
    assert [line.split()[0] for line in piped[1:]] == [row["id"] for row in breaks], "whole ids"
    wide(120)
    shown = recon("breaks").out
    for row in breaks:
        assert row["case_id"][:8] in shown
        assert row["id"] not in shown
        assert figure(Decimal(row["amount"]), signed=True).text in shown
    assert f"recon break show {breaks[0]['case_id'][:8]}"[:16] in shown
    assert "recon break assign --case" in shown


def test_filters_are_the_same_words_everywhere_and_what_matches_nothing_is_refused(
    recon: Recon, day: TestDatabase
) -> None:
    def found(*arguments: str) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = recon("breaks", "--json", *arguments).json()["breaks"]
        return rows

    everything = found("--all")
    assert {row["cause"] for row in found("--filter", "cause=deposit,withdrawal")} == {"deposit", "withdrawal"}
    of_account = found("-f", "account=BINANCE", "-f", "account=KRAKEN/JOHN", "--all")
    assert of_account == [row for row in everything if row["account"] in {"BINANCE", "KRAKEN/JOHN"}]
    case = str(everything[0]["case_id"])
    assert {row["case_id"] for row in found("--all", "-f", f"case={case[:10]}")} == {case}
    assert found("--filter", "since=1h") != []
    assert found("--filter", "until=1h") == []
    for words, message in (
        ("unit=BTCC", "there is no unit 'BTCC'; did you mean BTC?"),
        ("caus=deposit", "there is no filter 'caus'; did you mean cause?"),
        ("cause=depost", "there is no cause 'depost'; did you mean deposit?"),
        ("verdict=break", "breaks cannot be narrowed by verdict, only by"),
    ):
        refused = recon("breaks", "--filter", words)
        assert (refused.status, message in refused.err) == (2, True), refused.err
    assert (
        "there is no kind of event 'BALANCE_UPDAT'; did you mean BALANCE_UPDATE?"
        in recon("events", "--kind", "BALANCE_UPDAT").err
    )
    assert "there is no column 'amout' to show; did you mean amount?" in recon("fills", "--columns", "amout").err
    assert "there is no column 'amout' to sort by; did you mean amount?" in recon("fills", "--sort", "amout").err


def test_lists_of_activity_are_the_views_the_latest_first(recon: Recon, day: TestDatabase) -> None:
    fills = recon("fills", "--account", "KRAKEN/JOHN", "--limit", "1000", "--json").json()
    assert [row["filled_at"] for row in fills] == sorted((row["filled_at"] for row in fills), reverse=True)
    assert {row["account"] for row in fills} == {"KRAKEN/JOHN"}
    order = fills[0]["order_key"]
    assert {row["order_key"] for row in recon("fills", "-f", f"order={order[:12]}", "--json").json()} == {order}
    (of_order,) = recon("orders", "-f", f"order={order[:12]}", "--json").json()
    assert Decimal(of_order["amount_filled"]) == sum(
        Decimal(row["amount"]) for row in fills if row["order_key"] == order
    )
    largest = recon("fills", "--sort", "-amount", "--limit", "3", "--json").json()
    every = recon("fills", "--limit", "100000", "--json").json()
    assert [Decimal(row["amount"]) for row in largest] == sorted(
        (Decimal(row["amount"]) for row in every), reverse=True
    )[:3], "of all fills, not of those that are shown"
    entries = recon("entries", "--unit", "XXBT", "--limit", "100000", "--json").json()
    balance = next(row for row in recon("balances", "--json").json()["balances"] if row["asset"] == "XXBT")
    assert sum(Decimal(row["amount"]) for row in entries) == Decimal(balance["balance"])
    assert {row["status"] for row in recon("orders", "-f", "state=open", "--json").json()}.isdisjoint({"FILLED"})


def test_each_finding_says_what_to_do(recon: Recon, day: TestDatabase, wide: Wide) -> None:
    rows = recon("findings", "--json").json()
    assert rows
    assert all(row["do"] and row["look"].startswith("recon events --gateway ") for row in rows)
    event = recon(*rows[0]["look"].split()[1:], "--json").json()
    assert [each["seq"] for each in event] == [rows[0]["seq"]]
    wide(80)
    shown = recon("findings").out
    assert shown.count("  do  ") == len(rows)


def test_a_frame_fits_the_screen_and_says_how_to_end() -> None:
    look = Look(80, 5, colour=False, glyphs=True, now=NOW)
    drawn = frame([f"line {number}" for number in range(10)], look, 2.0)
    lines = drawn.replace("\x1b[K", "").replace("\x1b[H", "").replace("\x1b[J", "").split("\r\n")
    assert lines == [
        "line 0", "line 1", "line 2", "7 more lines: make the window higher, or narrow the list",
        "q ends   again every 2 s",
    ]  # fmt: skip
    assert len(frame(["one"], look, 2.0).split("\r\n")) == 5


class Terminal:
    """A command line on a terminal of its own."""

    def __init__(self, url: str, *arguments: str, height: int = 24, **environ: str) -> None:
        self._master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, 80, 0, 0))
        environment = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES"}}
        environment |= {"RECON_DATABASE__URL": url, "TERM": "xterm", "NO_COLOR": "1", **environ}
        self.process = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-m", "recon.cli", *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        os.close(slave)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert time.monotonic() < end, self.shown
            self._read()

    def press(self, key: str) -> None:
        os.write(self._master, key.encode())

    def end(self) -> int:
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < end, self.shown
            self._read()
        os.close(self._master)
        return self.process.returncode

    def _read(self) -> None:
        if select.select([self._master], [], [], 0.1)[0]:
            try:
                self.shown += os.read(self._master, 65536).decode(errors="replace")
            except OSError:  # the other end is closed: Linux says so by an error
                self.process.wait(PATIENCE)


def test_watch_draws_again_until_q(day: TestDatabase) -> None:
    terminal = Terminal(day.analyst_url, "breaks", "--watch", "--interval", "0.5")
    terminal.wait_for("q ends   again every 0.5 s")
    drawn = terminal.shown.count("\x1b[H")
    assert "\x1b[?1049h" in terminal.shown
    assert "not current: gateway prod-eu" in terminal.shown, "what is said beside the screen is part of it"
    while terminal.shown.count("\x1b[H") < drawn + 2:
        terminal._read()
    terminal.press("q")
    assert terminal.end() == 11, "as without --watch: what was shown is not current"
    assert terminal.shown.rstrip().endswith("\x1b[?25h\x1b[?1049l"), "the terminal is given back as it was"


def test_watch_needs_a_terminal(recon: Recon, day: TestDatabase) -> None:
    refused = recon("breaks", "--watch")
    assert (refused.status, "--watch needs a terminal" in refused.err) == (2, True)
    refused = recon("breaks", "--watch", "--json")
    assert (refused.status, "--watch is for a terminal: leave out --json" in refused.err) == (2, True)


def test_long_output_goes_through_the_pager_and_short_output_does_not(day: TestDatabase, tmp_path: Path) -> None:
    pager, paged = tmp_path / "pager", tmp_path / "paged"
    pager.write_text(f"#!/bin/sh\ncat > {paged}\n", encoding="utf-8")
    pager.chmod(0o755)
    assert Terminal(day.analyst_url, "balances", height=200, PAGER=str(pager)).end() == 0
    assert not paged.exists()
    assert Terminal(day.analyst_url, "balances", "--no-pager", height=10, PAGER=str(pager)).end() == 0
    assert not paged.exists()
    assert Terminal(day.analyst_url, "balances", height=10, PAGER=str(pager)).end() == 0
    assert "KRAKEN/JOHN  prod-eu" in paged.read_text(encoding="utf-8")
    missing = Terminal(day.analyst_url, "balances", height=10, PAGER="/no/such/pager")
    assert missing.end() == 0
    assert "the pager /no/such/pager cannot be started" in missing.shown
    assert "KRAKEN/JOHN  prod-eu" in missing.shown
