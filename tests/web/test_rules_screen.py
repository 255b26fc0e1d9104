"""Rules on the page: what waits is approved or rejected by a second person, as by `recon rules`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy import Engine

from recon.db.engine import libpq_url
from recon.db.roles import OPERATOR
from recon.ledger.rule_changes import rules_digest
from recon.ledger.rules import AccountRules, Rules, Tolerance
from recon.log.events import RULES, RULES_PROPOSED, NewEvent
from recon.testing.log import rules_payload
from tests.conftest import PERSON, TestDatabase
from tests.support.database_days import fold, write_events
from tests.support.page_client import secret_of, words_of
from tests.web.test_case_screen import PASSWORD, rows, visitor

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

GATEWAY = "prod-eu"
STRICT, LAX = (rules_payload(Rules(AccountRules(tolerance=Tolerance(usd=Decimal(usd))))) for usd in (1, 50_000))


@pytest.fixture
def waiting(database: TestDatabase) -> Iterator[TestDatabase]:
    """Looser rules that wait, and a person who may decide."""
    with psycopg.connect(libpq_url(database.superuser_url), autocommit=True) as raw:
        raw.execute(f"CREATE ROLE {PERSON} LOGIN PASSWORD '{PASSWORD}' IN ROLE {OPERATOR}".encode())
        propose(database, STRICT, RULES)
        propose(database, LAX, RULES_PROPOSED)
        yield database
        raw.execute(f"DROP ROLE {PERSON}".encode())


def propose(database: TestDatabase, document: bytes, kind: str) -> None:
    write_events(database.service_url, GATEWAY, [NewEvent(kind, document, datetime.now(UTC))])
    fold(database.service_url, GATEWAY)


async def test_rules_that_wait_are_approved_once_by_the_person_who_looks(waiting: TestDatabase, engine: Engine) -> None:
    form = {"gateway": GATEWAY, "digest": rules_digest(LAX), "sure": "yes"}
    async with visitor(waiting, engine) as somebody:
        shown = await somebody.get("/rules")
        assert "Rules of prod-eu wait for a second person" in words_of(shown)
        assert re.search(r'action="/rules/approve".*?name="digest" value="' + rules_digest(LAX), shown.text, re.DOTALL)
        then = await somebody.get("/rules?as_of=1s")
        assert 'method="post"' not in then.text
        form["csrf"] = secret_of(shown)
        for change, status, problem in (
            ({"csrf": "another"}, 400, "the form is not of this session"),
            ({"sure": ""}, 400, "the tick that says that you mean it is missing"),
            ({"digest": rules_digest(STRICT)}, 409, "that wait are others than were shown"),
        ):
            refused = await somebody.http.post("/rules/approve", data={**form, **change})
            assert (refused.status_code, problem in words_of(refused)) == (status, True), words_of(refused)
        refused = await somebody.http.post("/rules/reject", data=form)
        assert (refused.status_code, "the reason is missing" in words_of(refused)) == (400, True)
        assert (await somebody.http.post("/rules/approve", data=form)).headers["location"] == "/rules"
        after = await somebody.get("/rules")
        assert "Approved; they are in force. Event" in words_of(after)
        assert 'action="/rules/approve"' not in after.text
        again = await somebody.http.post("/rules/approve", data=form)
        assert (again.status_code, "none wait" in words_of(again)) == (409, True)
    assert rows(waiting, "SELECT action, login FROM recon.decisions") == [{"action": "approve_rules", "login": PERSON}]


async def test_rejected_rules_wait_no_more_and_who_only_reads_sees_the_commands(
    waiting: TestDatabase, engine: Engine
) -> None:
    async with visitor(waiting, engine, login=False) as reader:
        shown = await reader.get("/rules")
        assert 'action="/rules/' not in shown.text
        assert f"recon rules approve {rules_digest(LAX)[:10]}" in words_of(shown)
    form = {"gateway": GATEWAY, "digest": rules_digest(LAX), "text": "too wide for a desk"}
    async with visitor(waiting, engine) as somebody:
        form["csrf"] = secret_of(await somebody.get("/rules"))
        assert (await somebody.http.post("/rules/reject", data=form)).status_code == 303
        after = words_of(await somebody.get("/rules"))
    assert "Rejected; the rules in force stay. Event" in after
    assert "wait for a second person" not in after
