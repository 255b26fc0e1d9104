"""Who decided is the database's word: nobody forges it, and what is material takes two of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

from recon.db.engine import create_engine, libpq_url
from recon.db.roles import OPERATOR, SERVICE
from recon.errors import AppendRefused
from recon.log.append import Appended, append
from recon.log.events import DECISION, FACT, RULES, RULES_PROPOSED, NewEvent
from recon.log.lease import Lease
from recon.log.submit import submit_decision
from recon.log.verify import verify
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

G = "g"
Raw = psycopg.Connection


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def connected(url: str) -> Iterator[Raw]:
    with psycopg.connect(libpq_url(url), autocommit=True) as raw:
        yield raw


class People:
    """Logins of this test's own, each a member of the operators."""

    def __init__(self, database: TestDatabase) -> None:
        self.database = database
        self.logins: list[str] = []

    def login(self, name: str, *groups: str) -> str:
        """Make a login; return its url."""
        login = f"{name}_of_{self.database.name}"
        with create_engine(self.database.superuser_url, "test", pooled=False).begin() as connection:
            connection.execute(text(f"CREATE ROLE {login} LOGIN IN ROLE {', '.join(groups or (OPERATOR,))}"))
        self.logins.append(login)
        return self.database.service_url.replace(f"//{SERVICE}@", f"//{login}@")

    def leave(self) -> None:
        with create_engine(self.database.superuser_url, "test", pooled=False).begin() as connection:
            for login in self.logins:
                connection.execute(text(f"DROP ROLE {login}"))


@pytest.fixture
def people(database: TestDatabase) -> Iterator[People]:
    made = People(database)
    with connected(database.service_url) as raw:
        put(raw, NewEvent("frame", b"{}", now()))
    yield made
    made.leave()


def put(raw: Raw, *events: NewEvent) -> Appended:
    return append(raw, gateway=G, writer=uuid4(), batch=1, now=now(), events=events)


def say(raw: Raw, action: str, *, name: str | None = None, **more: object) -> Appended:
    return record(raw, {"action": action, **more}, name=name)


def record(
    raw: Raw, *payloads: object, kind: str = DECISION, name: str | None = None, account: str | None = None
) -> Appended:
    return submit_decision(
        raw,
        gateway=G,
        writer=uuid4(),
        batch=1,
        now=now(),
        kind=kind,
        payloads=[json.dumps(payload).encode() for payload in payloads],
        accounts=[account] * len(payloads),
        name=name,
    )


def last(database: TestDatabase, seq: int) -> tuple[str, str | None, dict[str, object]]:
    with connected(database.service_url) as raw:
        row = raw.execute("SELECT kind, account, payload FROM recon.events WHERE seq = %s", (seq,)).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


@pytest.mark.parametrize(
    "ahead", [timedelta(days=30), timedelta(seconds=10), timedelta(days=-30), timedelta(days=-999)]
)
def test_a_person_s_clock_does_not_move_log_time(database: TestDatabase, people: People, ahead: timedelta) -> None:
    with connected(people.login("alice")) as raw:
        decided = submit_decision(
            raw,
            gateway=G,
            writer=uuid4(),
            batch=1,
            now=now() + ahead,
            kind=DECISION,
            payloads=[b'{"action": "comment"}'],
            accounts=[None],
            name=None,
        )
    with connected(database.service_url) as raw:
        query = "SELECT recorded_at, received_at FROM recon_store.log_events ORDER BY seq"
        (before, _), (recorded, received) = raw.execute(query).fetchall()
    assert before <= recorded <= decided.clock
    assert received == recorded == decided.recorded_at


def test_the_database_says_who_it_was_whatever_the_payload_claims(database: TestDatabase, people: People) -> None:
    forged = {"by": {"login": "boss", "authenticated": True}, "action": "comment", "breaks": ["b"], "text": "ü \\ \" '"}
    with connected(people.login("alice")) as raw:
        seq = record(raw, forged, name="Boss").last_seq
    kind, account, payload = last(database, seq)
    assert (kind, account) == (DECISION, None)
    assert payload == forged | {"by": {"login": people.logins[0], "authenticated": True, "name": "Boss"}}


def test_a_login_that_may_act_as_the_service_is_shared(database: TestDatabase, people: People) -> None:
    urls = [database.service_url, people.login("clerk", SERVICE), people.login("both", SERVICE, OPERATOR)]
    for url in urls:
        with connected(url) as raw:
            seq = say(raw, "comment", breaks=["b"], text="x", name="Dora").last_seq
        by = last(database, seq)[2]["by"]
        assert isinstance(by, dict)
        assert (by["authenticated"], by["name"]) == (False, "Dora")


def test_facts_are_recorded_alike_and_many_at_once(database: TestDatabase, people: People) -> None:
    facts = [{"fact": "deposit", "account": "K", "amount": "1"}, {"fact": "fee", "amount": "-1"}]
    with connected(people.login("alice")) as raw:
        done = record(raw, *facts, kind=FACT, account="L")
    assert done.last_seq - done.first_seq == 1
    assert [last(database, seq)[:2] for seq in (done.first_seq, done.last_seq)] == [(FACT, "K"), (FACT, "L")]
    with create_engine(database.service_url, "test", pooled=False).connect() as connection:
        assert verify(connection, G).seq == done.last_seq


def test_a_retried_decision_lands_once(database: TestDatabase, people: People) -> None:
    writer, payloads = uuid4(), [b'{"action": "comment"}']
    with connected(people.login("alice")) as raw:
        done = [
            submit_decision(
                raw,
                gateway=G,
                writer=writer,
                batch=1,
                now=now(),
                kind=DECISION,
                payloads=payloads,
                accounts=[None],
                name=None,
            )
            for _ in range(2)
        ]
    assert [each.repeated for each in done] == [False, True]
    assert done[0].last_seq == done[1].last_seq


@pytest.mark.parametrize("payload", ["{", "[]", "1", '{"text": "\\u0000"}', '"x"', "null"])
def test_what_is_no_json_object_is_refused(people: People, payload: str) -> None:
    with connected(people.login("alice")) as raw, pytest.raises(AppendRefused, match="a decision is no JSON"):
        submitted(raw, DECISION, payload, None)


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (DECISION, {"action": "comment", "text": "x" * 3000}),
        (DECISION, {"action": "comment", "amount": "1e999"}),
        (DECISION, {"action": "comment", "from_seq": 10**200}),
        (DECISION, {"action": "accept", "until": "9999-12-31T23:59:59-14:00"}),
        (FACT, {"fact": "deposit", "unit": "x" * 300}),
        (FACT, {"fact": "deposit", "account": "x" * 300}),
        (FACT, {"fact": "deposit", "occurred_at": "0001-01-01T00:00:00+14:00"}),
        (FACT, {"fact": "deposit", "occurred_at": "infinity"}),
        (FACT, {"fact": "deposit", "occurred_at": "soon"}),
        (DECISION, {"action": "accept", "until": {"never": 1}}),
        (FACT, {"fact": "deposit", "breaks": ["x" * 700] * 2000}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_the_fold_cannot_take_is_refused(people: People, kind: str, document: dict[str, object]) -> None:
    """The command checks it too; this is for those who call the function themselves."""
    with connected(people.login("alice")) as raw, pytest.raises(AppendRefused, match=f"refused a .*a {kind} "):
        submitted(raw, kind, json.dumps(document), None)


@pytest.mark.parametrize("depth", [17, 5000, 200_000])
def test_what_is_nested_too_deeply_is_refused(people: People, depth: int) -> None:
    with connected(people.login("alice")) as raw, pytest.raises(AppendRefused, match="nested more than 16 levels"):
        submitted(raw, DECISION, f'{{"action": "comment", "note": {"[" * depth}{"]" * depth}}}', None)


def test_a_name_of_any_length_is_refused(people: People) -> None:
    with connected(people.login("alice")) as raw, pytest.raises(AppendRefused, match="more than 200 characters"):
        submitted(raw, DECISION, '{"action": "comment"}', "x" * 201)


def submitted(raw: Raw, kind: str, payload: str, name: str | None) -> Appended:
    return submit_decision(
        raw,
        gateway=G,
        writer=uuid4(),
        batch=1,
        now=now(),
        kind=kind,
        payloads=[payload.encode()],
        accounts=[None],
        name=name,
    )


def test_a_gateway_without_a_log_is_a_mistake(people: People) -> None:
    with connected(people.login("alice")) as raw, pytest.raises(AppendRefused, match="no log of gateway typo"):
        submit_decision(
            raw,
            gateway="typo",
            writer=uuid4(),
            batch=1,
            now=now(),
            kind=DECISION,
            payloads=[b"{}"],
            accounts=[None],
            name=None,
        )


def test_people_record_nothing_but_decisions_and_facts(people: People) -> None:
    with connected(people.login("alice")) as raw, pytest.raises(AppendRefused, match="not rules"):
        record(raw, {}, kind=RULES)


@pytest.mark.parametrize("kind", [DECISION, FACT])
def test_nobody_appends_a_decision_or_a_fact_past_who_they_are(
    database: TestDatabase, people: People, kind: str
) -> None:
    with connected(database.service_url) as raw:
        for events in ([NewEvent(kind, b"{}", now())], [NewEvent("frame", b"{}", now()), NewEvent(kind, b"{}", now())]):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="who they come from"):
                put(raw, *events)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT recon_store.append_any(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "SELECT recon_store.check_decision('g', '{}', '{}', 0)",
        "SELECT recon_store.proposers('g', ARRAY['b'], 'd')",
    ],
)
def test_what_lies_behind_is_for_nobody(database: TestDatabase, people: People, statement: str) -> None:
    for url in (database.service_url, people.login("alice")):
        with connected(url) as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(statement.encode())


def test_an_operator_reads_the_views_and_writes_nothing_else(people: People) -> None:
    with connected(people.login("alice")) as raw:
        assert raw.execute("SELECT count(*) FROM recon.events").fetchone() == (1,)
        for statement in (
            b"SELECT * FROM recon_store.log_events",
            b"UPDATE recon_store.breaks SET amount_usd = 0",
            b"SELECT recon_store.append('g', NULL, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(statement)


def test_an_analyst_decides_nothing(database: TestDatabase, people: People) -> None:
    with (
        connected(database.analyst_url) as raw,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)),
    ):
        say(raw, "comment", breaks=["b"], text="x")


class Broken:
    """Breaks as a projection would have written them."""

    def __init__(self, database: TestDatabase) -> None:
        self.database = database
        with connected(database.service_url) as raw:
            raw.execute(
                "INSERT INTO recon_store.editions (gateway, edition, fold_version, state) VALUES ('g', 1, 1, 'current')"
            )

    def add(
        self, break_id: str, usd: str | None, *, case: str | None = None, state: str = "proposed", account: str = "K"
    ) -> None:
        with connected(self.database.service_url) as raw:
            raw.execute(
                "INSERT INTO recon_store.breaks (gateway, edition, id, case_id, account, unit_kind, unit, cause,"
                " certainty, state, amount, amount_usd, candidates, opened_at, origin_at, closed_at, after_seq,"
                " until_seq, occurrences, owns_residual, rules_version, note) VALUES ('g', 1, %s, %s, %s, 'asset',"
                " 'BTC', 'x', 'exact', %s, 1, %s, '[]', now(), now(), now(), 1, 1, 1, true, 1, '')",
                (break_id, case or break_id, account, state, usd),
            )


@pytest.fixture
def broken(database: TestDatabase, people: People) -> Broken:
    return Broken(database)


def approve(raw: Raw, *breaks: str, digest: str = "d") -> Appended:
    return say(raw, "approve", breaks=breaks, digest=digest)


def propose(raw: Raw, *breaks: str, digest: str = "d") -> Appended:
    return say(raw, "propose", breaks=breaks, digest=digest, cause="withdrawal")


def test_who_proposed_what_is_material_may_not_approve_it(people: People, broken: Broken) -> None:
    broken.add("b", "-10000.01")
    with connected(people.login("alice")) as alice, connected(people.login("bob")) as bob:
        propose(alice, "b")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"alice\S* proposed it: somebody else approves"):
            approve(alice, "b")
        assert approve(bob, "b").last_seq == 3


def test_what_is_material_is_not_decided_under_a_shared_login(
    database: TestDatabase, people: People, broken: Broken
) -> None:
    broken.add("b", None)
    with connected(people.login("alice")) as alice, connected(database.service_url) as shared:
        propose(alice, "b")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="recon_service is shared"):
            approve(shared, "b")
        propose(shared, "b", digest="e")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="proposed under recon_service"):
            approve(alice, "b", digest="e")


def test_what_is_not_material_anybody_approves(database: TestDatabase, people: People, broken: Broken) -> None:
    broken.add("b", "10000")
    with connected(database.service_url) as shared:
        propose(shared, "b")
        approve(shared, "b")


@pytest.mark.parametrize(
    ("others", "material"),
    [
        ([{"break_id": "c", "usd": "6000", "case": "b"}], True),
        ([{"break_id": "c", "usd": "6000", "state": "resolved"}], True),
        ([{"break_id": "c", "usd": "6000", "case": "b", "state": "cleared"}], False),
        ([{"break_id": "c", "usd": "6000", "state": "resolved", "account": "L"}], False),
        ([{"break_id": "c", "usd": "6000"}], False),
    ],
)
def test_material_is_the_case_and_the_day_of_an_account(
    people: People, broken: Broken, others: list[dict[str, str]], material: bool
) -> None:
    broken.add("b", "6000")
    for other in others:
        broken.add(**other)
    with connected(people.login("alice")) as alice:
        propose(alice, "b")
        if material:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                approve(alice, "b")
        else:
            approve(alice, "b")


def test_what_is_material_is_told_by_the_rules_in_force(database: TestDatabase, people: People, broken: Broken) -> None:
    broken.add("b", "500")
    broken.add("c", "500", account="L")
    rules = {"defaults": {"material_usd": "1000"}, "accounts": {"K": {"material_usd": "100"}}}
    with connected(database.service_url) as raw:
        put(raw, NewEvent(RULES, json.dumps(rules).encode(), now()))
    with connected(people.login("alice")) as alice:
        propose(alice, "b")
        propose(alice, "c")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            approve(alice, "b")
        approve(alice, "c")


def test_what_is_not_folded_yet_is_material_and_what_nobody_proposed_is_refused(people: People, broken: Broken) -> None:
    with connected(people.login("alice")) as alice:
        propose(alice, "unknown")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            approve(alice, "unknown")
        with pytest.raises(AppendRefused, match="nothing was proposed"):
            approve(alice, "another")


def test_breaks_proposed_one_by_one_are_approved_together_by_who_proposed_none(people: People, broken: Broken) -> None:
    for name in ("b", "c"):
        broken.add(name, "20000")
    with (
        connected(people.login("alice")) as alice,
        connected(people.login("bob")) as bob,
        connected(people.login("carol")) as carol,
    ):
        propose(alice, "b", digest="1")
        propose(bob, "c", digest="2")
        for raw in (alice, bob):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="somebody else"):
                approve(raw, "b", "c", digest="both")
        approve(carol, "b", "c", digest="both")


def accept(raw: Raw, *breaks: str) -> Appended:
    return say(raw, "accept", breaks=breaks, until="2100-01-01T00:00:00Z")


def test_who_asked_to_accept_what_is_material_may_not_approve_it(
    database: TestDatabase, people: People, broken: Broken
) -> None:
    broken.add("b", "10000.01")
    with connected(people.login("alice")) as alice, connected(people.login("bob")) as bob:
        accept(alice, "b")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"alice\S* proposed it: somebody else approves"):
            approve(alice, "b")
        approve(bob, "b")
        with connected(database.service_url) as shared:
            accept(shared, "b")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="recon_service is shared"):
                approve(shared, "b")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="proposed under recon_service"):
            approve(bob, "b")


@pytest.mark.parametrize(("amount", "ago", "material"), [("1", "0", True), ("0.5", "0", False), ("1", "1 day", False)])
def test_what_was_accepted_today_counts(
    database: TestDatabase, people: People, broken: Broken, amount: str, ago: str, material: bool
) -> None:
    broken.add("b", "6000")
    broken.add("c", "6000", state="accepted")
    with connected(database.service_url) as raw:
        raw.execute("UPDATE recon_store.breaks SET accepted_amount = %s WHERE id = 'c'", (amount,))
        raw.execute(
            "INSERT INTO recon_store.break_history (gateway, edition, id, seq, number, event, at, state, amount, cause,"
            " reason) VALUES ('g', 1, 'c', 1, 1, 'accept', now() - %s::interval, 'accepted', 1, 'x', '')",
            (ago,),
        )
    with connected(people.login("alice")) as alice:
        accept(alice, "b")
        if material:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="somebody else"):
                approve(alice, "b")
        else:
            approve(alice, "b")


def test_what_is_accepted_up_to_much_is_material(database: TestDatabase, people: People, broken: Broken) -> None:
    broken.add("b", "100")
    with connected(database.service_url) as raw:
        raw.execute("UPDATE recon_store.breaks SET proposal = %s WHERE id = 'b'", ('{"entry": "101"}',))
    with connected(people.login("alice")) as alice:
        accept(alice, "b")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="somebody else"):
            approve(alice, "b")


def digest_of(document: bytes) -> str:
    return hashlib.sha256(document).hexdigest()


def rules_in_log(database: TestDatabase) -> tuple[bytes | None, bytes | None]:
    lease = Lease(database.service_url, G, uuid4(), "first")
    assert lease.try_acquire()
    found = lease.log_state()
    lease.close()
    return found.rules, found.proposed_rules


def test_looser_rules_are_approved_by_a_login_of_one_s_own(database: TestDatabase, people: People) -> None:
    strict, lax, laxer = b'{"a":1}', b'{"a":2}', b'{"a":3}'
    assert rules_in_log(database) == (None, None)
    with connected(database.service_url) as shared, connected(people.login("alice")) as alice:
        put(shared, NewEvent(RULES, strict, now()))
        put(shared, NewEvent(RULES_PROPOSED, lax, now()))
        assert rules_in_log(database) == (strict, lax)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="approved by a person"):
            say(shared, "approve_rules", rules_digest=digest_of(lax))
        with pytest.raises(AppendRefused, match="that wait have the digest"):
            say(alice, "approve_rules", rules_digest=digest_of(strict))
        say(alice, "approve_rules", rules_digest=digest_of(lax))
        assert rules_in_log(database) == (lax, None)
        with pytest.raises(AppendRefused, match="none wait"):
            say(alice, "approve_rules", rules_digest=digest_of(lax))
        put(shared, NewEvent(RULES_PROPOSED, laxer, now()))
        say(shared, "reject_rules", rules_digest=digest_of(laxer))
        assert rules_in_log(database) == (lax, None)
        put(shared, NewEvent(RULES_PROPOSED, laxer, now()))
        put(shared, NewEvent(RULES, strict, now()))
        assert rules_in_log(database) == (strict, None)


def test_rules_are_not_rejected_and_approved_in_one_batch(database: TestDatabase, people: People) -> None:
    strict, lax = b'{"a":1}', b'{"a":2}'
    with connected(database.service_url) as shared, connected(people.login("alice")) as alice:
        put(shared, NewEvent(RULES, strict, now()))
        with pytest.raises(AppendRefused, match="none wait"):
            say(alice, "reject_rules")
        put(shared, NewEvent(RULES_PROPOSED, lax, now()))
        both = [{"action": action, "rules_digest": digest_of(lax)} for action in ("reject_rules", "approve_rules")]
        with pytest.raises(AppendRefused, match="alone in its batch"):
            record(alice, *both)
        assert rules_in_log(database) == (strict, lax)
