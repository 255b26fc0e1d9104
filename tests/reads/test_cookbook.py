"""The cookbook on two days that are known by heart: what each question answers, and that none scans the log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest
from sqlalchemy import Connection, text

from recon.db.engine import create_engine
from recon.errors import ConfigError
from recon.reads.cookbook import Question, parse_question, question_named, read_questions
from tests.conftest import TestDatabase
from tests.support.analysts_days import analysts_days, write_driver

pytestmark = pytest.mark.postgres

D = Decimal
FIRST, SECOND = date(2026, 1, 5), date(2026, 1, 6)
QUESTIONS: Final = read_questions()
EVENING: Final = datetime(2026, 1, 5, 20, tzinfo=UTC)
Answer = list[dict[str, object]]
#: What is looked at of each answer, and what it is on these days; a set where the order is by the clock.
ANSWERS: Final[dict[str, tuple[tuple[str, ...], list[tuple[object, ...]]]]] = {
    "ageing": (
        ("bucket", "breaks", "usd", "without_worth", "uncovered_accounts"),
        [("5 d and over", 1, D("30.00"), 0, 0)],
    ),
    "approvals": (
        ("about", "unit", "amount", "state", "proposed_by", "decided_by"),
        [("break", "ETH", D("-0.5"), "approved", "alice", "bob")],
    ),
    "believed-balances": (
        ("asset", "balance", "reported", "coverage"),
        [
            ("BTC", 0, D("-0.25"), "covered"),
            ("ETH", D("49.5"), D("49.5"), "covered"),
            ("USDT", D("100093.647"), D("100093.647"), "covered"),
        ],
    ),
    "believed-positions": (("symbol", "quantity", "reported", "coverage"), [("BTCUSDT-PERP", 6, 6, "covered")]),
    "break-causes": (
        ("cause", "state", "breaks", "in_gaps"),
        [("withdrawal", "open", 1, 1), ("withdrawal", "resolved", 1, 1)],
    ),
    "conservation": (("asset",), []),
    "drifting-units": (
        ("unit_kind", "unit", "books", "reported", "unexplained", "verdict", "coverage"),
        [("asset", "BTC", 0, D("-0.25"), D("-0.25"), "break", "covered")],
    ),
    "facts-from-outside": (("fact", "unit", "amount", "effect"), [("funding", "USDT", D("-1.25"), "booked")]),
    "fees-by-symbol": (
        ("day", "symbol", "asset", "fees", "turnover", "rate", "inferred"),
        [
            (FIRST, "BTCUSDT", "USDT", D("-0.413"), 413, D("0.001"), 3),
            (FIRST, "BTCUSDT-PERP", "USDT", D("-1.42"), 1420, D("0.001"), 2),
            (SECOND, "BTCUSDT", "USDT", D("-0.27"), 270, D("0.001"), 1),
        ],
    ),
    "open-breaks": (
        ("unit", "cause", "amount", "amount_usd", "state", "coverage"),
        [("BTC", "withdrawal", D("-0.25"), -30, "open", "covered")],
    ),
    "open-orders": (("order_key",), []),
    "pnl-by-symbol": (
        ("day", "symbol", "realised", "net", "unknown_fills"),
        [
            (FIRST, "BTCUSDT", 9, D("8.587"), 0),
            (FIRST, "BTCUSDT-PERP", 20, D("18.58"), 0),
            (FIRST, None, None, D("-1.25"), 0),
            (SECOND, "BTCUSDT", -22, None, 1),
        ],
    ),
    "turnover": (
        ("day", "symbol", "fills", "bought", "sold", "turnover"),
        [
            (FIRST, "BTCUSDT", 3, 3, 1, 413),
            (FIRST, "BTCUSDT-PERP", 2, 10, 4, None),
            (SECOND, "BTCUSDT", 1, None, 3, 270),
        ],
    ),
    "undelivered-alerts": (("channel",), []),
}


@pytest.fixture(scope="module")
def days(database_of_module: TestDatabase) -> TestDatabase:
    write_driver(database_of_module, analysts_days())
    return database_of_module


@pytest.fixture
def analyst(days: TestDatabase) -> Iterator[Connection]:
    with create_engine(days.analyst_url, "tests", pooled=False).connect() as connection:
        yield connection


@pytest.fixture
def ask(analyst: Connection) -> Callable[..., Answer]:
    def run(name: str, valid_at: datetime | None = None, known_at: datetime | None = None) -> Answer:
        found = analyst.execute(text(QUESTIONS[name].sql.rstrip(";")), {"valid_at": valid_at, "known_at": known_at})
        return [dict(row) for row in found.mappings()]

    return run


def test_there_are_sixteen_questions_at_least_and_each_says_why_and_on_what_it_rests() -> None:
    assert len(QUESTIONS) >= 16
    for question in QUESTIONS.values():
        assert question.why.endswith(".")
        assert question.coverage.endswith(".")
        assert question.title.endswith("?")


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_answer_has_the_column_that_tells_of_its_coverage(name: str, analyst: Connection) -> None:
    question = QUESTIONS[name]
    found = analyst.execute(text(question.sql.rstrip(";")), {"valid_at": None, "known_at": None})
    assert question.coverage_column in found.keys()  # noqa: SIM118 - the columns of a result, not keys of a mapping


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_what_happened(name: str, ask: Callable[..., Answer]) -> None:
    columns, expected = ANSWERS[name]
    assert [tuple(row[column] for column in columns) for row in ask(name)] == expected


def test_movements_are_the_roll_forward_of_each_unit(ask: Callable[..., Answer]) -> None:
    moved: dict[object, Decimal] = {}
    for row in ask("movements-by-cause"):
        moved[row["unit"]] = moved.get(row["unit"], D(0)) + D(str(row["amount"]))
    assert moved == {"BTC": 0, "ETH": D("49.5"), "USDT": D("100093.647"), "BTCUSDT-PERP": 6}


def test_the_past_is_answered_as_it_was(ask: Callable[..., Answer]) -> None:
    held = {row["asset"]: row["balance"] for row in ask("believed-balances", EVENING)}
    assert held["BTC"] == 3
    # Nobody looked in the evening, so nothing was held to agree.
    assert {(row["verdict"], row["coverage"]) for row in ask("drifting-units", EVENING)} == {("stale", "gap")}
    noon = datetime(2026, 1, 5, 9, 4, 30, tzinfo=UTC)
    (lost,) = ask("drifting-units", noon)
    assert (lost["unit"], lost["unexplained"], lost["verdict"]) == ("ETH", D("-0.5"), "break")


def test_gaps_coverage_and_sessions_tell_of_the_night(ask: Callable[..., Answer]) -> None:
    gaps = [row["reason"] for row in ask("gaps") if row["state"] == "gap"]
    assert gaps == ["restarted", "disconnected"]
    shares = {row["day"]: row["covered_share"] for row in ask("coverage-by-day")}
    assert shares[FIRST] == D("0.005495")
    assert {row["covered_share"] for row in ask("sessions")} == {shares[FIRST], shares[SECOND]}


def test_drift_moved_with_what_nobody_reported(ask: Callable[..., Answer]) -> None:
    drift = {(row["unit"], row["unexplained"]) for row in ask("drift-history")}
    assert drift == {("ETH", D("-0.5")), ("BTC", D("-0.25"))}


def test_what_came_to_be_known_late_is_restated(ask: Callable[..., Answer]) -> None:
    (fact,) = ask("facts-from-outside")
    paid = fact["occurred_at"]
    assert isinstance(paid, datetime)
    (changed,) = ask("restated-units", paid + timedelta(seconds=0.5))
    assert (changed["unit"], changed["difference"], changed["coverage"]) == ("USDT", D("-1.25"), "covered")


def test_the_firm_holds_what_its_accounts_hold(ask: Callable[..., Answer]) -> None:
    held = {row["asset"]: (row["balance"], row["uncovered_accounts"]) for row in ask("firm-holdings")}
    assert held["ETH"] == (D("49.5"), 0)


def _scans(plan: dict[str, object]) -> Iterator[str]:
    """Yield what a plan reads of the log without saying where: neither a condition nor an index of few events."""
    few = ("sessions", "rules", "decisions", "refused", "kind")
    # An index of a partition ends with what the partition's name ends with.
    name = re.sub(r"_(from_\d+|beyond)$", "", str(plan.get("Index Name", "")))
    relation = str(plan.get("Relation Name"))
    # The partition beyond all others is empty, so it does not matter how it is read.
    of_log = relation.startswith("log_events") and relation != "log_events_beyond"
    of_log = of_log and plan["Node Type"] != "Bitmap Heap Scan"
    if of_log and "Index Cond" not in plan and not name.endswith(few):
        yield f"{plan['Node Type']} {name}"
    children = plan.get("Plans", [])
    assert isinstance(children, list)
    for child in children:
        yield from _scans(child)


def scans(connection: Connection, sql: str, parameters: dict[str, object]) -> list[str]:
    # A small table is read whole whatever indexes it has; what needs a scan of a large one still shows one.
    connection.execute(text("SET enable_seqscan = off"))
    found = connection.scalar(text(f"EXPLAIN (FORMAT JSON) {sql.rstrip(';')}"), parameters)
    document = json.loads(found) if isinstance(found, str) else found
    return list(_scans(document[0]["Plan"]))


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_question_scans_the_log(name: str, analyst: Connection) -> None:
    assert scans(analyst, QUESTIONS[name].sql, {"valid_at": EVENING, "known_at": EVENING}) == []


def test_the_look_at_plans_would_notice(analyst: Connection) -> None:
    assert scans(analyst, "SELECT count(payload) FROM recon.events", {}) != []
    assert scans(analyst, "SELECT payload FROM recon.events WHERE account = 'KRAKEN/JOHN' ORDER BY seq", {}) == []
    assert scans(analyst, "SELECT count(*) FROM recon.events WHERE recorded_at > now() - interval '1 hour'", {}) == []


def test_a_question_that_there_is_not_is_refused_with_the_nearest(ask: Callable[..., Answer]) -> None:
    with pytest.raises(ConfigError, match="open-breaks"):
        question_named("open-brakes")
    with pytest.raises(ConfigError, match="lacks its question"):
        parse_question("x", "SELECT 1;")
    assert isinstance(question_named("gaps"), Question)
