"""`recon query`: questions of the cookbook, for people, pipes and programs."""

from __future__ import annotations

import csv
import io

import pytest

from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.analysts_days import analysts_days, write_driver

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def written(database_of_module: TestDatabase) -> TestDatabase:
    write_driver(database_of_module, analysts_days())
    return database_of_module


@pytest.fixture
def days(written: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> TestDatabase:
    monkeypatch.setenv("RECON_DATABASE__URL", written.service_url)
    return written


def test_the_list_needs_no_database(recon: Recon) -> None:
    shown = recon("query", "--list")
    assert shown.status == 0
    assert "open-breaks" in shown.out
    listed = recon("query", "--format", "json").json()
    assert {each["name"] for each in listed} >= {"open-breaks", "pnl-by-symbol"}
    assert all(each["why"] and each["coverage"] for each in listed)


@pytest.mark.usefixtures("days")
def test_a_question_is_answered_as_json_with_exact_decimals(recon: Recon) -> None:
    answer = recon("query", "pnl-by-symbol", "--format", "json").json()
    assert answer["question"] == "What did each symbol earn, by day?"
    first = answer["rows"][0]
    assert (first["symbol"], first["net"], first["realised"]) == ("BTCUSDT", "8.587", "9")


@pytest.mark.usefixtures("days")
def test_a_question_is_answered_as_csv(recon: Recon) -> None:
    rows = list(csv.DictReader(io.StringIO(recon("query", "fees-by-symbol", "--format", "csv").out)))
    assert [row["fees"] for row in rows] == ["-0.413", "-1.42", "-0.27"]


@pytest.mark.usefixtures("days")
def test_a_question_of_the_past_takes_its_time(recon: Recon) -> None:
    at = ("--as-of", "2026-01-05T20:00:00Z")
    rows = recon("query", "believed-balances", *at, "--format", "json").json()["rows"]
    assert {row["asset"]: row["balance"] for row in rows}["BTC"] == "3"
    unknown = recon("query", "believed-balances", *at, "--known-at", "2026-01-05T08:00:00Z", "--format", "json").json()
    assert {row["balance"] for row in unknown["rows"]} <= {None}


@pytest.mark.usefixtures("days")
def test_the_table_says_why_and_on_what_it_rests(recon: Recon, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = recon("query", "open-breaks")
    assert shown.status == 0
    assert "withdrawal" in shown.out
    assert "coverage" in shown.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("open-brakes",), "open-breaks"),
        (("open-breaks", "--as-of", "1d"), "is a question of now"),
        (("believed-balances", "--as-of", "yesterday"), "is no time"),
        (("believed-balances", "--as-of", "2999-01-01"), "ahead of now"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(recon: Recon, arguments: tuple[str, ...], said: str) -> None:
    refused = recon("query", *arguments)
    assert refused.status == 2
    assert said in refused.err


def test_the_sql_of_a_question_can_be_copied(recon: Recon) -> None:
    assert recon("query", "gaps", "--sql").out.startswith("SELECT ")
