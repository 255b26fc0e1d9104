"""What people read of a message: Apprise's receivers, and the service's own log."""

from __future__ import annotations

import sys

import pytest
import structlog

from recon.alerts.channels.alert_log import AlertLogSender
from recon.alerts.channels.apprise import open_apprise
from recon.alerts.channels.wording import MAX_ALERTS, words_of
from recon.alerts.message import Message
from recon.alerts.watch.alert import watch_signal
from recon.alerts.watch.decide import Notice, Watched
from recon.config import AlertLog, Apprise
from recon.errors import ConfigError
from tests.support.alert_rows import T0, Step, delivery_of, message_of


def of(steps: list[Step]) -> Message:
    return message_of(delivery_of([step.signal() for step in steps], "c"))


def down(*, over: bool) -> Message:
    watched = Watched("prod-eu", "gateway.down", "", T0, T0, True, T0, True, 1, "retrying: connection refused", None)
    return message_of(delivery_of([watch_signal(Notice(watched, over=over, at=T0), 7)], "c"))


def test_a_break_in_words() -> None:
    words = words_of(of([Step()]))
    assert words.title == "recon: break.opened on prod-eu"
    assert words.text.splitlines()[0] == (
        "KRAKEN/JOHN -10.5 ZUSD (-10.50 USD): unexplained, exact, high: no report, gap or race explains it"
    )
    assert "recon breaks --json" in words.text
    assert words.tone == "bad"


def test_many_alerts_are_counted() -> None:
    words = words_of(of([Step(break_id=f"b{number}") for number in range(MAX_ALERTS + 3)]))
    assert "and 3 more" in words.text
    assert words.text.count("KRAKEN/JOHN -10.5") == MAX_ALERTS


def test_what_recon_does_not_see_and_that_it_is_over() -> None:
    assert words_of(down(over=False)).text.startswith("retrying: connection refused")
    assert words_of(down(over=True)).text.startswith("over; it was retrying: connection refused")
    assert (words_of(down(over=False)).tone, words_of(down(over=True)).tone) == ("bad", "good")


@pytest.mark.trio
async def test_the_log_has_the_message_in_one_line_of_its_level() -> None:
    with structlog.testing.capture_logs() as written:
        await AlertLogSender("ops", AlertLog(level="error")).send(of([Step()]))
    (line,) = written
    assert line["log_level"] == "error"
    assert (line["gateway"], line["case"], line["event_type"]) == ("prod-eu", "c1", "break.opened")
    assert "ZUSD" in line["text"]


@pytest.mark.trio
async def test_without_the_library_the_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    receivers = {"ops": Apprise.model_validate({"url": "json://T0KEN@example.org"})}
    with pytest.raises(ConfigError, match=r"pip install 'recon\[apprise\]'"):
        async with open_apprise(receivers, lambda: T0):
            pass


@pytest.mark.trio
async def test_a_url_that_the_library_does_not_know_is_refused_without_being_quoted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pytest.importorskip("apprise")
    receivers = {"ops": Apprise.model_validate({"url": "nothing://T0KEN@example.org"})}
    with pytest.raises(ConfigError, match="knows no receiver") as caught:
        async with open_apprise(receivers, lambda: T0):
            pass
    assert "T0KEN" not in str(caught.value) + caplog.text
