"""The view of fee rates: what is stored of each account, of its current edition only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Connection, RowMapping, text

from recon.db.engine import create_engine
from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.fees.rate_table import Evidence
from recon.ledger.ledger import Ledger
from recon.ledger.ledger_clock import LedgerClock
from recon.ledger.rules import FeeRule, Rules
from recon.projection.checkpoint import current_edition
from recon.projection.editions import delete_edition
from recon.projection.store import ledger
from recon.projection.store.digest import digest_of
from recon.times import microseconds
from tests.conftest import TestDatabase
from tests.support.coverage_rows import CoverageLog

pytestmark = pytest.mark.postgres

D = Decimal
A = "KRAKEN/JOHN"
RESTED = FeeKey("quote", -1, "rested", "SPOT")
THIRD = FeeKey("third:BNB", 0, "other", "")
MORNING = datetime(2026, 1, 5, 9, 0, 0, 1, tzinfo=UTC)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def analyst(database: TestDatabase) -> Iterator[Connection]:
    with create_engine(database.analyst_url, "tests", pooled=False).connect() as connection:
        yield connection


@pytest.fixture
def book(database: TestDatabase) -> Ledger:
    """A ledger of one account with rates, as the fold changes it."""
    story = CoverageLog(database.service_url)
    book = Ledger(story.gateway, LedgerClock(), Rules())
    account = story.account(A)
    book.add_account(account)
    account.rates.tell([FeeRule(instrument="PERPETUAL", maker=D("-0.000025"), taker=D("0.0005"))])
    account.rates.adopt(RESTED, 2_600, microseconds(MORNING), Evidence(5, 4_130))
    account.rates.adopt(RESTED, 2_400, microseconds(NOON), Evidence(2, 1_275))
    account.rates.adopt(THIRD, 7_500, microseconds(NOON), Evidence(2, 1_200))
    account.rates.mix(THIRD, 10_000, microseconds(NOON), Evidence(2, 1_200))
    book.mark_rates_changed(account)
    return book


def save(database: TestDatabase, book: Ledger) -> None:
    with create_engine(database.service_url, "tests", pooled=False).begin() as connection:
        ledger.save(connection, book, current_edition(connection, book.gateway), book.changes)


def rows(analyst: Connection) -> list[RowMapping]:
    query = "SELECT * FROM recon_exact.fees_learned ORDER BY account, source DESC, fee_asset, rate"
    return list(analyst.execute(text(query)).mappings())


def test_rates_are_shown_with_market_class_time_and_evidence(
    book: Ledger, database: TestDatabase, analyst: Connection
) -> None:
    save(database, book)
    shown = rows(analyst)
    assert {(row["gateway"], row["account"]) for row in shown} == {("eu", A)}
    assert [list(row.values())[2:] for row in shown] == [
        ["quote", None, "any", "PERPETUAL", D("-0.000025"), "told", None, None, None, None],
        ["quote", None, "immediate", "PERPETUAL", D("0.0005"), "told", None, None, None, None],
        ["BNB", None, "other", None, D("0.001"), "mixed", NOON, None, 2, D("12")],
        ["BNB", None, "other", None, D("0.00075"), "learned", NOON, None, 2, D("12")],
        ["quote", "paid", "rested", "SPOT", D("0.00024"), "learned", NOON, None, 2, D("12.75")],
        ["quote", "paid", "rested", "SPOT", D("0.00026"), "learned", MORNING, NOON, 5, D("41.3")],
    ]


def test_what_holds_no_more_is_shown_no_more(book: Ledger, database: TestDatabase, analyst: Connection) -> None:
    save(database, book)
    account = book.accounts[A]
    account.rates.tell([FeeRule(instrument="SPOT", maker=D("0.0003"))])
    book.mark_rates_changed(account)
    save(database, book)
    shown = [(row["market"], row["rate"], row["source"]) for row in rows(analyst)]
    assert shown == [
        ("SPOT", D("0.0003"), "told"),
        (None, D("0.001"), "mixed"),
        (None, D("0.00075"), "learned"),
    ]


def test_only_accounts_whose_rates_changed_are_written(
    book: Ledger, database: TestDatabase, analyst: Connection
) -> None:
    account = book.accounts[A]
    book.changes.rates.clear()
    book.mark_changed(account)
    save(database, book)
    assert rows(analyst) == []
    book.mark_rates_changed(account)
    save(database, book)
    assert rows(analyst)


def test_the_rates_of_an_account_are_stored_with_it(book: Ledger, database: TestDatabase) -> None:
    save(database, book)
    again = Ledger(book.gateway, LedgerClock(), Rules())
    with create_engine(database.service_url, "tests", pooled=False).begin() as connection:
        ledger.load(connection, again, current_edition(connection, book.gateway))
    assert again.accounts[A].rates == book.accounts[A].rates
    assert again.accounts[A].rates.expected(RESTED, microseconds(NOON)) == 2_400


def test_rates_are_part_of_the_digest_and_go_with_their_edition(
    book: Ledger, database: TestDatabase, analyst: Connection
) -> None:
    engine = create_engine(database.service_url, "tests", pooled=False)

    def digest() -> str:
        with engine.connect() as connection:
            return digest_of(connection, book.gateway, 1)

    book.changes.rates.clear()
    save(database, book)
    none = digest()
    book.mark_rates_changed(book.accounts[A])
    save(database, book)
    some = digest()
    book.accounts[A].rates.adopt(RESTED, 2_200, microseconds(NOON) + 1, Evidence(2, 1_275))
    save(database, book)
    assert len({none, some, digest()}) == 3
    with engine.begin() as connection:
        connection.execute(text("UPDATE recon_store.editions SET state = 'retired'"))
    assert rows(analyst) == [], "only the current edition is shown"
    delete_edition(engine, book.gateway, 1)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM recon_store.fee_rates")) == 0
