"""The service's own log: in either format no local variable of a traceback, and no secret of the settings."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import httpx
import psycopg
import pytest
import structlog
import trio
import trio.testing

from recon.cli.failure import report
from recon.config import Log, load_settings, secrets_of
from recon.errors import DatabaseError
from recon.redaction import LAST_NET, Redactor
from recon.service.logging import configure_logging
from recon.service.status import StatusBoard
from recon.service.supervisor import supervise

KEY = "k-0123456789-very-secret"
PASSWORD = "pass-w0rd-of-the-database"
SIGNING = "bm9ib2R5IG1heSBrbm93IHRoaXM="
TOKEN = "T0KENT0KENT0KEN"
SECRETS = (KEY, PASSWORD, SIGNING, TOKEN)
#: A secret that no setting names, such as a header that was computed.
UNKNOWN = "header-of-a-request-made-of-nothing-known"
SETTINGS = {
    "RECON_DATABASE__URL": f"postgresql://recon_service:{PASSWORD}@db.example.com/recon",
    "RECON_GATEWAYS": json.dumps({"g": {"urls": ["ws://h/"], "auth": {"method": "header", "api_key": KEY}}}),
    "RECON_WEBHOOKS": json.dumps(
        {"ops": {"url": f"https://hooks.example.com/services/T1/B2/{TOKEN}", "secret": f"whsec_{SIGNING}"}}
    ),
}

Format = Literal["console", "json"]


@pytest.fixture(autouse=True)
def _process() -> Iterator[None]:
    """A process with these settings."""
    hook, thread_hook = sys.excepthook, threading.excepthook
    LAST_NET.know(secrets_of(load_settings(None, SETTINGS)))
    yield
    LAST_NET.know(())
    sys.excepthook, threading.excepthook = hook, thread_hook


def fail(header: str, dsn: str) -> None:
    """Fail with secrets in local variables, and with some in the text."""
    local = {"header": header, "dsn": dsn}
    raise ValueError(f"connection to {dsn} refused with {local['header'][:0]}{KEY}")


def caught() -> Exception:
    try:
        fail(UNKNOWN, SETTINGS["RECON_DATABASE__URL"])
    except ValueError as error:
        return error
    raise AssertionError


def assert_no_secret(text: str) -> None:
    for secret in (*SECRETS, UNKNOWN):
        assert secret not in text


@pytest.mark.parametrize("format_", ["console", "json"])
def test_a_traceback_shows_no_variable_and_no_secret(capsys: pytest.CaptureFixture[str], format_: Format) -> None:
    configure_logging(Log(level="debug", format=format_))
    log = structlog.get_logger("recon.test")
    log.error("it failed", exc_info=caught(), detail=f"token {TOKEN}")
    log.debug("a URL", url=SETTINGS["RECON_WEBHOOKS"])
    logging.getLogger("somebody").warning("a library said %s", KEY)
    try:
        fail(UNKNOWN, PASSWORD)
    except ValueError:
        logging.getLogger("somebody").exception("and failed")
    text = capsys.readouterr().err
    assert_no_secret(text)
    assert text.count("[redacted]") >= 5
    assert "connection to" in text
    assert "in fail" in text or '"name": "fail"' in text
    assert "locals" not in text
    if format_ == "json":
        assert [json.loads(line)["event"] for line in text.splitlines()][:2] == ["it failed", "a URL"]


FAULTS: dict[str, Exception] = {
    "consumer": httpx.ConnectError(f"cannot connect to wss://h/?apikey={KEY}"),
    "recorder": psycopg.OperationalError(f"password authentication failed: password={PASSWORD}"),
    "projector": ExceptionGroup("several", [ValueError("first: " + "".join(f"\\u{ord(c):04x}" for c in KEY))]),
    "recovery": KeyError(KEY),
    "alerts webhook:ops": RuntimeError(f"POST https://hooks.example.com/services/T1/B2/{TOKEN} {SIGNING}"),
    "status": DatabaseError(f"connection to {SETTINGS['RECON_DATABASE__URL']} refused"),
}


@pytest.mark.parametrize("part", FAULTS)
@pytest.mark.parametrize("format_", ["console", "json"])
@pytest.mark.trio
async def test_a_fault_of_any_part_tells_no_secret(
    capsys: pytest.CaptureFixture[str], autojump_clock: trio.testing.MockClock, part: str, format_: Format
) -> None:
    configure_logging(Log(level="debug", format=format_))
    board = StatusBoard(lambda: datetime(2026, 1, 5, tzinfo=UTC))

    async def run() -> None:
        header = UNKNOWN
        raise FAULTS[part] from ValueError(f"{header[:0]}{KEY} {PASSWORD} {SIGNING} {TOKEN}")

    with trio.move_on_after(1):
        await supervise(board, "g", part, run, draw=lambda: 1.0)
    text = capsys.readouterr().err
    assert "a part failed" in text
    (status,) = board.parts()
    assert (status.state, "[redacted]" in status.detail) == ("restarting", True)
    for said in (text, status.detail):
        assert_no_secret(said)
        assert Redactor([*SECRETS, UNKNOWN]).redact_text(said) == said


def test_a_command_that_fails_tells_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    for error in FAULTS.values():
        report(error, with_traceback=True)
        assert_no_secret(capsys.readouterr().err)


def test_what_ends_the_process_or_a_thread_passes_the_net_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log())
    error = caught()
    sys.excepthook(ValueError, error, error.__traceback__)
    threading.excepthook(threading.ExceptHookArgs((ValueError, error, error.__traceback__, None)))
    text = capsys.readouterr().err
    assert text.count("Traceback (most recent call last)") == 2
    assert_no_secret(text)


def test_urls_lose_their_credentials_also_unknown_ones() -> None:
    for said, shown in (
        ("at wss://eve:other@h/p", "at wss://eve:[redacted]@h/p"),
        ("GET https://h/p?a=1&apikey=abc&b=2", "GET https://h/p?a=1&apikey=[redacted]&b=2"),
        ("postgresql://a:b:c@h/d?password=x", "postgresql://a:[redacted]@h/d?password=[redacted]"),
        ("https://h:8443/path?seq=4", "https://h:8443/path?seq=4"),
        ("no url: key=abc", "no url: key=abc"),
    ):
        assert LAST_NET.clean(said) == shown
    large = "://" + "a" * 2_000_000
    assert LAST_NET.clean(large) == large


def test_each_secret_of_the_settings_is_known() -> None:
    found = secrets_of(load_settings(None, SETTINGS))
    assert set(SECRETS) <= set(found)
    assert "recon_service" not in found
    assert "services" not in found
