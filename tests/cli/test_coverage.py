"""`recon coverage` and `recon firm`: who is watched since when, what was missed, what is open, what the firm holds."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import text

from recon.cli.output import text_of
from recon.db.engine import create_engine
from recon.errors import ConfigError
from recon.ledger.changes import LedgerChanges
from recon.log.events import NewEvent
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.coverage_rows import CoverageLog
from tests.support.database_days import fold, write_events

pytestmark = pytest.mark.postgres

A, B = "KRAKEN/JOHN", "BINANCE"
LOOKED_FOR = "2 orders not accounted for: a-1, it's"
LOST = "order a-1: it was not asked for"
NOT_KNOWN = "it was open before a gap, and what became of it is not known"
NO_HISTORY = "orders born and finished inside cannot be recovered: the order history is not configured"


def shown_in_json(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


@pytest.fixture
def here(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> TestDatabase:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    return database


@pytest.fixture
def story(here: TestDatabase) -> CoverageLog:
    """An account that was away from 20 to 40 s of 100 and lacks an order, and one that was always covered."""
    told = CoverageLog(here.service_url)
    changes = LedgerChanges(
        accounts={
            A: told.account(A, "unresolved", LOOKED_FOR, lag_us=250_000, missing="a-1 it's"),
            B: told.account(B, lag_us=-2_500_000),
        },
        intervals=[
            *told.intervals(
                A,
                (1, "covered", None),
                (20, "gap", "disconnected"),
                (40, "catching_up", "what the gap hid is being fetched"),
                (45, "unresolved", LOOKED_FOR),
            ),
            *told.intervals(B, (1, "covered", None)),
        ],
        backfills=[told.backfill(A, 20, 40, 45, state="open", questions=[LOST, NO_HISTORY])],
    )
    told.write(changes)
    return told


def test_an_empty_database_is_said_in_words(recon: Recon, here: TestDatabase) -> None:
    shown = recon("coverage")
    assert (shown.status, shown.out, shown.err) == (0, "", "no accounts yet\n")
    assert recon("coverage", "--json").json() == {
        "current": True,
        "reason": None,
        "not_current": [],
        "gateways": [],
        "accounts": [],
        "gaps": [],
        "stretches": [],
        "open_questions": [],
    }
    shown = recon("firm")
    assert (shown.status, shown.out, shown.err) == (0, "", "no balances\nno positions\n")


def test_accounts_gaps_and_questions(recon: Recon, story: CoverageLog) -> None:
    shown = recon("coverage")
    assert shown.status == 0, shown.err
    titles = [line.split(" since ")[0] for line in shown.out.splitlines() if line.startswith("# ")]
    assert titles == ["# accounts, in % of the time", "# gaps", "# open questions"]
    (heading,) = (line for line in shown.out.splitlines() if line.startswith("# accounts"))
    assert heading.endswith(", or since each one's first event"), "the share is of no time before that"
    accounts = {line.split()[1]: line for line in shown.out.split("# gaps")[0].splitlines()[2:]}
    assert accounts[B].split()[:3] == ["eu", B, "covered"]
    assert "+2.5 s" in accounts[B]
    assert "-250 ms" in accounts[A]
    assert text_of(story.at(45)) in accounts[A]
    (gap,) = shown.out.split("# gaps")[1].split("# open")[0].splitlines()[2:]
    assert gap.split()[:3] == ["eu", A, "20"]
    back = text_of(story.at(40))
    assert f"{text_of(story.at(19))}  {back}  open: 1 order, order history  disconnected  21 s" in gap
    questions = shown.out.split("# open questions")[1].splitlines()[2:]
    assert [line.split("  ")[-1] for line in questions] == [LOST, f"order it's: {NOT_KNOWN}", "order history"]
    assert all(text_of(story.at(19)) in line and back in line for line in questions)
    assert (shown.out + shown.err).count(NO_HISTORY) == 1, "the sentence stands once, below"
    commands = [shlex.split(line) for line in shown.err.splitlines() if line.startswith("  recon ")]
    account = ["--gateway", "eu", "--account", A]
    assert commands == [
        ["recon", "order", "settle", *account, "--order", "a-1", "--text", "TEXT"],
        ["recon", "order", "settle", *account, "--order", "it's", "--text", "TEXT"],
        ["recon", "coverage", "settle", *account, "--from", "20", "--text", "TEXT"],
    ]


def test_a_row_a_gap_with_what_was_asked(recon: Recon, here: TestDatabase) -> None:
    told = CoverageLog(here.service_url)
    intervals = told.intervals(
        A,
        (1, "catching_up", "no snapshot of orders yet"),
        (5, "covered", None),
        (10, "gap", "disconnected"),
        (15, "gap", "restarted"),
        (20, "catching_up", "no snapshot of orders yet"),
        (22, "catching_up", "what the gap hid is being fetched"),
        (25, "covered", None),
        (80, "gap", "no heartbeat"),
    )
    catch_ups = [
        told.backfill(A, 10, 20, 25),
        told.backfill(A, 80, None, state="waiting", history="wanted", reason="no heartbeat"),
    ]
    told.write(LedgerChanges(accounts={A: told.account(A, "gap")}, intervals=intervals, backfills=catch_ups))
    first, second, third = recon("coverage", "--json").json()["gaps"]
    assert (first["from_seq"], first["history"], first["gap"]) == (1, None, False), "of no catch-up"
    assert (first["whole_at"], first["lasted"]) == (shown_in_json(told.at(5)), "PT4S")
    assert (second["from_seq"], second["until_seq"], second["requests"]) == (10, 20, 3)
    assert second["reasons"] == ["disconnected", "restarted"]
    assert (second["back_at"], second["whole_at"]) == (shown_in_json(told.at(20)), shown_in_json(told.at(25)))
    assert (second["open"], third["open"]) == (None, "not back yet")
    assert (third["back_at"], third["whole_at"]) == (None, None)
    lines = recon("coverage").out.split("# gaps")[1].splitlines()[2:]
    assert [line.split()[2] for line in lines] == ["1", "10", "80"]
    assert f"{text_of(told.at(25))}  disconnected, restarted    11 s" in lines[1]
    late = recon("coverage", "--since", told.at(26).isoformat(), "--json").json()
    assert [row["from_seq"] for row in late["gaps"]] == [80]


def test_the_moment_a_session_begins_is_no_gap(recon: Recon, here: TestDatabase) -> None:
    told = CoverageLog(here.service_url)
    begin = told.intervals(A, (1, "catching_up", "no snapshot of orders yet"), (2, "covered", None))
    begin = [msgspec.structs.replace(row, from_us=max(row.from_us, told.us(2) - 1000)) for row in begin]
    begin[0] = msgspec.structs.replace(begin[0], from_us=told.us(2) - 1000)
    told.write(LedgerChanges(accounts={A: told.account(A)}, intervals=begin))
    assert recon("coverage", "--json").json()["gaps"] == []
    assert len(recon("coverage", "--all", "--json").json()["gaps"]) == 1
    shown = recon("coverage")
    assert "all accounts covered" not in shown.err
    assert "no gap; see covered %" in shown.err
    assert "all accounts covered" in recon("coverage", "--since", told.at(3).isoformat()).err


def test_shares_of_time_count_from_when_the_account_is_known(recon: Recon, story: CoverageLog) -> None:
    accounts = {row["account"]: row for row in recon("coverage", "--json").json()["accounts"]}
    assert Decimal(accounts[B]["covered"]) == 100
    away, known = 26, (datetime.now(UTC) - story.at(1)).total_seconds()
    observed = 100 * (known - away) / known
    assert float(accounts[A]["observed"]) == pytest.approx(observed, abs=1)
    assert float(accounts[A]["covered"]) == pytest.approx(100 * 18 / known, abs=1)

    late = story.at(50).isoformat()
    accounts = {row["account"]: row for row in recon("coverage", "--since", late, "--json").json()["accounts"]}
    assert Decimal(accounts[A]["observed"]) == 100
    assert Decimal(accounts[A]["covered"]) == 0


def test_time_after_the_end_of_a_log_is_not_covered(recon: Recon, here: TestDatabase) -> None:
    dead = CoverageLog(here.service_url, seconds=100, ends_at=datetime.now(UTC) - timedelta(seconds=300))
    opened = NewEvent("session.opened", b"{}", dead.ends_at, session="s")
    write_events(here.service_url, "eu", [opened])
    dead.write(LedgerChanges(accounts={A: dead.account(A)}, intervals=dead.intervals(A, (1, "covered", None))))
    found = recon("coverage", "--all", "--json").json()
    assert float(found["accounts"][0]["covered"]) == pytest.approx(100 * 99 / 399, abs=1)
    (stretch,) = found["stretches"]
    assert stretch["until_time"] is None
    assert stretch["lasted"] == "PT99S"
    silence = f"not current: gateway eu: nothing has been seen since {text_of(dead.at(1))}: no service records it"
    for since in ("1d", "1m"):
        shown = recon("coverage", "--since", since)
        assert silence in shown.err
        assert "all accounts covered" not in shown.err
    assert recon("coverage", "--since", "1m", "--json").json()["accounts"][0]["covered"] == "0.00"
    closed = NewEvent("session.closed", b'{"reason": "shutdown"}', dead.ends_at, session="s")
    write_events(here.service_url, "eu", [closed])
    assert silence in recon("coverage").err, "also of a service that was stopped"


def test_only_what_was_asked_for(recon: Recon, story: CoverageLog) -> None:
    found = recon("coverage", "--json").json()
    assert [row["state"] for row in found["stretches"]] == ["gap", "catching_up", "unresolved"]
    every = recon("coverage", "--all", "--json").json()
    assert [row["state"] for row in every["stretches"]].count("covered") == 2
    one = recon("coverage", "--account", B, "--json").json()
    assert [row["account"] for row in one["accounts"]] == [B]
    assert (one["stretches"], one["open_questions"]) == ([], [])
    shown = recon("coverage", "--account", B, "--since", story.at(2).isoformat())
    assert "all accounts covered since" in shown.err
    assert "no open questions" in shown.err
    late = recon("coverage", "--since", story.at(42).isoformat(), "--json").json()
    assert [row["from_seq"] for row in late["stretches"]] == [40, 45]
    assert recon("coverage", "--gateway", "none").status == ConfigError.exit_status
    wrong = recon("coverage", "-a", "NOPE")
    assert wrong.status == ConfigError.exit_status
    assert f"no account 'NOPE'; there are {B}, {A}" in recon("coverage", "-g", "eu", "-a", "NOPE").err
    assert f"no gateway has an account 'NOPE'; there are {B}, {A}" in wrong.err
    for when in ("yesterday", "2999-01-01"):
        assert recon("coverage", "--since", when).status == 2


def test_open_questions_are_all_that_stand(recon: Recon, story: CoverageLog) -> None:
    moved = "its open questions are asked on with those of the gap that begins at event 50"
    story.write(
        LedgerChanges(
            backfills=[
                story.backfill(A, 5, 8, 9, state="open", questions=["order gone: 490", "order a-1: 504", NO_HISTORY]),
                story.backfill(A, 30, 32, 33, state="open", questions=[moved]),
                story.backfill(A, 50, 60, 61, state="open", questions=["order a-1: 404", "and 1 more"]),
            ]
        )
    )
    found = recon("coverage", "--since", story.at(70).isoformat(), "--json").json()
    questions = [(row["question"], row["from_seq"], row["order"]) for row in found["open_questions"]]
    assert questions == [
        ("order a-1: 404", 50, "a-1"),
        (f"order it's: {NOT_KNOWN}", 50, "it's"),
        (NO_HISTORY, 5, None),
        (NO_HISTORY, 20, None),
    ]
    assert [row["from_seq"] for row in found["gaps"]] == [5, 20, 50], "each question's gap is there, however old"
    assert [row["open"] for row in found["gaps"]][-1] == "open: 2 orders"
    times = {row["from_seq"]: (row["from_time"], row["back_at"]) for row in found["gaps"]}
    for row in found["open_questions"]:
        assert (row["from_time"], row["until_time"]) == times[row["from_seq"]]


def unrecoverable(story: CoverageLog) -> None:
    """Write an account that has two gaps with nothing but an open question about orders that nobody knows of."""
    lost = [story.backfill(A, seq, seq + 9, seq + 9, state="open", questions=[NO_HISTORY]) for seq in (50, 70)]
    lost = [msgspec.structs.replace(each, history="not configured") for each in lost]
    whole = story.backfill(A, 20, 40, 45)
    known = story.account(A)
    known.coverage.open_backfills = lost
    story.write(LedgerChanges(accounts={A: known}, backfills=[whole, *lost]))


def test_a_gap_is_settled_by_a_persons_word(recon: Recon, story: CoverageLog, here: TestDatabase) -> None:
    unrecoverable(story)
    before = heads(recon)
    known = ("--gateway", "eu", "--account", A, "--text", "nothing was traded, says the venue")
    for arguments, status, why in (
        (("--from", "51", *known), 2, "no gap that begins at event 51; open gaps: 70, 50"),
        (("--from", "20", *known), 10, "the gap at event 20 has no open questions: whole"),
        (("--from", "50", *known[2:], "--gateway", "us"), 2, "no gateway 'us' has a log; there are eu"),
        (("--from", "50", "--account", "NOPE", *known[4:]), 2, f"has no account 'NOPE'; there are {B}, {A}"),
    ):
        wrong = recon("coverage", "settle", *arguments)
        assert (wrong.status, why in wrong.err) == (status, True), wrong.err
    assert heads(recon) == before, "nothing was written"

    (command,) = [line for line in recon("coverage").err.splitlines() if "--from 50" in line]
    done = recon(*shlex.split(command.replace("TEXT", "'no trades'"))[1:], "--no-wait", "--json")
    assert done.status == 0, done.err
    fold(here.service_url, "eu")
    rows = {row["from_seq"]: row for row in recon("coverage", "--json").json()["gaps"]}
    assert (rows[50]["open"], rows[70]["open"]) == (None, "open: order history")
    (question,) = recon("coverage", "--json").json()["open_questions"]
    assert question["from_seq"] == 70
    with create_engine(here.analyst_url, "tests", pooled=False).connect() as connection:
        found = connection.execute(text("SELECT kind, about, message FROM recon.findings ORDER BY seq DESC")).first()
        state = connection.scalar(text("SELECT state FROM recon.catch_ups WHERE from_seq = 50"))
    assert state == "whole"
    assert found is not None
    assert (found.kind, found.about, "no trades" in found.message) == ("gap_settled", "50", True)


def heads(recon: Recon) -> list[int]:
    return [row["head_seq"] for row in recon("status", "--json").json()["gateways"]]


def test_status_names_the_accounts_that_are_not_whole(recon: Recon, story: CoverageLog) -> None:
    (row,) = recon("status", "--json").json()["not_whole"]
    assert (row["account"], row["state"], row["catch_up"], row["open_orders_unaccounted"]) == (
        A,
        "unresolved",
        "open",
        2,
    )
    assert row["outcome"] == f"{LOOKED_FOR}; open: {LOST}; {NO_HISTORY}"
    assert "# incomplete accounts" in recon("status", "--all").out
    story.write(
        LedgerChanges(
            accounts={A: story.account(A)},
            backfills=[story.backfill(A, 20, 40, 70)],
        )
    )
    assert recon("status", "--json").json()["not_whole"] == []
    assert "no incomplete accounts known" in recon("status", "--all").err


def test_a_break_across_a_gap_says_so(recon: Recon, story: CoverageLog) -> None:
    story.broken("cafe", A, 10, 50)
    story.broken("beef", B, 10, 50)
    (told,) = recon("break", "show", "cafe", "--json").json()
    assert told["gap"].startswith("from event 20, ")
    shown = " ".join(recon("break", "show", "cafe").out.split())
    assert f"not covered: {told['gap']}" in shown
    assert "not covered" not in recon("break", "show", "beef").out


def test_the_firm_counts_an_account_once(recon: Recon, here: TestDatabase) -> None:
    for name, amount in (("eu", "1.10"), ("us", "2")):
        told = CoverageLog(here.service_url, name)
        told.write(LedgerChanges(accounts={A: told.account(A), B: told.account(B)}), {A: "main"})
        told.hold(A, "XXBT", amount, coinapi="BTC", rate_usd="50000", seen=90 if name == "us" else 100)
        told.hold(B, "BTC", "4", coinapi="BTC", rate_usd="50000")
        told.hold(B, "PERP", amount, kind="contract", coinapi="BINANCE_PERP_BTC")
    found = recon("firm", "--json").json()
    (bitcoin,) = found["balances"]
    assert (bitcoin["asset"], bitcoin["accounts"], bitcoin["same_account"]) == ("BTC", 3, 1)
    assert Decimal(bitcoin["balance"]) == Decimal("1.10") + 4 + 4
    (perpetual,) = found["positions"]
    assert (Decimal(perpetual["quantity"]), perpetual["accounts"]) == (Decimal("3.10"), 2)
    for row in (bitcoin, perpetual):
        assert Decimal(row["drift"]) == Decimal(row["reported"]) - Decimal(row["expected"])
    shown = recon("firm")
    assert [line for line in shown.out.splitlines() if line.startswith("#")] == ["# balances", "# positions"]
    assert "BINANCE_PERP_BTC" in shown.out
    headings = [line.split() for line in shown.out.splitlines() if line.startswith(("asset", "symbol"))]
    assert [{"expected", "reported", "drift"} <= set(each) for each in headings] == [True, True]
    assert {row["venue_account"] for row in recon("balances", "--json").json()["balances"]} == {"main", None}


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (timedelta(0), "0 s"),
        (timedelta(milliseconds=-250), "-250 ms"),
        (timedelta(seconds=5.25), "5.2 s"),
        (timedelta(seconds=60), "1 min 0 s"),
        (timedelta(days=1, hours=2, seconds=5), "1 d 2 h"),
    ],
)
def test_lengths_of_time_are_written_for_people(length: timedelta, shown: str) -> None:
    assert text_of(length) == shown
