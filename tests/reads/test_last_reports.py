"""A unit that fell silent: the books of a past time, and a closing, have its last report of before then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from recon.closing.lines import CloseLine
from recon.db.reader import Reader, open_reader
from recon.db.source import Row, query_rows
from recon.deciding.signing import sign
from recon.log.events import NewEvent
from recon.reads.as_of import AsOf
from recon.reads.case.past import case_then, read_past_case
from recon.reads.close import compute, known_at, read_closes, signed_closes, verify
from recon.reads.rules_in_force import rules_in_force
from recon.reads.unit_advice import advise_then
from recon.reads.unit_rows import PAST_UNITS
from recon.testing import GatewayDriver, OrderScript, balance_row
from recon.web.case_figures import LINES, columns_of
from recon.web.screens.units import values_of
from tests.conftest import TestDatabase
from tests.reads.test_close import CUT_OFF, DAY, GATEWAY, People
from tests.support.database_days import fold, write_events

pytestmark = pytest.mark.postgres

FIRST_BREAK = "SELECT case_id, origin_at, opened_at FROM recon.breaks ORDER BY opened_at LIMIT 1"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def buy(driver: GatewayDriver, order: str, balance: str) -> datetime:
    """Buy a coin; the balance is reported once. Return when."""
    script = OrderScript(order, [("1", "100")], placed_at=driver.now - seconds(4))
    driver.report(script.report(1), after=0.3)
    driver.balance("BTC", balance, after=0.3)
    return driver.now


class Day:
    """A database with a day whose coins are bought some 40 s before the cut-off, and some 50 s after it."""

    def __init__(self, database: TestDatabase) -> None:
        self.database = database
        driver = GatewayDriver(start=CUT_OFF - seconds(130))
        driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"))
        driver.poll("BTC", "10", 60)
        self.account, self.reported_at = driver.account, buy(driver, "o1", "11")
        driver.wait(90)
        self.again_at = buy(driver, "o2", "12")
        told = [NewEvent(each.kind, each.payload, each.received_at, each.account, each.session) for each in driver.log]
        write_events(database.service_url, GATEWAY, told)
        fold(database.service_url, GATEWAY)


@pytest.fixture
def day(database: TestDatabase) -> Day:
    return Day(database)


@pytest.fixture
def people(database: TestDatabase) -> Iterator[People]:
    made = People(database)
    yield made
    made.leave()


@pytest.fixture
def reader(day: Day) -> Iterator[Reader]:
    with open_reader(day.database.analyst_url, "test") as opened:
        yield opened


def as_of(reader: Reader, valid_at: datetime, known_at: datetime | None = None) -> Row:
    asked = "SELECT * FROM recon.balances_as_of(:valid_at, :known_at) WHERE asset = 'BTC'"
    (row,) = query_rows(reader, asked, {"valid_at": valid_at, "known_at": known_at})
    return row


def test_the_books_of_a_past_time_have_the_last_report_of_a_silent_unit(day: Day, reader: Reader) -> None:
    for valid_at, known in ((CUT_OFF, None), (CUT_OFF, CUT_OFF), (CUT_OFF + seconds(45), None)):
        row = as_of(reader, valid_at, known)
        assert (row["balance"], row["reported"], row["expected"], row["verdict"]) == (11, 11, 11, "agreed")
        assert row["observed_at"] == day.reported_at


def test_the_report_of_a_minute_that_is_not_over_is_in_the_present_books(day: Day, reader: Reader) -> None:
    now = as_of(reader, day.again_at)
    assert (now["balance"], now["reported"], now["expected"]) == (12, 12, 12)
    assert (now["verdict"], now["observed_at"]) == ("agreed", day.again_at)
    before = as_of(reader, day.again_at - seconds(0.01))
    assert (before["reported"], before["observed_at"]) == (11, day.reported_at), "it was not reported yet"
    believed = as_of(reader, day.again_at, day.again_at - seconds(1))
    assert (believed["reported"], believed["observed_at"]) == (11, day.reported_at), "it was not known yet"


@pytest.fixture
def in_break(database: TestDatabase) -> GatewayDriver:
    """A day on which a coin more is reported some 3 s before the cut-off, and taken back 90 s after it."""
    driver = GatewayDriver(start=CUT_OFF - seconds(130))
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"))
    driver.poll("BTC", "10", int((CUT_OFF - driver.now).total_seconds()) - 4)
    driver.poll("BTC", "11", 90)
    driver.poll("BTC", "10", 60)
    told = [NewEvent(each.kind, each.payload, each.received_at, each.account, each.session) for each in driver.log]
    write_events(database.service_url, GATEWAY, told)
    fold(database.service_url, GATEWAY)
    return driver


def test_a_unit_whose_break_was_open_is_in_break_also_where_its_report_was_judged_later(
    database: TestDatabase, in_break: GatewayDriver
) -> None:
    with open_reader(database.analyst_url, "test") as reader:
        (row,) = query_rows(reader, FIRST_BREAK, {})
        origin, opened = row["origin_at"], row["opened_at"]
        assert isinstance(origin, datetime)
        assert isinstance(opened, datetime)
        assert origin < CUT_OFF < opened
        then, later = as_of(reader, CUT_OFF), as_of(reader, opened)
        before, believed = as_of(reader, origin - seconds(1)), as_of(reader, CUT_OFF, CUT_OFF)
        asked = "SELECT * FROM recon.units_as_of(:at)"
        for second in range(-60, 150):
            for row in query_rows(reader, asked, {"at": CUT_OFF + seconds(second)}):
                assert (row["verdict"] == "break") == (row["open_breaks"] != 0), (second, row)
    assert (then["verdict"], then["open_breaks"], then["reported"], then["expected"]) == ("break", 1, 10, 10)
    assert (then["drift"], then["unexplained"]) == (None, None)
    assert then["reason"] == "a break was open then; its report was judged later"
    assert (later["verdict"], later["drift"], later["reason"]) == ("break", 1, None)
    for row in (before, believed):
        assert (row["verdict"], row["drift"], row["open_breaks"], row["reason"]) == ("agreed", 0, 0, None)


def test_what_is_shown_of_a_break_whose_report_was_judged_later_says_so(
    database: TestDatabase, in_break: GatewayDriver
) -> None:
    with open_reader(database.analyst_url, "test") as reader:
        (row,) = query_rows(reader, FIRST_BREAK, {})
        past = read_past_case(reader, GATEWAY, str(row["case_id"]), AsOf(CUT_OFF), in_break.now)
        case = case_then(reader, past, AsOf(CUT_OFF), in_break.now, "c")
        (column,) = columns_of(case)
        (unit,) = query_rows(reader, f"{PAST_UNITS} WHERE f.unit = 'BTC'", AsOf(CUT_OFF).parameters)
    figures = dict(zip(LINES, (each.text for each in column.figures), strict=True))
    assert (figures["= expected"], figures["drift"], figures["drift, unexplained"]) == ("10", "-", "-")
    said = advise_then(unit)
    assert said is not None
    assert said.why == "a break was open; the report that shows it was judged later"
    groups = values_of([unit], {}, as_of=AsOf(CUT_OFF))["groups"]
    assert isinstance(groups, list)
    assert [(each.drift.text, each.verdict, each.why) for each in groups[0].rows] == [("-", "break", said.why)]


def _line(reader: Reader, day: Day, version: int) -> CloseLine:
    closing = compute(reader, day.account, DAY, rules_in_force(reader, GATEWAY, 1), known_at(reader, GATEWAY), version)
    assert closing.version == version
    (line,) = (each for each in closing.lines if each.unit == "BTC")
    return line


def test_a_closing_has_the_last_report_of_before_the_cut_off(day: Day, reader: Reader) -> None:
    line = _line(reader, day, 2)
    assert [line.reported, line.expected, line.timing, line.drift] == [11, 11, 0, 0]
    assert line.reported_at == day.reported_at


def test_a_closing_of_the_former_version_is_borne_out_and_not_restated(day: Day, people: People) -> None:
    with open_reader(day.database.analyst_url, "test") as reader:
        rules, known = rules_in_force(reader, GATEWAY, 1), known_at(reader, GATEWAY)
        former = compute(reader, day.account, DAY, rules, known, 1)
        (line,) = (each for each in former.lines if each.unit == "BTC")
        assert [line.reported, line.timing] == [10, 1], "the last report had no row"
        people.decide("alice", sign(former, "as it was", accept_gaps=True, restates=None))
    with open_reader(day.database.analyst_url, "test") as reader:
        (signed,) = signed_closes(reader, gateway=GATEWAY)
        (close,) = read_closes(reader, CUT_OFF + seconds(600), day=DAY, gateway=GATEWAY, accounts=[day.account])
        assert (verify(reader, signed), close.state, close.shown.version) == (None, "waiting", 1)


def test_a_closing_is_the_same_when_the_minute_ends_after_it_was_known(day: Day, reader: Reader) -> None:
    """Up to each position of the log, what is computed now is what the books of then gave."""
    rules = rules_in_force(reader, GATEWAY, 1)
    asked = "SELECT max(judged_seq) AS seq FROM recon.observations WHERE unit = 'BTC' AND last_of_minute"
    seq = int(str(query_rows(reader, asked, {})[0]["seq"]))
    lines = {}
    for known in (seq, seq + 1):
        closing = compute(reader, day.account, DAY, rules, known_at(reader, GATEWAY, known))
        lines[known] = next(each for each in closing.lines if each.unit == "BTC")
    assert [line.reported for line in lines.values()] == [10, 11]
