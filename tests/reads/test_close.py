"""A closing of a day in the database: computed again it is the same, and people sign it with two logins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, make_url

from recon.closing.coverage import DayCoverage, Missing
from recon.closing.document import canonical
from recon.db.engine import create_engine, libpq_url
from recon.db.raw import driver_connection
from recon.db.reader import open_reader
from recon.db.roles import CLOSER, OPERATOR
from recon.db.source import query_rows
from recon.deciding.recording import Decision, append_decisions
from recon.deciding.signing import countersign, sign
from recon.errors import AppendRefused, ConfigError, DecisionRefused
from recon.log.events import FACT
from recon.log.submit import submit_decision
from recon.reads.close import AccountClose, Signed, read_closes, recompute, signed_closes, verify
from recon.reads.signing import signatures
from recon.simulator.day import Gateway
from recon.simulator.scenarios import demo_plan
from recon.testing import recorded_events, without_rest
from tests.conftest import TestDatabase
from tests.support.database_days import fold, write_day, write_events
from tests.support.facts_driver import fact_document

pytestmark = pytest.mark.postgres

GATEWAY, ACCOUNT = "prod-eu", "BINANCE"
#: The cut-off of the day: midnight, in the middle of the trading.
CUT_OFF = datetime.combine(datetime.now(UTC).date() - timedelta(days=1), datetime.min.time(), UTC)
DAY = CUT_OFF.date() - timedelta(days=1)
NOW = CUT_OFF + timedelta(minutes=5)


class People:
    """Logins of a database, and what they do."""

    def __init__(self, database: TestDatabase) -> None:
        self._database, self._made = database, list[str]()

    def login(self, name: str, *roles: str) -> str:
        login = f"{name}_of_{self._database.name}"
        if login not in self._made:
            self._do(f"CREATE ROLE {login} LOGIN IN ROLE {', '.join([OPERATOR, *roles])}")
            self._made.append(login)
        return login

    def decide(self, name: str, *decisions: Decision, now: datetime | None = None) -> None:
        with self.connected(name) as connection, connection.begin():
            append_decisions(connection, decisions, None, now or datetime.now(UTC))
        fold(self._database.service_url, GATEWAY)

    def connected(self, name: str) -> Connection:
        url = make_url(self._database.superuser_url).set(username=self.login(name))
        return create_engine(url.render_as_string(hide_password=False), "tests", pooled=False).connect()

    def leave(self) -> None:
        for login in self._made:
            self._do(f"DROP ROLE {login}")

    def _do(self, sql: str) -> None:
        with psycopg.connect(libpq_url(self._database.superuser_url), autocommit=True) as connection:
            connection.execute(sql.encode())


@pytest.fixture
def people(database: TestDatabase) -> Iterator[People]:
    made = People(database)
    yield made
    made.leave()


@pytest.fixture
def day(database: TestDatabase) -> TestDatabase:
    write_day(database.service_url, demo_plan(7, 30.0), ends_at=CUT_OFF + timedelta(seconds=20))
    return database


def closes(day: TestDatabase, of: date = DAY, accounts: Sequence[str] | None = (ACCOUNT,)) -> list[AccountClose]:
    with open_reader(day.analyst_url, "test") as reader:
        return read_closes(reader, NOW, day=of, gateway=GATEWAY, accounts=accounts)


def one(day: TestDatabase, of: date = DAY) -> AccountClose:
    (found,) = closes(day, of)
    return found


def test_computed_again_later_a_closing_is_the_same(day: TestDatabase, people: People) -> None:
    before = closes(day, accounts=None)
    assert {each.state for each in before} == {"open"}
    people.decide("alice", Decision(GATEWAY, {"action": "settle_gap", "account": "X", "from_seq": 1, "outcome": "so"}))
    with open_reader(day.analyst_url, "test") as reader:
        again = [recompute(reader, each.now) for each in before]
    later = closes(day, accounts=None)
    assert [each.digest for each in again] == [each.now.digest for each in before]
    assert all(new.now.known_seq > old.now.known_seq for old, new in zip(before, later, strict=True))
    assert all(new.now.digest != old.now.digest for old, new in zip(before, later, strict=True))


def test_a_day_opens_with_the_closing_of_the_former_one(day: TestDatabase) -> None:
    lines = 0
    for first, second in zip(closes(day, accounts=None), closes(day, CUT_OFF.date(), None), strict=True):
        closed = {(line.unit_kind, line.unit): line for line in first.now.lines}
        for line in second.now.lines:
            former = closed.get((line.unit_kind, line.unit))
            assert line.opening == (former.expected or 0 if former else 0)
            if line.expected is not None and line.reported is not None and line.timing is not None:
                assert line.reported + line.timing == line.expected + (line.drift or 0)
                lines += 1
        assert not second.now.whole, "that day is not over"
    assert lines > 5


def test_entries_after_the_cut_off_are_no_part_of_the_day(day: TestDatabase) -> None:
    (closing,), later = (each.now for each in closes(day)), 0
    with open_reader(day.analyst_url, "test") as reader:
        for line in closing.lines:
            parameters = {"account": ACCOUNT, "unit": line.unit, "cut_off": CUT_OFF}
            query = """SELECT sum(e.amount) FILTER (WHERE e.occurred_at < :cut_off) AS before, count(*) FILTER (
                WHERE e.occurred_at >= :cut_off) AS later
                FROM recon.entries AS e WHERE e.account = :account AND e.unit = :unit"""
            (row,) = query_rows(reader, query, parameters)
            assert line.expected == row["before"]
            later += int(str(row["later"]))
    assert later, "the day ends while it trades"


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | texts,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(texts, parts, max_size=5),
    max_leaves=20,
)


@given(json_values)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_the_canonical_text_is_the_database_s(database: TestDatabase, value: Any) -> None:
    with open_reader(database.analyst_url, "test") as reader:
        (row,) = query_rows(reader, "SELECT CAST(CAST(:value AS jsonb) AS text) AS text", {"value": canonical(value)})
    assert row["text"] == canonical(value)


def test_two_logins_sign_and_nobody_twice(day: TestDatabase, people: People) -> None:
    closing = one(day).now
    with pytest.raises(DecisionRefused, match="login that people share"):
        _as_service(day, sign(closing, "all well", accept_gaps=False, restates=None))
    people.decide("alice", sign(closing, "all well", accept_gaps=False, restates=None))
    waiting = one(day)
    assert (waiting.state, waiting.differs, waiting.shown) == ("waiting", [], closing)
    assert waiting.signed is not None
    second = countersign(closing, waiting.signed.seq, "seen", accept_gaps=False)
    with pytest.raises(DecisionRefused, match="another login signs second"):
        people.decide("alice", second)
    with pytest.raises(AppendRefused, match="that waits for a second login"):
        people.decide("bob", Decision(GATEWAY, {**second.payload, "digest": "ab" * 32}, ACCOUNT))
    people.decide("bob", second)
    (signed,) = _signed(day)
    assert (signed.state, str(signed.row["signed_by"])[:5], str(signed.row["second_by"])[:3]) == (
        "signed",
        "alice",
        "bob",
    )
    with pytest.raises(DecisionRefused, match="is signed twice"):
        people.decide("carol", second)
    with pytest.raises(AppendRefused, match="a new one restates that one"):
        people.decide("carol", sign(closing, "again", accept_gaps=False, restates=None))
    with open_reader(day.analyst_url, "test") as reader:
        assert verify(reader, signed) is None


def test_what_was_not_so_cannot_be_signed_or_is_found_out(day: TestDatabase, people: People) -> None:
    closing = one(day).now
    honest = sign(closing, "well", accept_gaps=False, restates=None)
    forged = msgspec.structs.replace(closing, lines=(), reasons=())
    with pytest.raises(AppendRefused, match="the document of a closing is not the one"):
        people.decide("alice", Decision(GATEWAY, {**honest.payload, "document": forged.document}, ACCOUNT))
    other_log = msgspec.structs.replace(closing, head="00" * 32)
    with pytest.raises(AppendRefused, match="has the digest"):
        people.decide("alice", sign(other_log, "well", accept_gaps=False, restates=None))
    with pytest.raises(AppendRefused, match="could be restated"):
        people.decide("alice", sign(closing, "well", accept_gaps=False, restates=7))
    people.decide("alice", sign(forged, "well", accept_gaps=False, restates=None))
    (signed,) = _signed(day)
    with open_reader(day.analyst_url, "test") as reader:
        assert "computed again it has the digest" in (verify(reader, signed) or "")


def test_a_day_that_is_not_over_is_not_signed(day: TestDatabase, people: People) -> None:
    ahead = msgspec.structs.replace(one(day).now, cut_off=datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(AppendRefused, match="is not over"):
        people.decide("alice", sign(ahead, "well", accept_gaps=True, restates=None))
    with pytest.raises(DecisionRefused, match="is not over"):
        signatures(closes(day), "well", CUT_OFF - timedelta(hours=1), login="alice", accept_gaps=False)


def test_gaps_are_accepted_by_both_logins_or_not_at_all(day: TestDatabase, people: People) -> None:
    lost = Missing(CUT_OFF - timedelta(hours=1), CUT_OFF, "not observed")
    coverage = DayCoverage(CUT_OFF - timedelta(hours=2), 1, 5, (lost,), 1)
    gaps = msgspec.structs.replace(one(day).now, coverage=coverage, reasons=("coverage is not whole",))
    with pytest.raises(DecisionRefused, match="accepts the gaps"):
        people.decide("alice", sign(gaps, "well", accept_gaps=False, restates=None))
    people.decide("alice", sign(gaps, "a power cut", accept_gaps=True, restates=None))
    (signed,) = _signed(day)
    with pytest.raises(DecisionRefused, match="the second login accepts them too"):
        people.decide("bob", countersign(gaps, signed.seq, "seen", accept_gaps=False))
    people.decide("bob", countersign(gaps, signed.seq, "seen", accept_gaps=True))
    assert _signed(day)[0].state == "signed"


def test_the_signed_lines_are_a_view(day: TestDatabase, people: People) -> None:
    closing = one(day).now
    people.decide("alice", sign(closing, "well", accept_gaps=False, restates=None))
    with open_reader(day.analyst_url, "test") as reader:
        rows = query_rows(reader, "SELECT * FROM recon.close_lines ORDER BY unit_kind, unit", {})
    assert [(row["unit"], row["expected"], row["drift"], row["moved"]) for row in rows] == [
        (line.unit, line.expected, line.drift, line.moved) for line in closing.lines
    ]
    assert sum(int(str(row["open_breaks"])) for row in rows) == sum(len(line.breaks) for line in closing.lines) > 0


def test_a_break_without_a_resolution_is_closed_by_a_closer_alone(day: TestDatabase, people: People) -> None:
    (break_,) = (each for line in one(day).now.lines if line.unit == "ETH" for each in line.breaks)
    propose = Decision(GATEWAY, {"action": "propose", "breaks": [break_.id], "cause": "unexplained"}, ACCOUNT)
    with pytest.raises(DecisionRefused, match="member of recon_closer alone"):
        people.decide("alice", propose)
    people.login("carol", CLOSER)
    people.decide("carol", propose)
    with open_reader(day.analyst_url, "test") as reader:
        (row,) = query_rows(reader, "SELECT state FROM recon.breaks WHERE id = :id", {"id": break_.id})
    assert row["state"] == "proposed"


def _signed(day: TestDatabase) -> list[Signed]:
    with open_reader(day.analyst_url, "test") as reader:
        return signed_closes(reader, gateway=GATEWAY)


@pytest.mark.parametrize("words", [{"text": "\t"}, {"evidence": ["a", "\u200b"]}, {"assignee": "\u00a0"}])
def test_a_decision_with_a_blank_text_is_not_recorded(day: TestDatabase, words: dict[str, object]) -> None:
    decision = Decision(GATEWAY, {"action": "assign", "breaks": ["0123"], **words})
    with pytest.raises(ConfigError, match=f"{next(iter(words))} is blank$"):
        _as_service(day, decision)


def _as_service(day: TestDatabase, decision: Decision) -> None:
    engine = create_engine(day.service_url, "tests", pooled=False)
    with engine.connect() as connection, connection.begin():
        append_decisions(connection, [decision], "alice", datetime.now(UTC))


def test_a_line_names_the_independent_source_that_agrees(database: TestDatabase) -> None:
    """A custodian's balances of the cut-off are told soon after it: one is right, and one is not."""
    plan = without_rest(demo_plan(7, 30.0))
    start, end = CUT_OFF - timedelta(seconds=25), CUT_OFF + timedelta(seconds=60)
    gateway = Gateway(plan.gateways[0], start)
    events = list(recorded_events(plan, gateway, until=end, start=start))
    told_at = CUT_OFF + timedelta(seconds=20)
    write_events(database.service_url, GATEWAY, [each for each in events if each.received_at < told_at])
    fold(database.service_url, GATEWAY)
    lines = {line.unit: line for line in one(database).now.lines}
    balances = {"BTC": lines["BTC"].expected, "SOL": (lines["SOL"].expected or Decimal(0)) + 5}
    _tell(database, [_balance(unit, amount) for unit, amount in balances.items() if amount is not None], told_at)
    write_events(database.service_url, GATEWAY, [each for each in events if each.received_at >= told_at])
    fold(database.service_url, GATEWAY)
    before = one(database).now
    lines = {line.unit: line for line in before.lines}
    assert (lines["BTC"].source, lines["BTC"].source_at, lines["BTC"].verdict) == ("custodian", CUT_OFF, "agreed")
    assert lines["SOL"].source is None, "it says something else"
    with open_reader(database.analyst_url, "test") as reader:
        assert recompute(reader, before).digest == before.digest


def _balance(unit: str, amount: Decimal) -> bytes:
    document = fact_document(
        "balance", f"custodian:{unit}", CUT_OFF, account=ACCOUNT, unit=unit, amount=str(amount), unit_kind="asset"
    )
    return msgspec.json.encode(document | {"source_class": "custodian"})


def _tell(database: TestDatabase, facts: Sequence[bytes], told_at: datetime) -> None:
    engine = create_engine(database.service_url, "tests", pooled=False)
    with engine.connect() as connection, connection.begin():
        submit_decision(
            driver_connection(connection),
            gateway=GATEWAY,
            writer=uuid4(),
            batch=1,
            now=told_at,
            kind=FACT,
            payloads=facts,
            accounts=[ACCOUNT] * len(facts),
            name=None,
        )


def sign_a_day(database: TestDatabase) -> None:
    """Sign the first account's day of today as if it were over."""
    now = datetime.now(UTC)
    with open_reader(database.analyst_url, "test") as reader:
        (today,) = read_closes(reader, now, day=now.date(), gateway=GATEWAY, accounts=[ACCOUNT])
    over = msgspec.structs.replace(today.now, cut_off=now - timedelta(minutes=1))
    people = People(database)
    people.decide("alice", sign(over, "as if it were over", accept_gaps=True, restates=None))
    people.leave()
