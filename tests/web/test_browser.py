"""The page in a browser: two people decide together, keys work, nothing overflows, and everybody can use it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from recon.db.engine import libpq_url
from recon.db.roles import OPERATOR
from recon.service.signalling import tell
from recon.simulator.scenarios import demo_plan
from recon.web import live
from recon.web.keys import KEYS
from tests.conftest import PERSON, SECOND_PERSON, TestDatabase
from tests.support.browser import browsing, chromium, log_in, page_in_a_thread, resize, serious, text_of, wait_for
from tests.support.database_days import write_day

pytestmark = [pytest.mark.postgres, pytest.mark.filterwarnings("ignore::ResourceWarning")]

GATEWAYS = ("prod-eu", "prod-us")
PASSWORD = "of one person"

BOB = SECOND_PERSON
SCREENS = ("/", "/breaks", "/units", "/coverage", "/log", "/alerts", "/rules", "/close", "/search?q=ETH", "/login")
WIDTHS = (360, 390, 700, 1020, 1280)


@pytest.fixture(scope="module")
def browser_is_here() -> None:
    chromium()


@pytest.fixture
def day(browser_is_here: None, database: TestDatabase) -> Iterator[TestDatabase]:
    with psycopg.connect(libpq_url(database.superuser_url), autocommit=True) as raw:
        for person in (PERSON, BOB):
            raw.execute(f"CREATE ROLE {person} LOGIN PASSWORD '{PASSWORD}' IN ROLE {OPERATOR}".encode())
        write_day(database.service_url, demo_plan(7, 40.0), on_transitions=tell)
        yield database
        for person in (PERSON, BOB):
            raw.execute(f"DROP ROLE {person}".encode())


def rows(database: TestDatabase, query: str, *values: object) -> list[dict[str, Any]]:
    with psycopg.connect(libpq_url(database.analyst_url), row_factory=dict_row) as raw:
        return raw.execute(query.encode(), values).fetchall()


def case_of(database: TestDatabase, account: str) -> str:
    query = "SELECT case_id FROM recon.breaks WHERE account = %s AND state = 'open' ORDER BY id LIMIT 1"
    return str(rows(database, query, account)[0]["case_id"])


def press(browser: Any, *keys: str) -> None:
    """Press keys where the focus is."""
    actions = pytest.importorskip("selenium.webdriver.common.action_chains").ActionChains(browser)
    for key in keys:
        actions.send_keys(key)
    actions.perform()


def focused(browser: Any) -> Any:
    return browser.switch_to.active_element


def test_what_is_material_is_proposed_by_one_person_and_approved_by_another(day: TestDatabase) -> None:
    case = case_of(day, "KRAKEN/JOHN")
    with page_in_a_thread(day, GATEWAYS) as address:
        with browsing(address) as alice:
            log_in(alice, address, PERSON, PASSWORD)
            alice.get(f"{address}/cases/{case}")
            press(alice, "p")
            wait_for(alice, lambda: focused(alice).get_attribute("name") == "evidence", "field of the evidence")
            focused(alice).send_keys("treasury wired 5 ETH, ticket OPS-412")
            keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
            actions = pytest.importorskip("selenium.webdriver.common.action_chains").ActionChains(alice)
            actions.key_down(keys.CONTROL).send_keys(keys.ENTER).key_up(keys.CONTROL).perform()
            wait_for(alice, lambda: "Proposed. Event" in text_of(alice), "proposal")
            assert "another login approves" in text_of(alice)
            (button,) = [each for each in alice.find_elements("tag name", "button") if each.text == "Approve"]
            assert not button.is_enabled(), "who proposed it may not approve it"
        with browsing(address) as bob:
            log_in(bob, address, BOB, PASSWORD)
            assert "approve" in text_of(bob), "it is the first thing on the overview"
            bob.find_element("css selector", ".todo a.btn-main").click()
            wait_for(bob, lambda: case in bob.current_url, "case")
            assert "OPS-412" in text_of(bob)
            press(bob, "y")
            wait_for(bob, lambda: focused(bob).get_attribute("name") == "sure", "confirmation")
            focused(bob).click()
            next(each for each in bob.find_elements("tag name", "button") if each.text == "Approve").click()
            wait_for(bob, lambda: "Approved. Event" in text_of(bob), "approval")
    (row,) = rows(day, "SELECT state, proposal ->> 'login' AS by FROM recon.breaks WHERE case_id = %s", case)
    assert row == {"state": "resolved", "by": PERSON}
    logins = rows(day, "SELECT action, login FROM recon.decisions ORDER BY seq")
    assert logins == [{"action": "propose", "login": PERSON}, {"action": "approve", "login": BOB}]


def test_each_key_does_what_the_list_says(day: TestDatabase) -> None:
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    case = case_of(day, "BINANCE")
    with page_in_a_thread(day, GATEWAYS) as address, browsing(address) as browser:
        log_in(browser, address, PERSON, PASSWORD)
        for letter, path in (("b", "/breaks"), ("u", "/units"), ("c", "/coverage"), ("l", "/log"), ("o", "/")):
            press(browser, "g", letter)
            wait_for(browser, lambda path=path: browser.current_url == f"{address}{path}", path)
        press(browser, "?")
        dialog = browser.find_element("id", "keys")
        wait_for(browser, lambda: dialog.get_attribute("open"), "list of keys")
        for key in KEYS:
            assert key.does in dialog.text
        press(browser, keys.ESCAPE)
        wait_for(browser, lambda: not dialog.get_attribute("open"), "end of the list of keys")
        browser.get(f"{address}/breaks")
        press(browser, "j", "j", "k", "j")
        listed = [each.get_attribute("data-row") for each in browser.find_elements("css selector", "[data-row]")]
        assert focused(browser).get_attribute("data-row") == listed[1]
        press(browser, "x")
        assert focused(browser).get_attribute("aria-selected") == "true"
        press(browser, "F")
        wait_for(browser, lambda: focused(browser).get_attribute("name") == "gateway", "filter")
        press(browser, keys.ESCAPE, "/")
        wait_for(browser, lambda: focused(browser).get_attribute("name") == "q", "search")
        press(browser, "j")
        assert focused(browser).get_attribute("value") == "j", "in a field a key is a letter"
        press(browser, keys.ESCAPE, "2")
        wait_for(browser, lambda: "view=needs" in browser.current_url, "second view")
        press(browser, "j", "o")
        wait_for(browser, lambda: "/cases/" in browser.current_url, "case of the row")
        browser.get(f"{address}/cases/{case}")
        for letter, name in (("a", "text"), ("c", "text"), ("e", "until"), ("p", "evidence")):
            press(browser, letter)
            wait_for(browser, lambda name=name: focused(browser).get_attribute("name") == name, f"field {name}")
            press(browser, keys.ESCAPE)
        press(browser, "s")
        wait_for(browser, lambda: browser.find_element("id", "sql-text").is_displayed(), "query")
        browser.get(f"{address}/breaks")
        press(browser, "j", "a")
        wait_for(browser, lambda: browser.current_url.endswith("#assign"), "form of the row's case")
    assert rows(day, "SELECT * FROM recon.decisions") == [], "nothing that writes happens on one key"


def test_rows_that_are_selected_are_decided_together_and_what_is_not_sent_is_undone(day: TestDatabase) -> None:
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    actions = pytest.importorskip("selenium.webdriver.common.action_chains").ActionChains
    case = case_of(day, "KRAKEN/JOHN")

    def selected(browser: Any) -> list[str]:
        found = browser.find_elements("css selector", '[data-row][aria-selected="true"]')
        return [each.get_attribute("data-row") for each in found]

    with page_in_a_thread(day, GATEWAYS) as address, browsing(address) as browser:
        log_in(browser, address, PERSON, PASSWORD)
        browser.get(f"{address}/breaks")
        bulk = browser.find_element("id", "bulk")
        assert not bulk.is_displayed(), "nothing is selected"
        press(browser, "j", "x")
        wait_for(browser, bulk.is_displayed, "form for what is selected")
        press(browser, "u")
        wait_for(browser, lambda: not bulk.is_displayed(), "end of the selection")
        assert selected(browser) == []
        press(browser, "j", "x", "j")
        actions(browser).key_down(keys.SHIFT).send_keys("x").key_up(keys.SHIFT).perform()
        chosen = selected(browser)
        assert len(chosen) == 2
        assert browser.find_element("id", "bulk-count").text == "2 selected"
        browser.find_elements("css selector", 'input[form="bulk"]')[2].click()
        press(browser, "a")
        wait_for(browser, lambda: focused(browser).get_attribute("name") == "to", "form to assign")
        chosen = selected(browser)
        assert len(chosen) == 3, "a tick selects its row, and keys go on working"
        actions(browser).key_down(keys.CONTROL).send_keys(keys.ENTER).key_up(keys.CONTROL).perform()
        wait_for(browser, lambda: "Assigned 3 of 3 cases." in text_of(browser), "results")
        assert len(browser.find_elements("css selector", ".results li")) == 3
        taken = rows(day, "SELECT DISTINCT case_id FROM recon.open_breaks WHERE assignee = %s", PERSON)
        assert {row["case_id"] for row in taken} == set(chosen)
        browser.get(f"{address}/cases/{case}")
        press(browser, "p")
        wait_for(browser, lambda: focused(browser).get_attribute("name") == "evidence", "field of the evidence")
        focused(browser).send_keys("half a thought")
        press(browser, keys.ESCAPE, "u")
        assert browser.find_element("name", "evidence").get_attribute("value") == ""
        press(browser, "i")
        details = browser.find_element("css selector", '[data-form="investigate"]')
        details.find_element("css selector", "button").click()
        wait_for(browser, lambda: "Undo: reopen" in text_of(browser), "way to undo")
        press(browser, "u")
        reopen = browser.find_element("css selector", '[data-form="reopen"]')
        wait_for(browser, lambda: reopen.get_attribute("open"), "form that undoes it")
        wait_for(browser, lambda: focused(browser).get_attribute("name") == "text", "its field")


def test_no_screen_is_wider_than_the_window(day: TestDatabase) -> None:
    case = case_of(day, "BINANCE")
    wide = []
    with page_in_a_thread(day, GATEWAYS, reader_url=day.analyst_url) as address, browsing(address) as browser:
        for path in (*SCREENS, f"/cases/{case}", "/units/prod-eu/BINANCE/ETH", "/log/prod-eu/50"):
            browser.get(f"{address}{path}")
            for width in WIDTHS:
                resize(browser, width)
                found = browser.execute_script("return document.documentElement.scrollWidth")
                if found > width:
                    wide.append((path, width, found))
    assert not wide, "\n".join(f"{path} is {found} wide at {width}" for path, width, found in wide)


def test_a_view_is_saved_by_name_in_the_browser_and_opened_from_another_screen(day: TestDatabase) -> None:
    with page_in_a_thread(day, GATEWAYS, reader_url=day.analyst_url) as address, browsing(address) as browser:
        browser.get(f"{address}/units?verdict=break")
        press(browser, "v")
        name = browser.find_element("id", "saved-name")
        wait_for(browser, name.is_displayed, "the views")
        name.send_keys("<i>broken</i>")
        browser.find_element("id", "saved-add").click()
        browser.get(f"{address}/log")
        press(browser, "v")
        (link,) = browser.find_elements("css selector", "#saved-list a")
        wait_for(browser, link.is_displayed, "the view")
        assert link.text == "<i>broken</i>"
        link.click()
        wait_for(browser, lambda: browser.current_url == f"{address}/units?verdict=break", "the view's address")
        press(browser, "v")
        browser.find_element("css selector", "#saved-list button").click()
        assert browser.find_elements("css selector", "#saved-list a") == []
        script = 'localStorage.setItem("recon_views", \'[{"name": "x", "address": "//elsewhere/"}, 3]\')'
        browser.execute_script(script)
        browser.get(f"{address}/log")
        assert browser.find_elements("css selector", "#saved-list li") == [], "only addresses of this page"


#: States that are shown beyond the right edge of the window, where a person would have to look for them.
_HIDDEN_STATES = """
return [...document.querySelectorAll('main .st')].filter(each => {
  const box = each.getBoundingClientRect();
  return box.width && box.right > document.documentElement.clientWidth + 0.5;
}).map(each => each.textContent.trim() + ' of ' + (each.closest('[data-row]')?.dataset.row || '?'));
"""


#: Tables that are wider than their room, by what they list.
_CUT_TABLES = """
return [...document.querySelectorAll('main .scroll')].filter(each => each.scrollWidth > each.clientWidth)
  .map(each => each.querySelector('[data-rows]')?.dataset.rows || 'a table');
"""


def test_on_a_telephone_states_are_seen_and_search_is_there(day: TestDatabase) -> None:
    case = case_of(day, "BINANCE")
    hidden = []
    with page_in_a_thread(day, GATEWAYS, reader_url=day.analyst_url) as address, browsing(address) as browser:
        resize(browser, 390)
        for path in (*SCREENS[:-1], f"/cases/{case}", "/units/prod-eu/BINANCE/ETH", "/units/prod-us/DERIBIT/ETH"):
            browser.get(f"{address}{path}")
            hidden += [(path, each) for each in browser.execute_script(_HIDDEN_STATES)]
            assert browser.find_element("css selector", "input[name=q]").is_displayed(), path
            if path.startswith("/units"):
                hidden += [(path, each) for each in browser.execute_script(_CUT_TABLES)]
    assert hidden == []


#: Texts of shown drawings that reach out of theirs.
_CUT_TEXTS = """
return [...document.querySelectorAll('svg[role=img] text')].filter(text => {
  const box = text.getBoundingClientRect(), all = text.closest('svg').getBoundingClientRect();
  return box.width && (box.right > all.right + 0.5 || box.left < all.left - 0.5);
}).map(text => text.textContent);
"""


def test_no_text_of_a_drawing_is_cut(day: TestDatabase) -> None:
    case = case_of(day, "BINANCE")
    units = [
        f"/units/{row['gateway']}/{row['account']}/{row['asset']}"
        for row in rows(day, "SELECT gateway, account, asset FROM recon.balances WHERE verdict IN ('break', 'stale')")
    ]
    assert len(units) > 3
    cut = []
    with page_in_a_thread(day, GATEWAYS, reader_url=day.analyst_url) as address, browsing(address) as browser:
        for path in ("/coverage", "/breaks", f"/cases/{case}", *units):
            browser.get(f"{address}{path}")
            for width in (390, 1280):
                resize(browser, width)
                cut += [(path, width, each) for each in browser.execute_script(_CUT_TEXTS)]
    assert cut == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_serious_keeps_anybody_out(day: TestDatabase, *, dark: bool) -> None:
    case = case_of(day, "BINANCE")
    with (
        page_in_a_thread(day, GATEWAYS, reader_url=day.analyst_url) as address,
        browsing(address, dark=dark) as browser,
    ):
        found = {path: _opened(browser, address, path) for path in SCREENS}
        log_in(browser, address, PERSON, PASSWORD)
        more = (f"/cases/{case}", "/units/prod-eu/BINANCE/ETH", "/breaks?account=NOBODY")
        found |= {path: _opened(browser, address, path) for path in more}
        press(browser, "?")
        found["keys"] = serious(browser)
    assert {path: problems for path, problems in found.items() if problems} == {}


def _opened(browser: Any, address: str, path: str) -> list[str]:
    browser.get(f"{address}{path}")
    return serious(browser)


def test_a_case_that_somebody_takes_up_changes_on_the_screens_of_others(
    day: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.3)
    case = case_of(day, "BINANCE")
    with (
        page_in_a_thread(day, GATEWAYS, reader_url=day.analyst_url) as address,
        browsing(address) as reader,
        browsing(address) as alice,
    ):
        reader.get(f"{address}/breaks")
        reader.execute_script("window.stays = true")
        log_in(alice, address, PERSON, PASSWORD)
        alice.get(f"{address}/cases/{case}")
        press(alice, "a")
        wait_for(alice, lambda: focused(alice).get_attribute("name") in {"to", "text"}, "form")
        next(each for each in alice.find_elements("css selector", "form button") if each.text == "Assign").click()
        wait_for(alice, lambda: "Assigned. Event" in text_of(alice), "assignment")
        row = f'[data-row="{case}"]'
        wait_for(reader, lambda: PERSON in reader.find_element("css selector", row).text, "change of the row")
        assert reader.execute_script("return window.stays"), "the row was replaced, not the page"


def test_a_screen_that_refuses_a_form_has_an_address_to_come_back_to(day: TestDatabase) -> None:
    case = case_of(day, "BINANCE")
    with page_in_a_thread(day, GATEWAYS) as address, browsing(address) as alice, browsing(address) as bob:
        for browser, login in ((alice, PERSON), (bob, BOB)):
            log_in(browser, address, login, PASSWORD)
            browser.get(f"{address}/cases/{case}")
        for browser, said in ((alice, "Assigned. Event"), (bob, "Nothing was written")):
            browser.execute_script("document.querySelector('[data-form=assign] form').submit()")
            wait_for(browser, lambda one=browser, told=said: told in text_of(one), said)
        assert bob.current_url == f"{address}/cases/{case}"
        bob.refresh()
        wait_for(bob, lambda: "Nothing was written" not in text_of(bob), "the case as it is now")
        assert PERSON in text_of(bob)


def test_a_page_that_hears_nothing_says_that_it_is_stale(day: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_SECONDS", 3600.0)
    with page_in_a_thread(day, GATEWAYS, reader_url=day.analyst_url) as address, browsing(address) as browser:
        browser.get(f"{address}/breaks")
        told = browser.find_element("id", "strip")
        wait_for(browser, lambda: "Nothing was heard from recon" in told.text, "word that it is stale")
        first = told.text
        assert re.search(r"Figures are \d+ s old", first)
        wait_for(browser, lambda: told.text != first, "an age that is counted on")
        assert "is-stale-data" in (browser.find_element("tag name", "main").get_attribute("class") or "")


def test_without_scripts_a_person_reads_filters_and_decides(day: TestDatabase) -> None:
    case = case_of(day, "BINANCE")
    with page_in_a_thread(day, GATEWAYS) as address, browsing(address, scripts=False) as browser:
        log_in(browser, address, PERSON, PASSWORD)
        browser.get(f"{address}/breaks?account=BINANCE")
        browser.find_element("css selector", f'[data-row="{case}"] a').click()
        assert case in browser.current_url
        browser.find_element("css selector", '[data-form="assign"] summary').click()
        next(each for each in browser.find_elements("css selector", "form button") if each.text == "Assign").click()
        assert "Assigned. Event" in text_of(browser)
        assert "(reload)" in browser.find_element("id", "strip").text or "stale" in browser.page_source
        browser.find_element("xpath", "//button[text()='Log out']").click()
        assert "/login" in browser.current_url
