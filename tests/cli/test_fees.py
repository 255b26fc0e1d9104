"""`recon fees`: the fee rates of each account, for people, pipes and programs."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from recon.db.engine import create_engine
from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.fees.rate_table import Evidence
from recon.ledger.ledger import Ledger
from recon.ledger.ledger_clock import LedgerClock
from recon.ledger.rules import FeeRule, Rules
from recon.projection.checkpoint import current_edition
from recon.projection.store import ledger
from recon.times import microseconds
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.coverage_rows import CoverageLog

pytestmark = pytest.mark.postgres

D = Decimal
A, B = "KRAKEN/JOHN", "BINANCE"
MORNING = microseconds(datetime(2026, 1, 5, 9, tzinfo=UTC))
NOON = microseconds(datetime(2026, 1, 5, 12, tzinfo=UTC))


@pytest.fixture
def rates(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> TestDatabase:
    """A database with two accounts: of one a schedule tells the rates, the other's are learned."""
    story = CoverageLog(database.service_url)
    book = Ledger(story.gateway, LedgerClock(), Rules())
    told, learned = story.account(A), story.account(B)
    told.rates.tell([FeeRule(instrument="PERPETUAL", maker=D("-0.000025"), taker=D("0.0005"))])
    key = FeeKey("quote", 1, "post_only", "PERPETUAL")
    learned.rates.adopt(key, 2_600, MORNING, Evidence(15, 14_130))
    learned.rates.adopt(key, 2_475, NOON, Evidence(2, 1_275))
    third = FeeKey("third:BNB", 0, "rested", "SPOT")
    learned.rates.adopt(third, 7_500, MORNING, Evidence(3, 2_011))
    learned.rates.mix(third, 10_000, NOON, Evidence(4, 1_999))
    for account in (told, learned):
        book.add_account(account)
        book.mark_rates_changed(account)
    with create_engine(database.service_url, "tests", pooled=False).begin() as connection:
        ledger.save(connection, book, current_edition(connection, story.gateway), book.changes)
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    return database


def test_a_pipe_gets_every_rate_with_its_account(recon: Recon, rates: TestDatabase) -> None:
    shown = recon("fees")
    lines = [line.split() for line in shown.out.splitlines()]
    assert lines[0] == [
        "gateway",
        "account",
        "market",
        "order_class",
        "taken_in",
        "rate",
        "since",
        "until",
        "evidence",
        "bits",
    ]
    assert [" ".join(line) for line in lines[1:]] == [
        "eu BINANCE PERPETUAL post_only quote received 0.0002475 2026-01-05 - 2 edges 12",
        "eu BINANCE SPOT rested BNB 0.00075 2026-01-05 - 3 edges 20",
        "eu BINANCE SPOT rested BNB 0.001 2026-01-05 - 4 edges mixed 19",
        "eu KRAKEN/JOHN PERPETUAL any quote -0.000025 - - told -",
        "eu KRAKEN/JOHN PERPETUAL immediate quote 0.0005 - - told -",
    ], shown.out


def test_rates_of_the_past_are_shown_on_demand(recon: Recon, rates: TestDatabase) -> None:
    def held() -> list[str]:
        return [row["rate"] for row in recon("fees", "--account", B, "--json").json()]

    assert held() == ["0.0002475", "0.00075", "0.001"]
    every = recon("fees", "--account", B, "--all", "--json").json()
    assert [row["rate"] for row in every] == ["0.00026", "0.0002475", "0.00075", "0.001"]
    assert (every[0]["since"], every[0]["until"]) == ("2026-01-05T09:00:00Z", "2026-01-05T12:00:00Z")


def test_json_tells_everything_the_view_does(recon: Recon, rates: TestDatabase) -> None:
    first, *_ = recon("fees", "--account", B, "--gateway", "eu", "--json").json()
    assert first == {
        "gateway": "eu",
        "account": B,
        "fee_asset": "quote",
        "side": "received",
        "order_class": "post_only",
        "market": "PERPETUAL",
        "rate": "0.0002475",
        "source": "learned",
        "since": "2026-01-05T12:00:00Z",
        "until": None,
        "edges": 2,
        "bits": "12.75",
    }


def test_an_account_that_is_not_there_is_an_error_and_one_without_rates_is_not(
    recon: Recon, rates: TestDatabase
) -> None:
    wrong = recon("fees", "--account", "NOBODY")
    assert (wrong.status, "there are BINANCE, KRAKEN/JOHN" in wrong.err) == (2, True)
    assert recon("fees", "--gateway", "us").status == 2


def test_where_no_rates_are_known_it_says_so(
    recon: Recon, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    shown = recon("fees")
    assert (shown.status, shown.out, shown.err) == (0, "", "no fee rates are known\n")
