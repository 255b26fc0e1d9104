"""Chromium without a window, for the tests of the page; tests that need it are skipped where it is not."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from recon.clock import utc_now
from recon.config.web import Web
from recon.db.engine import create_engine
from recon.db.transactions import ThreadedDatabase
from recon.web.serving import WebSetup, serve_people
from tests.conftest import TestDatabase
from tests.support.database_days import fold

AXE = Path(__file__).parents[1] / "web" / "axe" / "axe.min.js"
#: Longest wait for something to appear, in seconds.
PATIENCE = 20.0


def chromium() -> tuple[str, str]:
    """Return the browser and its driver, or skip the test."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("no chromium with chromedriver is here")
    return browser, driver


@contextmanager
def browsing(address: str, width: int = 1280, *, dark: bool = False, scripts: bool = True) -> Iterator[Any]:
    """Open a browser; give its driver."""
    webdriver = pytest.importorskip("selenium.webdriver")
    service = pytest.importorskip("selenium.webdriver.chrome.service")
    binary, driver = chromium()
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    browser = webdriver.Chrome(options=options, service=service.Service(driver))
    try:
        resize(browser, width)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        browser.implicitly_wait(0)
        browser.get(f"{address}/login")
        yield browser
    finally:
        browser.quit()


def resize(browser: Any, width: int, height: int = 900) -> None:
    """Make the window so large; a window of the desktop cannot be as narrow as a telephone."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def log_in(browser: Any, address: str, login: str, password: str) -> None:
    browser.get(f"{address}/login")
    fields = {name: browser.find_element("name", name) for name in ("login", "password")}
    fields["login"].send_keys(login)
    fields["password"].send_keys(password)
    browser.find_element("css selector", "button.btn-main").click()
    wait_for(browser, lambda: "/login" not in browser.current_url, "a login")


def wait_for(browser: Any, condition: Any, what: str) -> Any:
    """Wait until a condition holds, and return what it gave; the page may be drawn anew while it is asked."""
    support = pytest.importorskip("selenium.webdriver.support.ui")
    stale = pytest.importorskip("selenium.common.exceptions").StaleElementReferenceException
    waiting = support.WebDriverWait(browser, PATIENCE, 0.05, ignored_exceptions=(stale,))
    return waiting.until(lambda _: condition(), f"no {what}")


def text_of(browser: Any) -> str:
    return str(browser.find_element("tag name", "main").text)


def serious(browser: Any) -> list[str]:
    """Return what axe-core finds that is serious or worse, in a line each."""
    # The policy of the page forbids scripts of others; a driver evaluates beside it.
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    script = (
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then((r) => done(r.violations))"
    )
    found = browser.execute_async_script(script)
    return [
        f"{each['id']} ({each['impact']}): {node['html'][:160]}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"][:3]
    ]


@contextmanager
def page_in_a_thread(database: TestDatabase, gateways: tuple[str, ...], **settings: Any) -> Iterator[str]:
    """Serve the page, and fold what is decided on it, beside a test that drives a browser; give the address."""
    started = threading.Event()
    told: list[str] = []
    stop: list[tuple[trio.lowlevel.TrioToken, trio.CancelScope]] = []
    engine = create_engine(database.service_url, "test", pool_size=2)

    async def folding() -> None:
        while True:
            for gateway in gateways:
                await trio.to_thread.run_sync(fold, database.service_url, gateway)
            await trio.sleep(0.1)

    async def serve() -> None:
        web = Web.model_validate({"listen": "127.0.0.1:0", **settings})
        setup = WebSetup(ThreadedDatabase(engine, 2), database.service_url, web, gateways, utc_now)
        async with trio.open_nursery() as nursery:
            stop.append((trio.lowlevel.current_trio_token(), nursery.cancel_scope))
            told.extend(await nursery.start(serve_people, setup))
            nursery.start_soon(folding)
            started.set()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    try:
        assert started.wait(PATIENCE)
        yield told[0]
    finally:
        token, scope = stop[0]
        token.run_sync_soon(scope.cancel)
        thread.join()
        engine.dispose()
