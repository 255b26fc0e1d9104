"""The books at any time as known at any other: against a fold by hand, and what they read of the tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from recon.db.engine import create_engine
from recon.exact import exact
from recon.simulator.day import Gateway
from recon.simulator.scenarios import demo_plan
from recon.testing import recorded_events, without_rest
from tests.conftest import TestDatabase
from tests.support.database_days import BATCH_US, QUIET, fold, write_day, write_events
from tests.support.filled_books import START as START_OF_FILLED
from tests.support.filled_books import FilledBooks
from tests.support.written_books import Unit, WrittenEntry, write_edition, write_entries

pytestmark = pytest.mark.postgres

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
NEVER = "no opening was known by then"
BEFORE = "before the opening"
FIRST = "before its first entry"
UNITS: tuple[Unit, ...] = (
    ("BINANCE", "asset", "BTC"), ("BINANCE", "asset", "USDT"), ("BINANCE", "contract", "BTC"),
    ("KRAKEN/JOHN", "asset", "BTC"),
)  # fmt: skip
GATEWAYS = ("one", "two")
#: How far entries of one unit are apart, and how long after it happened an entry is recorded, in seconds.
STEPS = (0, 0, 0.000001, 0.5, 1.5, 1.5, 1.5, 11, 1800)
DELAYS = (0, 0.000001, 0.2, 0.2, 0.2, 9.999999, 10, 10.000001, 3600, 86_400, -0.000001, -1, -10, -10.000001, -7200)

Value = tuple[Decimal | None, str | None]


def seconds(number: float) -> timedelta:
    return timedelta(microseconds=round(number * 1_000_000))


def some_entries(random: Random, unit: Unit) -> list[WrittenEntry]:
    """Return entries of a unit, in the order of knowledge: even or in bursts, some late, some taken back."""
    at, entries = START + seconds(random.uniform(0, 4000)), list[WrittenEntry]()
    delays = random.choice((DELAYS, DELAYS[:5]))
    opened = random.choice((0, 1, random.randrange(1, 60), 10_000))
    for number in range(random.choice((0, 1, 2, 7, 8, 9, 10, 11, 30, 100, 300))):
        at += seconds(random.choice(STEPS))
        amount = Decimal(random.randrange(-(10**12), 10**12)).scaleb(-random.choice((0, 8, 18)))
        cause, replaces = ("opening", None) if number == opened else ("fill", None)
        if cause == "fill" and entries and random.random() < 0.2:
            taken_back = random.randrange(len(entries))
            if entries[taken_back].cause != "opening":
                amount, cause, replaces = -entries[taken_back].amount, "unmodelled", taken_back + 1
        entries.append(WrittenEntry(unit, at - seconds(random.choice(delays)), at, amount, cause, replaces))
    return entries


def folded(entries: Sequence[WrittenEntry], valid_at: datetime, known_at: datetime) -> Value:
    """Return a unit's books by adding up every entry: slow, and plain."""
    opening = next((entry for entry in entries if entry.cause == "opening"), None)
    if opening is None or opening.recorded_at > known_at:
        return None, NEVER if entries[0].occurred_at <= valid_at else FIRST
    if opening.occurred_at > valid_at:
        return None, BEFORE
    counted = (each.amount for each in entries if each.occurred_at <= valid_at and each.recorded_at <= known_at)
    return sum(counted, Decimal(0)), None


def some_time(random: Random, entries: Sequence[WrittenEntry]) -> datetime:
    near = random.choice(entries) if entries else None
    if near is None or random.random() < 0.1:
        return START + seconds(random.uniform(-100_000, 200_000))
    off = random.choice((0, 0, 0.000001, -0.000001, 10, -10, 10.000001, 3600))
    return random.choice((near.occurred_at, near.recorded_at)) + seconds(off)


def as_of(connection: Connection, gateway: str, valid_at: datetime, known_at: datetime) -> dict[Unit, Value]:
    rows = connection.execute(
        text(
            "SELECT u.account, u.unit_kind, u.unit, u.value, u.reason FROM recon.units_as_of(:valid, :known) AS u"
            " WHERE u.gateway = :gateway"
        ),
        {"gateway": gateway, "valid": valid_at, "known": known_at},
    )
    return {
        (account, kind, unit): (value, reason if value is None else None) for account, kind, unit, value, reason in rows
    }


@pytest.fixture
def owner(database: TestDatabase) -> Iterator[Engine]:
    engine = create_engine(database.owner_url, "tests", pooled=False)
    yield engine
    engine.dispose()


@pytest.fixture
def analyst(database: TestDatabase) -> Iterator[Connection]:
    with create_engine(database.analyst_url, "tests", pooled=False).connect() as connection:
        yield connection


_numbers = count(1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_books_as_of_two_times_are_the_sum_of_what_happened_and_was_known(owner: Engine, seed: int) -> None:
    random, example = Random(seed), next(_numbers)
    books = {(f"{gateway}-{example}", unit): some_entries(random, unit) for gateway in GATEWAYS for unit in UNITS}
    with owner.connect() as connection, exact():
        for gateway in GATEWAYS:
            name = f"{gateway}-{example}"
            write_edition(connection, name)
            write_entries(connection, name, [each for unit in UNITS for each in books[name, unit]])
        for _ in range(12):
            everything = [entry for entries in books.values() for entry in entries]
            valid_at, known_at = some_time(random, everything), some_time(random, everything)
            for gateway in GATEWAYS:
                name = f"{gateway}-{example}"
                expected = {
                    unit: folded(books[name, unit], valid_at, known_at)
                    for unit in UNITS
                    if any(entry.recorded_at <= known_at for entry in books[name, unit])
                }
                assert as_of(connection, name, valid_at, known_at) == expected
            assert_restated(connection, f"one-{example}", books, valid_at, known_at)


def assert_restated(
    connection: Connection,
    gateway: str,
    books: dict[tuple[str, Unit], list[WrittenEntry]],
    one_at: datetime,
    other_at: datetime,
) -> None:
    from_at, to_at = sorted((one_at, other_at))
    rows = connection.execute(
        text(
            "SELECT r.account, r.unit_kind, r.unit, r.believed, r.known, r.difference, r.entries"
            " FROM recon.restatements(:from_at, :to_at) AS r WHERE r.gateway = :gateway"
        ),
        {"gateway": gateway, "from_at": from_at, "to_at": to_at},
    )
    expected = {}
    for (name, unit), entries in books.items():
        numbers = [
            number
            for number, entry in enumerate(entries, start=1)
            if entry.occurred_at <= from_at < entry.recorded_at <= to_at
        ]
        if name == gateway and numbers:
            believed, known = folded(entries, from_at, from_at)[0], folded(entries, from_at, to_at)[0]
            difference = None if believed is None or known is None else known - believed
            expected[unit] = (believed, known, difference, numbers)
    assert {(row[0], row[1], row[2]): tuple(row[3:]) for row in rows} == expected


HOUR = timedelta(hours=1)
BTC = ("BINANCE", "asset", "BTC")


def entry(
    recorded: float, amount: str, *, late: float = 0, cause: str = "fill", replaces: int | None = None
) -> WrittenEntry:
    """Return an entry of BTC recorded so many hours after the start."""
    at = START + HOUR * recorded
    return WrittenEntry(BTC, at - HOUR * late, at, Decimal(amount), cause, replaces)


@pytest.fixture
def deposit_found_late(owner: Engine) -> None:
    """A deposit of 5 at 2 h is told at 6 h and taken back at 8 h, with 4 in its place; 10 are held at the beginning."""
    with owner.begin() as connection:
        write_edition(connection, "g")
        entries = [
            entry(-1, "-1"),
            entry(0, "11", cause="opening"),
            entry(3, "-1"),
            entry(6, "5", late=4, cause="deposit"),
            entry(8, "-5", late=6, cause="deposit", replaces=4),
            entry(8, "4", late=6, cause="deposit"),
        ]
        write_entries(connection, "g", entries)
        write_edition(connection, "g", 2, "building")
        write_entries(connection, "g", [entry(0, "99", cause="opening")], edition=2)


@pytest.mark.parametrize(
    ("valid", "known", "balance", "reason"),
    [
        (4, 4, Decimal(9), None),
        (4, 7, Decimal(14), None),
        (4, 9, Decimal(13), None),
        (2.5, 9, Decimal(14), None),
        (1, 9, Decimal(10), None),
        (9, 1, Decimal(10), None),
        (-1, 9, None, BEFORE),
        (1, -0.5, None, NEVER),
        (-2, -0.5, None, FIRST),
    ],
)
@pytest.mark.usefixtures("deposit_found_late")
def test_a_balance_is_what_was_known_of_it(
    analyst: Connection, valid: float, known: float, balance: Decimal | None, reason: str | None
) -> None:
    row = analyst.execute(
        text("SELECT balance, opening, reason FROM recon.balances_as_of(:valid, :known)"),
        {"valid": START + HOUR * valid, "known": START + HOUR * known},
    ).one()
    assert row == (balance, None if balance is None else Decimal(11), reason or "never reported by then")


@pytest.mark.usefixtures("deposit_found_late")
def test_without_a_second_time_it_is_what_is_known_now(analyst: Connection) -> None:
    asked = "SELECT balance FROM recon.balances_as_of(:valid{})"
    now, null = (
        analyst.execute(text(asked.format(more)), {"valid": START + HOUR * 4}).scalar_one() for more in ("", ", NULL")
    )
    assert now == null == 13


@pytest.mark.usefixtures("deposit_found_late")
def test_a_restatement_says_what_was_believed_and_what_changed_it(analyst: Connection) -> None:
    asked = text("SELECT believed, known, difference, entries FROM recon.restatements(:from_at, :to_at, :valid)")

    def restated(from_at: float, to_at: float, valid: float | None = None) -> list[tuple[object, ...]]:
        times = {"from_at": from_at, "to_at": to_at, "valid": valid}
        given = {name: None if each is None else START + HOUR * each for name, each in times.items()}
        return [tuple(row) for row in analyst.execute(asked, given)]

    assert restated(4, 7) == [(9, 14, 5, [4])]
    assert restated(4, 9) == [(9, 13, 4, [4, 5, 6])]
    assert restated(7, 9, 2.5) == [(15, 14, -1, [5, 6])]
    assert restated(1, 9) == []


def test_a_break_is_as_it_was_and_its_origin_is_known_later(owner: Engine, analyst: Connection) -> None:
    steps = [
        (10, "opened", "open", 2, "unexplained"),
        (20, "assign", "assigned", 2, "unexplained"),
        (30, "cleared", "cleared", 2, "missed_fill"),
        (50, "opened", "open", 3, "deposit"),
    ]
    with owner.begin() as connection:
        write_edition(connection, "g")
        connection.execute(
            text(
                "INSERT INTO recon_store.breaks (gateway, edition, id, case_id, account, unit_kind, unit, cause,"
                " certainty, state, amount, candidates, opened_at, after_seq, until_seq, occurrences, owns_residual,"
                " rules_version, note, origin_at, evidence, tried, explained_amount) VALUES ('g', 1, 'b', 'c',"
                " 'BINANCE', 'asset', 'BTC', 'deposit', 'inferred', 'open', 3, '[]', :opened, 4, 5, 2, true, 1, '',"
                " :origin, '[]', '[]', 0)"
            ),
            {"opened": START + seconds(10), "origin": START + seconds(45)},
        )
        for seq, event, state, amount, cause in steps:
            connection.execute(
                text(
                    "INSERT INTO recon_store.break_history (gateway, edition, id, seq, number, event, at, state,"
                    " amount, cause, reason) VALUES ('g', 1, 'b', :seq, 1, :event, :at, :state, :amount, :cause, 'why')"
                ),
                {
                    "seq": seq,
                    "at": START + seconds(seq),
                    "event": event,
                    "state": state,
                    "amount": amount,
                    "cause": cause,
                },
            )

    def at(valid: float, known: float) -> tuple[object, ...] | None:
        row = analyst.execute(
            text(
                "SELECT state, amount, cause, occurrences, closed_at, origin_at FROM recon.breaks_as_of(:valid, :known)"
            ),
            {"valid": START + seconds(valid), "known": START + seconds(known)},
        ).one_or_none()
        return None if row is None else tuple(row)

    closed, origin = START + seconds(30), START + seconds(45)
    assert at(5, 60) is None
    assert at(15, 15) == ("open", 2, "unexplained", 1, None, None)
    assert at(15, 40) == ("open", 2, "missed_fill", 1, None, None)
    assert at(25, 60) == ("assigned", 2, "deposit", 1, None, None)
    assert at(35, 60) == ("cleared", 2, "deposit", 1, closed, None)
    assert at(47, 48) == ("cleared", 2, "missed_fill", 1, closed, None)
    assert at(47, 50) == ("open", 3, "deposit", 2, None, origin)


def test_units_agree_with_their_views_when_the_time_is_now(database: TestDatabase, analyst: Connection) -> None:
    end = datetime.now(UTC)
    write_day(database.service_url, demo_plan(7, 600.0), ends_at=end)
    asked = (
        "SELECT v.{0} AS unit, v.{1} AS viewed, f.{1} AS known, v.open_breaks, f.open_breaks, v.opening, f.opening"
        " FROM recon.{2} AS v FULL JOIN recon.{2}_as_of(:end, :end) AS f USING (gateway, account, {0})"
    )
    for unit, value, noun in (("asset", "balance", "balances"), ("symbol", "quantity", "positions")):
        rows = analyst.execute(text(asked.format(unit, value, noun)), {"end": end}).all()
        assert rows
        assert [row for row in rows if (row[1], row[3], row[5]) != (row[2], row[4], row[6])] == []
    counting = "SELECT (SELECT count(*) FROM recon.{0}), (SELECT count(*) FROM recon.{0}_as_of(:end, :end))"
    for noun in ("entries", "fills", "orders", "coverage", "breaks"):
        counted = analyst.execute(text(counting.format(noun)), {"end": end}).one()
        assert counted[0] == counted[1] > 0, noun


def test_orders_and_fills_at_a_past_time_are_those_of_a_log_that_ended_then(
    database: TestDatabase, analyst: Connection
) -> None:
    """Of a day folded to its end, what was known at its middle is what a fold of its first half shows."""
    plan = without_rest(demo_plan(7, 600.0))
    end = START + timedelta(seconds=plan.duration + QUIET)
    events = list(recorded_events(plan, Gateway(plan.gateways[0], START), until=end, start=START))
    # The end of a batch of the log, which has one log time.
    slot = int(events[len(events) // 2].received_at.timestamp() * 1_000_000) // BATCH_US
    middle = max(
        each.received_at for each in events if int(each.received_at.timestamp() * 1_000_000) // BATCH_US <= slot
    )
    write_events(database.service_url, "whole", events)
    write_events(database.service_url, "half", [event for event in events if event.received_at <= middle])
    for name in ("whole", "half"):
        fold(database.service_url, name)

    def rows(columns: str, source: str, gateway: str) -> list[tuple[object, ...]]:
        asked = f"SELECT {columns} FROM recon.{source} WHERE gateway = '{gateway}' ORDER BY {columns}"  # noqa: S608 - ours
        return [tuple(row) for row in analyst.execute(text(asked), {"middle": middle})]

    def same(columns: str, noun: str, times: str) -> bool:
        believed = rows(columns, f"{noun}_as_of({times})", "whole")
        return believed == rows(columns, noun, "half") != []

    # Up to any valid time: only what was known then counts.
    any_time = "'infinity', :middle"
    assert same("account, unit_kind, unit, entry_no, amount, occurred_at", "entries", any_time)
    assert same("account, order_key, ordinal, amount", "fills", any_time)
    assert same("account, order_key, amount_filled, open", "orders", any_time)
    assert same("account, from_seq, until_seq, state, reason", "coverage", ":middle, :middle")
    assert same("account, unit, after_seq, state, amount, cause", "breaks", ":middle, :middle")
    columns = "account, unit_kind, unit, value, reported, drift, verdict"
    # At the end of the last full minute, of which the last reports are kept.
    minute = "date_trunc('minute', CAST(:middle AS timestamptz))"
    believed = rows(columns, f"units_as_of({minute}, {minute})", "whole")
    assert believed == rows(columns, f"units_as_of({minute}, {minute})", "half") != []


def test_the_log_position_of_a_time_is_that_of_its_last_event(owner: Engine, analyst: Connection) -> None:
    with owner.connect() as connection:
        FilledBooks("g", 500, units=5, accounts=1, breaks=1, lasts=timedelta(seconds=500)).write(connection)
    asked = text("SELECT recon.seq_at('g', :at)")
    times = [-1, 0, 0.5, 1, 250, 498.999999, 499, 10_000]
    found = [analyst.execute(asked, {"at": START_OF_FILLED + seconds(at)}).scalar_one() for at in times]
    assert found == [0, 1, 1, 2, 251, 499, 500, 500]
    assert analyst.execute(text("SELECT recon.seq_at('none', now())")).scalar_one() == 0


#: Rows that a question about all units may fetch, for each unit: its place is searched for, and not come upon.
ROWS_A_UNIT = 60


@pytest.mark.parametrize(
    ("asked", "units"),
    [
        ("SELECT * FROM recon.balances_as_of(:at, :end)", 20),
        ("SELECT * FROM recon.balances_as_of(:at, :at)", 20),
        ("SELECT * FROM recon.balances_as_of(:at, :end) WHERE (gateway, account, asset) = ('g', 'VENUE1', 'COIN6')", 2),
        ("SELECT * FROM recon.restatements(:at, :end)", 40),
        ("SELECT * FROM recon.coverage_as_of(:at, :end)", 1),
        ("SELECT * FROM recon.breaks_as_of(:at, :end)", 1),
    ],
)
def test_no_question_about_a_past_time_reads_the_log_or_all_entries(owner: Engine, asked: str, units: int) -> None:
    with owner.connect() as connection:
        books = FilledBooks("g", 40_000, units=20, accounts=5, breaks=5)
        books.write(connection)
        for share in (0.05, 0.5, 0.95):
            given = {"at": books.at(share), "end": books.end}
            found = connection.execute(
                text(asked), {name: at for name, at in given.items() if f":{name}" in asked}
            ).all()
            read = connection.execute(
                text(
                    # A scan of a partition that is empty reads nothing.
                    "SELECT what, coalesce(sum(seq_scan) FILTER (WHERE seq_tup_read > 0), 0),"
                    " sum(seq_tup_read + idx_tup_fetch) FROM ("
                    " SELECT regexp_replace(relname, '^log_events_.*', 'log_events') AS what, *"
                    " FROM pg_stat_xact_user_tables"
                    ") AS t WHERE what IN ('entries', 'log_events', 'observations') GROUP BY what"
                )
            ).all()
            connection.rollback()
            assert found
            assert {name: scans for name, scans, _ in read} == dict.fromkeys(
                ("entries", "log_events", "observations"), 0
            )
            rows = {name: fetched for name, _, fetched in read}
            assert rows["entries"] + rows["observations"] <= ROWS_A_UNIT * units
            assert rows["log_events"] <= 4 * 2 * 16
