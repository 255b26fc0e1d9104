"""`recon coverage` and `recon firm`: who is watched since when, what was missed, what is open, what the firm holds."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from recon.books.book import Changes
from recon.cli.show import text_of
from recon.errors import ConfigError
from recon.log.events import NewEvent
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.db.covering import Story
from tests.db.days import write_events

pytestmark = pytest.mark.postgres

A, B = "KRAKEN/JOHN", "BINANCE"
LOOKED_FOR = "2 orders not accounted for: a-1, it's"
LOST = "order a-1: it was not asked for"
NO_HISTORY = "orders born and finished inside cannot be recovered: the order history is not configured"


@pytest.fixture
def here(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> TestDatabase:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    return database


@pytest.fixture
def story(here: TestDatabase) -> Story:
    """An account that was away from 20 to 40 s of 100 and lacks an order, and one that was always covered."""
    told = Story(here.service_url)
    changes = Changes(
        accounts={
            A: told.account(A, "unresolved", LOOKED_FOR, lag_us=250_000, missing="a-1 it's"),
            B: told.account(B, lag_us=-2_500_000),
        },
        intervals=[
            *told.stretches(
                A,
                (1, "covered", None),
                (20, "gap", "disconnected"),
                (40, "catching_up", "what the gap hid is being fetched"),
                (45, "unresolved", LOOKED_FOR),
            ),
            *told.stretches(B, (1, "covered", None)),
        ],
        catch_ups=[told.caught_up(A, 20, 40, 45, state="open", questions=[LOST, NO_HISTORY])],
    )
    told.write(changes)
    return told


def test_an_empty_database_is_said_in_words(recon: Recon, here: TestDatabase) -> None:
    shown = recon("coverage")
    assert (shown.status, shown.out, shown.err) == (0, "", "no accounts yet\n")
    assert recon("coverage", "--json").json() == {
        "gateways": [],
        "accounts": [],
        "stretches": [],
        "open_questions": [],
    }
    shown = recon("firm")
    assert (shown.status, shown.out, shown.err) == (0, "", "no balances\nno positions\n")


def test_accounts_stretches_and_questions(recon: Recon, story: Story) -> None:
    shown = recon("coverage")
    assert shown.status == 0, shown.err
    titles = [line.split(" since ")[0] for line in shown.out.splitlines() if line.startswith("# ")]
    assert titles == ["# accounts", "# not covered", "# open questions"]
    accounts = {line.split()[1]: line for line in shown.out.split("# not covered")[0].splitlines()[2:]}
    assert accounts[B].split()[:3] == ["eu", B, "covered"]
    assert "+2.5 s" in accounts[B]
    assert "-250 ms" in accounts[A]
    assert text_of(story.at(45)) in accounts[A]
    stretches = shown.out.split("# not covered")[1].split("# open")[0].splitlines()[2:]
    lines = [line.split() for line in stretches]
    assert [line[1] for line in lines] == [A, A, A]
    assert [" ".join(line[6:8]) for line in lines[:2]] == ["20 s", "5 s"]
    assert all(f"open: {LOST}; {NO_HISTORY}" in line for line in stretches[:2])
    commands = [line.strip() for line in shown.err.splitlines() if "recon order settle" in line]
    assert [shlex.split(line)[-3] for line in commands] == ["a-1", "it's"]
    assert shlex.split(commands[0]) == [
        "recon", "order", "settle", "--gateway", "eu", "--account", A, "--order", "a-1", "--text", "TEXT",
    ]  # fmt: skip


def test_shares_of_time_count_from_when_the_account_is_known(recon: Recon, story: Story) -> None:
    accounts = {row["account"]: row for row in recon("coverage", "--json").json()["accounts"]}
    assert Decimal(accounts[B]["covered"]) == 100
    away, known = 25, (datetime.now(UTC) - story.at(1)).total_seconds()
    observed = 100 * (known - away) / known
    assert float(accounts[A]["observed"]) == pytest.approx(observed, abs=1)
    assert float(accounts[A]["covered"]) == pytest.approx(100 * 19 / known, abs=1)

    late = story.at(50).isoformat()
    accounts = {row["account"]: row for row in recon("coverage", "--since", late, "--json").json()["accounts"]}
    assert Decimal(accounts[A]["observed"]) == 100
    assert Decimal(accounts[A]["covered"]) == 0


def test_time_after_the_end_of_a_log_is_not_covered(recon: Recon, here: TestDatabase) -> None:
    dead = Story(here.service_url, seconds=100, ends_at=datetime.now(UTC) - timedelta(seconds=300))
    opened = NewEvent("session.opened", b"{}", dead.ends_at, session="s")
    write_events(here.service_url, "eu", [opened])
    dead.write(Changes(accounts={A: dead.account(A)}, intervals=dead.stretches(A, (1, "covered", None))))
    found = recon("coverage", "--all", "--json").json()
    assert float(found["accounts"][0]["covered"]) == pytest.approx(100 * 99 / 399, abs=1)
    (stretch,) = found["stretches"]
    assert stretch["until_time"] is None
    assert stretch["lasted"] == "PT99S"
    silence = f"nothing of eu was logged since {text_of(dead.ends_at)}: is the service running?\n"
    assert silence in recon("coverage").err
    write_events(here.service_url, "eu", [NewEvent("tick", b"{}", datetime.now(UTC))])
    assert "was logged" not in recon("coverage").err


def test_only_what_was_asked_for(recon: Recon, story: Story) -> None:
    found = recon("coverage", "--json").json()
    assert [row["state"] for row in found["stretches"]] == ["gap", "catching_up", "unresolved"]
    every = recon("coverage", "--all", "--json").json()
    assert [row["state"] for row in every["stretches"]].count("covered") == 2
    one = recon("coverage", "--account", B, "--json").json()
    assert [row["account"] for row in one["accounts"]] == [B]
    assert (one["stretches"], one["open_questions"]) == ([], [])
    shown = recon("coverage", "--account", B)
    assert "every account was covered since" in shown.err
    assert "no open questions" in shown.err
    late = recon("coverage", "--since", story.at(42).isoformat(), "--json").json()
    assert [row["from_seq"] for row in late["stretches"]] == [40, 45]
    assert recon("coverage", "--gateway", "none").status == ConfigError.exit_status
    for wrong in ("yesterday", "2999-01-01"):
        assert recon("coverage", "--since", wrong).status == 2


def test_open_questions_are_those_that_still_stand(recon: Recon, story: Story) -> None:
    story.write(
        Changes(
            catch_ups=[
                story.caught_up(A, 5, 8, 9, state="open", questions=["order gone: 490", "order a-1: 504", NO_HISTORY]),
                story.caught_up(A, 50, 60, 61, state="open", questions=["order a-1: 404", "and 1 more"]),
            ]
        )
    )
    questions = recon("coverage", "--json").json()["open_questions"]
    assert [(row["question"], row["from_seq"], row["order"]) for row in questions] == [
        ("order a-1: 404", 50, "a-1"),
        ("order it's: it was open before a gap, and what became of it is not known", None, "it's"),
        (NO_HISTORY, 20, None),
    ]
    since = story.at(45).isoformat()
    questions = recon("coverage", "--since", since, "--json").json()["open_questions"]
    assert [row["order"] for row in questions] == ["a-1", "it's"], "what is past and cannot be mended is its stretch's"


def test_status_names_the_accounts_that_are_not_whole(recon: Recon, story: Story) -> None:
    (row,) = recon("status", "--json").json()["not_whole"]
    assert (row["account"], row["state"], row["catch_up"], row["open_orders_unaccounted"]) == (
        A,
        "unresolved",
        "open",
        2,
    )
    assert row["outcome"] == f"{LOOKED_FOR}; open: {LOST}; {NO_HISTORY}"
    assert "# accounts that are not whole" in recon("status").out
    story.write(
        Changes(
            accounts={A: story.account(A)},
            catch_ups=[story.caught_up(A, 20, 40, 70)],
        )
    )
    assert recon("status", "--json").json()["not_whole"] == []
    assert "every account is whole" in recon("status").err


def test_a_break_across_a_gap_says_so(recon: Recon, story: Story) -> None:
    story.broken("cafe", A, 10, 50)
    story.broken("beef", B, 10, 50)
    (told,) = recon("break", "show", "cafe", "--json").json()
    assert told["gap"].startswith("from event 20, ")
    assert f"  not observed {told['gap']}\n" in recon("break", "show", "cafe").out
    assert "not observed" not in recon("break", "show", "beef").out


def test_the_firm_counts_an_account_once(recon: Recon, here: TestDatabase) -> None:
    for name, amount in (("eu", "1.10"), ("us", "2")):
        told = Story(here.service_url, name)
        told.write(Changes(accounts={A: told.account(A), B: told.account(B)}), {A: "main"})
        told.hold(A, "XXBT", amount, coinapi="BTC", rate_usd="50000", seen=90 if name == "us" else 100)
        told.hold(B, "BTC", "4", coinapi="BTC", rate_usd="50000")
        told.hold(B, "PERP", amount, kind="contract", coinapi="BINANCE_PERP_BTC")
    found = recon("firm", "--json").json()
    (bitcoin,) = found["balances"]
    assert (bitcoin["asset"], bitcoin["accounts"], bitcoin["same_account"]) == ("BTC", 3, 1)
    assert Decimal(bitcoin["balance"]) == Decimal("1.10") + 4 + 4
    (perpetual,) = found["positions"]
    assert (Decimal(perpetual["quantity"]), perpetual["accounts"]) == (Decimal("3.10"), 2)
    shown = recon("firm")
    assert [line for line in shown.out.splitlines() if line.startswith("#")] == ["# balances", "# positions"]
    assert "BINANCE_PERP_BTC" in shown.out
    assert {row["venue_account"] for row in recon("balances", "--json").json()} == {"main", None}


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
