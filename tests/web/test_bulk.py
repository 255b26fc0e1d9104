"""Several cases decided at once: each has its own result, and one that is refused stops no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine

from recon.db.engine import libpq_url
from recon.db.roles import OPERATOR
from recon.display.figures import figure
from recon.simulator.scenarios import demo_plan
from recon.web.case_forms import MOST_TICKED
from tests.conftest import PERSON, TestDatabase
from tests.support.database_days import write_day
from tests.support.page_client import Visitor, secret_of, words_of
from tests.web.test_case_screen import PASSWORD, do, rows, visitor

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

_TICK = re.compile(r'name="(case-[0-9a-f]+)" value="([0-9a-f]+)"')


@pytest.fixture
def day(database: TestDatabase) -> Iterator[TestDatabase]:
    """A day with breaks, and a person who may decide."""
    with psycopg.connect(libpq_url(database.superuser_url), autocommit=True) as raw:
        raw.execute(f"CREATE ROLE {PERSON} LOGIN PASSWORD '{PASSWORD}' IN ROLE {OPERATOR}".encode())
        write_day(database.service_url, demo_plan(7, 40.0))
        yield database
        raw.execute(f"DROP ROLE {PERSON}".encode())


async def ticks_of(somebody: Visitor) -> tuple[dict[str, str], str]:
    """Return the ticks of the list, and the secret of its forms."""
    page = await somebody.get("/breaks")
    return dict(_TICK.findall(page.text)), secret_of(page)


async def test_each_case_has_its_own_result_and_a_refused_one_stops_no_other(day: TestDatabase, engine: Engine) -> None:
    async with visitor(day, engine) as somebody:
        ticks, csrf = await ticks_of(somebody)
        changed, *others = [name.removeprefix("case-") for name in ticks]
        assert len(others) >= 2
        # Somebody takes one up after the list was shown.
        assert (await do(somebody, changed, "assign")).status_code == 303
        await somebody.get(f"/cases/{changed}")
        form = {
            **ticks,
            "csrf": csrf,
            "step": "propose",
            "evidence": "statement of the day",
            "back": "/breaks?view=needs",
        }
        answer = await somebody.http.post("/breaks/act", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/breaks?view=needs")
        shown = await somebody.get("/breaks?view=needs")
    said = words_of(shown)
    assert f"Proposed {len(others)} of {len(ticks)} cases. 1 refused." in said
    results = re.findall(r"<li>([^<]*)</li>", re.search(r'<ul class="results">.*?</ul>', shown.text, re.DOTALL)[0])  # type: ignore[index]
    assert len(results) == len(ticks)
    (refused,) = [each for each in results if "not written" in each]
    assert changed[:8] in refused
    assert "the case changed since it was shown" in refused
    states = {row["case_id"]: row["state"] for row in rows(day, "SELECT case_id, state FROM recon.cases")}
    assert states[changed] == "assigned"
    assert {states[each] for each in others} == {"proposed"}
    causes = rows(day, "SELECT DISTINCT cause = proposal ->> 'cause' AS own FROM recon.breaks WHERE state = 'proposed'")
    assert causes == [{"own": True}], "each by its own cause"
    assert {row["login"] for row in rows(day, "SELECT login FROM recon.decisions")} == {PERSON}


async def test_a_case_of_several_causes_is_named_by_all_and_proposed_by_none_of_its_own(
    day: TestDatabase, engine: Engine
) -> None:
    (case,) = rows(day, "SELECT case_id FROM recon.cases WHERE breaks = 2 AND open_breaks = 2 ORDER BY 1 LIMIT 1")
    id_ = case["case_id"]
    with psycopg.connect(libpq_url(day.superuser_url), autocommit=True) as raw:
        raw.execute(
            "UPDATE recon_store.breaks SET cause = 'interest' WHERE id ="
            " (SELECT id FROM recon.breaks WHERE case_id = %s ORDER BY after_seq DESC, id DESC LIMIT 1)",
            (id_,),
        )
    first, _ = (row["cause"] for row in rows(day, "SELECT cause FROM recon.breaks WHERE case_id = %s"
                                                  " ORDER BY after_seq, id", id_))  # fmt: skip
    async with visitor(day, engine) as somebody:
        ticks, csrf = await ticks_of(somebody)
        assert f"{first}, interest" in words_of(await somebody.get("/breaks"))
        page = await somebody.get(f"/cases/{id_}")
        assert '<select name="cause" required><option value="">which explains both legs at once?</option>' in page.text
        told = words_of(page)
        assert re.search(f"cause ({first}, interest|interest, {first}) certainty", told)
        tick = {f"case-{id_}": ticks[f"case-{id_}"]}
        form = {**tick, "csrf": csrf, "step": "propose", "evidence": "statement of the day", "back": "/breaks"}
        await somebody.http.post("/breaks/act", data=form)
        said = words_of(await somebody.get("/breaks"))
        assert f"its breaks have the causes {first} and interest: open it, and name one" in said
        assert rows(day, "SELECT 1 FROM recon.decisions") == []
        await somebody.http.post("/breaks/act", data={**form, "cause": "deposit"})
        assert "is a debit, and deposits are credits" in words_of(await somebody.get("/breaks"))
        assert rows(day, "SELECT 1 FROM recon.decisions") == [], "a deposit explains one leg alone"
        await somebody.http.post("/breaks/act", data={**form, "cause": "missed_fill"})
        assert "Proposed 1 of 1 case." in words_of(await somebody.get("/breaks"))


async def test_a_leg_that_is_over_is_no_part_of_what_is_proposed(day: TestDatabase, engine: Engine) -> None:
    (case,) = rows(day, "SELECT case_id FROM recon.cases WHERE breaks = 2 AND open_breaks = 2 ORDER BY 1 LIMIT 1")
    over, left = rows(day, "SELECT id, amount, unit, cause FROM recon.breaks WHERE case_id = %s"
                           " ORDER BY after_seq, id", case["case_id"])  # fmt: skip
    with psycopg.connect(libpq_url(day.superuser_url), autocommit=True) as raw:
        done = "UPDATE recon_store.breaks SET state = 'resolved', cause = 'deposit' WHERE id = %s"
        raw.execute(done.encode(), (over["id"],))
    async with visitor(day, engine) as somebody:
        page = await somebody.get(f"/cases/{case['case_id']}")
    assert f'<select name="cause"><option>{left["cause"]}</option>' in page.text
    assert f'<input value="{figure(left["amount"], signed=True).text} {left["unit"]}" readonly>' in page.text
    assert "one leg only" not in page.text


async def test_several_are_assigned_and_a_form_that_lacks_something_decides_nothing(
    day: TestDatabase, engine: Engine
) -> None:
    async with visitor(day, engine) as somebody:
        ticks, csrf = await ticks_of(somebody)
        base = {"csrf": csrf, "back": "//elsewhere"}
        for fields, problem in (
            ({"step": "assign"}, "no case is selected"),
            ({**ticks}, "say what to do with the selected cases"),
            ({**ticks, "step": "approve"}, "say what to do with the selected cases"),
            ({**ticks, "step": "propose"}, "the evidence is missing"),
            ({**ticks, "step": "accept", "until": "yesterday"}, "yesterday is no time ahead"),
            (
                {**{f"case-{number:064x}": "a" for number in range(MOST_TICKED + 1)}, "step": "assign"},
                f"at most {MOST_TICKED} at once",
            ),
        ):
            refused = await somebody.http.post("/breaks/act", data={**base, **fields})
            assert (refused.status_code, problem in words_of(refused)) == (400, True), words_of(refused)
        assert (await somebody.http.post("/breaks/act", data={**ticks, "step": "assign"})).status_code == 400, (
            "no secret"
        )
        assert rows(day, "SELECT * FROM recon.decisions") == []
        form = {**base, **ticks, "case-ff": "x", "step": "assign", "to": "desk"}
        answer = await somebody.http.post("/breaks/act", data=form)
        assert answer.headers["location"] == "/breaks"
        shown = await somebody.get("/breaks")
    assert f"Assigned {len(ticks)} of {len(ticks) + 1} cases." in words_of(shown)
    assert "case ff: not written. there is no such case" in words_of(shown)
    assert rows(day, "SELECT DISTINCT assignee FROM recon.open_breaks") == [{"assignee": "desk"}]


async def test_who_only_reads_selects_nothing(day: TestDatabase, engine: Engine) -> None:
    async with visitor(day, engine, login=False) as somebody:
        page = await somebody.get("/breaks")
        assert 'data-row="' in page.text
        assert "tickbox" not in page.text
        assert 'id="bulk"' not in page.text
        assert (await somebody.http.post("/breaks/act", data={"step": "assign"})).status_code in {400, 401}
