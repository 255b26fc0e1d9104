"""What a person sees and reaches: rows by keys on each screen, pop-ups within a telephone, words that are not torn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import TestDatabase
from tests.support.browser import browsing, page_in_a_thread, resize, wait_for
from tests.web.test_browser import GATEWAYS, focused, press

pytestmark = [pytest.mark.postgres, pytest.mark.filterwarnings("ignore::ResourceWarning")]

#: Each screen with rows that lead somewhere.
LISTS = ("/", "/breaks", "/units", "/log", "/search?q=ETH", "/units/prod-eu/BINANCE/ETH")
#: What a row's link leads to, and the boxes that reach out of the window.
_FIRST_LINK = "return document.querySelector('[data-row] a[href]').pathname"
_OUTSIDE = """
return [...document.querySelectorAll('.pop[open] > *:not(summary)')].filter(each => {
  const box = each.getBoundingClientRect();
  return box.left < 0 || box.right > document.documentElement.clientWidth + 0.5;
}).map(each => each.closest('.pop').id);
"""
#: Texts of a drawing that stand on another one of it.
_ON_EACH_OTHER = """
const texts = [...document.querySelectorAll('svg[role=img] text')].map(each => [each, each.getBoundingClientRect()])
  .filter(([_, box]) => box.width);
return texts.filter(([each, box], number) => texts.slice(number + 1).some(([other, its]) =>
  each.ownerSVGElement === other.ownerSVGElement && box.left < its.right - 1 && its.left < box.right - 1
  && box.top < its.bottom - 4 && its.top < box.bottom - 4)).map(([each]) => each.textContent);
"""


@pytest.fixture
def looked_at(day: TestDatabase) -> Iterator[tuple[Any, str]]:
    """A browser, and the page of a day with breaks."""
    with page_in_a_thread(day, GATEWAYS, reader_url=day.analyst_url) as address, browsing(address) as browser:
        yield browser, address


def test_rows_are_reached_and_opened_by_keys_on_each_screen(looked_at: tuple[Any, str]) -> None:
    browser, address = looked_at
    for path in LISTS:
        browser.get(f"{address}{path}")
        press(browser, "j")
        first = browser.find_elements("css selector", "[data-row]")[0].get_attribute("data-row")
        assert focused(browser).get_attribute("data-row") == first, path
        leads_to = browser.execute_script(_FIRST_LINK)
        press(browser, "o")
        wait_for(browser, lambda to=leads_to: to in browser.current_url, f"what the row of {path} leads to")
        browser.back()
        wait_for(browser, lambda back=path: browser.current_url == f"{address}{back}", "the way back")


def test_a_day_before_is_a_key_away(looked_at: tuple[Any, str]) -> None:
    browser, address = looked_at
    browser.get(f"{address}/close")
    earlier = browser.find_element("css selector", '[data-key-target="earlier"]').get_attribute("href")
    press(browser, "[")
    wait_for(browser, lambda: browser.current_url == earlier, "the day before")


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_a_pop_up_lies_within_the_window(looked_at: tuple[Any, str], width: int) -> None:
    browser, address = looked_at
    resize(browser, width)
    for path in ("/coverage", "/log/prod-eu/50", "/breaks"):
        for name in ("as-of", "saved", "sql"):
            browser.get(f"{address}{path}")
            browser.find_element("css selector", f"#{name} > summary").click()
            assert browser.execute_script(_OUTSIDE) == [], f"{name} of {path} at {width}"
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width, path
    sql = browser.find_element("id", "sql-text")
    assert sql.size["height"] <= 900, "its button is not a long way down"


def test_no_text_of_a_drawing_stands_on_another(looked_at: tuple[Any, str]) -> None:
    browser, address = looked_at
    browser.get(f"{address}/breaks")
    cases = {each.get_attribute("data-row") for each in browser.find_elements("css selector", "[data-row]")}
    assert cases
    torn = []
    for path in (*(f"/cases/{case}" for case in sorted(cases)), "/units/prod-eu/BINANCE/ETH"):
        browser.get(f"{address}{path}")
        for width in (390, 1280):
            resize(browser, width)
            torn += [(path, width, each) for each in browser.execute_script(_ON_EACH_OTHER)]
    assert torn == []
