"""The database itself lets nobody approve a material fact that he told, whatever his command line does."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from recon.db.engine import create_engine
from recon.errors import AppendRefused
from recon.ledger.facts.waiting import facts_digest
from recon.log.append import Appended
from recon.log.events import FACT, NewEvent
from recon.projection.step import step
from tests.conftest import TestDatabase
from tests.log.test_submit import G, People, Raw, connected, now, put, record, say

pytestmark = pytest.mark.postgres


@pytest.fixture
def people(database: TestDatabase) -> Iterator[People]:
    made = People(database)
    with connected(database.service_url) as raw:
        put(raw, NewEvent("frame", b"{}", now()))
    yield made
    made.leave()


def tell(raw: Raw, external_id: str = "W-1") -> int:
    fact = {"fact": "withdrawal", "account": "K", "external_id": external_id, "unit": "BTC", "amount": "-7"}
    return record(raw, fact | {"occurred_at": now().isoformat()}, kind=FACT, account="K").last_seq


def fold_now(database: TestDatabase) -> None:
    with create_engine(database.service_url, "test", pooled=False).begin() as connection:
        step(connection, G, None)


def approve(raw: Raw, *facts: object, action: str = "approve_facts") -> Appended:
    return say(raw, action, facts=facts, digest="d")


def test_who_told_a_fact_may_not_approve_it_but_somebody_else_may(people: People) -> None:
    with connected(people.login("alice")) as alice, connected(people.login("bob")) as bob:
        told = tell(alice)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"alice\S* told it: somebody else approves"):
            approve(alice, told)
        assert approve(bob, told).last_seq == told + 1


def test_of_several_facts_none_may_be_ones_own(people: People) -> None:
    with connected(people.login("alice")) as alice, connected(people.login("bob")) as bob:
        of_alice, of_bob = tell(alice, "W-1"), tell(bob, "W-2")
        for raw in (alice, bob):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="somebody else"):
                approve(raw, of_alice, of_bob)
        with connected(people.login("carol")) as carol:
            approve(carol, of_alice, of_bob)


def test_a_shared_login_approves_no_fact_under_any_name(database: TestDatabase, people: People) -> None:
    with connected(people.login("alice")) as alice, connected(database.service_url) as shared:
        for raw in (alice, shared):
            told = tell(raw, str(uuid4()))
            with pytest.raises(
                psycopg.errors.InsufficientPrivilege, match="recon_service is a login that people share"
            ):
                say(shared, "approve_facts", facts=[told], digest="d", name="Bob")


def test_anybody_rejects_a_fact_also_ones_own(database: TestDatabase, people: People) -> None:
    with connected(people.login("alice")) as alice, connected(database.service_url) as shared:
        told = tell(alice)
        approve(alice, told, action="reject_facts")
        approve(shared, told, action="reject_facts")


@pytest.mark.parametrize("facts", [(), (1,), (99,), ("2",), (-2,), (2.5,), (None,), (10**20,), tuple(range(1, 502))])
def test_what_is_no_list_of_facts_is_refused(people: People, facts: tuple[object, ...]) -> None:
    with connected(people.login("alice")) as alice, connected(people.login("bob")) as bob:
        tell(alice)
        with pytest.raises(AppendRefused, match="log position"):
            approve(bob, *facts)
        with pytest.raises(AppendRefused, match="log position"):
            say(bob, "reject_facts", digest="d")


def test_what_a_shared_login_told_is_approved_by_two_persons(database: TestDatabase, people: People) -> None:
    with connected(database.service_url) as shared, connected(people.login("alice")) as alice:
        put(shared, NewEvent("SERVER_INFO", b'{"type":"SERVER_INFO","exchange_id":"K","is_running":true}', now(), "K"))
        told = tell(shared)
        fold_now(database)
        (digest,) = alice.execute("SELECT digest FROM recon.waiting_facts").fetchone() or ("",)
        say(alice, "approve_facts", facts=[told], digest=facts_digest([(told, digest)]))
        fold_now(database)
        assert alice.execute("SELECT vouched_by FROM recon.waiting_facts").fetchone() == (people.logins[0],)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="told it: somebody else"):
            approve(alice, told)
        with connected(people.login("bob")) as bob:
            say(bob, "approve_facts", facts=[told], digest=facts_digest([(told, digest)]))
        fold_now(database)
        assert alice.execute("SELECT approved_by FROM recon.facts").fetchone() == (people.logins[1],)


def test_nobody_but_the_database_asks_who_told_a_fact(database: TestDatabase, people: People) -> None:
    for url in (database.service_url, people.login("alice")):
        for statement in (b"SELECT recon_store.tellers('g', '[1]')", b"SELECT recon_store.missing_fact('g', '[1]')"):
            with connected(url) as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(statement)


def test_an_operator_reads_what_waits(people: People) -> None:
    with connected(people.login("alice")) as raw:
        assert raw.execute("SELECT count(*) FROM recon.waiting_facts").fetchone() == (0,)
