from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from recon.backoff import Backoff
from recon.ems.credentials import Credentials
from recon.ems.protocol.session import Heartbeat, Heartbeats, Record, Session, Watchdog, failure_record
from tests.support.wire_messages import balance, encoded, report, server_info, steady

NOW = datetime(2024, 2, 23, 1, 13, 16, tzinfo=UTC)
KEY = "6c1f3c55-1111-4b62-9f0e-1e3e35c7f0aa"


class Bench:
    """A session with everything it needs, and a clock that is moved by hand."""

    def __init__(self, credentials: Credentials | None = None) -> None:
        self.at = 100.0
        self.heartbeats = Heartbeats()
        self.watchdog = Watchdog(10.0, self.at)
        redact = (credentials or Credentials()).redact
        self.session = Session("s-1", redact, self.heartbeats, self.watchdog)

    def frame(self, data: str | bytes) -> Record | None:
        return self.session.frame(data, NOW + timedelta(seconds=self.at - 100), self.at)


def test_a_frame_is_recorded_byte_for_byte_under_its_type() -> None:
    payload = encoded(balance())
    for data in (payload, payload.decode(), bytearray(payload)):
        assert Bench().frame(bytes(data) if isinstance(data, bytearray) else data) == Record(
            "BALANCE_UPDATE", "KRAKEN/JOHN", "s-1", NOW, payload
        )


def test_a_report_without_a_type_gets_one() -> None:
    message = report()
    del message["type"]
    record = Bench().frame(encoded(message))
    assert record is not None
    assert record.kind == "ORDER_EXEC_REPORT_UPDATE"


def test_what_the_protocol_does_not_know_is_a_frame() -> None:
    for data in (
        b"",
        b"\xff",
        "text",
        b"[]",
        b'{"type":"HELLO"}',
        encoded({"type": "ORDER_NEW_SINGLE_REQUEST"}),
    ):
        record = Bench().frame(data)
        assert record is not None
        assert record.kind == "frame"
        assert record.payload == (data.encode() if isinstance(data, str) else data)


def test_a_text_that_is_no_utf8_is_not_lost() -> None:
    record = Bench().frame("\ud800{}")
    assert record is not None
    assert (record.kind, record.payload) == ("frame", b"\xed\xa0\x80{}")


@steady
@given(st.binary() | st.text(alphabet=st.characters(codec=None)))
def test_any_frame_is_recorded(data: str | bytes) -> None:
    record = Bench().frame(data)
    assert record is not None
    if isinstance(data, bytes):
        assert record.redacted or record.payload == data


def test_a_credential_is_redacted_and_the_record_says_so() -> None:
    bench = Bench(Credentials("header", KEY))
    record = bench.frame(encoded(balance(note=f"key {KEY} seen", apikey="other")))
    assert record is not None
    assert record.redacted
    assert json.loads(record.payload)["note"] == "key [redacted] seen"
    assert json.loads(record.payload)["apikey"] == "[redacted]"


def test_unchanged_heartbeats_are_summed_up() -> None:
    bench = Bench()
    assert bench.frame(encoded(server_info())) is not None
    assert bench.heartbeats.take() == {}
    for second in range(1, 4):
        bench.at = 100.0 + second
        assert bench.frame(encoded(server_info(time=f"2024-02-23T01:13:{15 + second}.7500000Z"))) is None
    last = NOW + timedelta(seconds=3)
    assert bench.heartbeats.take() == {"KRAKEN/JOHN": Heartbeat(last, 3, 250_000, 103.0)}
    assert bench.heartbeats.take() == {}


def test_a_heartbeat_without_a_time_has_no_lag() -> None:
    bench = Bench()
    bench.frame(encoded(server_info()))
    assert bench.frame(encoded(server_info(time=None))) is None
    assert bench.heartbeats.take()["KRAKEN/JOHN"].lag_us is None


def test_a_heartbeat_that_says_something_new_is_recorded() -> None:
    bench = Bench()
    news: list[dict[str, object]] = [
        {},
        {"instance_guid": "other"},
        {"instance_guid": "other", "is_running": False},
        {"exchange_id": "BITMEX"},
    ]
    for change in news:
        record = bench.frame(encoded(server_info(**change)))
        assert record is not None
        assert record.kind == "SERVER_INFO"
        assert bench.frame(encoded(server_info(**change))) is None


def test_the_first_heartbeat_of_each_session_is_recorded() -> None:
    for _ in range(2):
        assert Bench().frame(encoded(server_info())) is not None


def test_a_heartbeat_of_nobody_is_always_recorded() -> None:
    bench = Bench()
    for _ in range(2):
        assert bench.frame(encoded(server_info(exchange_id=None))) is not None


def test_session_records_tell_where_and_why_but_no_secret() -> None:
    session = Bench(Credentials("query", KEY)).session
    url = f"wss://user:pass@ems.example.net:8443/feed?token={KEY}"
    opened = session.opened(NOW, url=url, site=1)
    assert (opened.kind, opened.session) == ("session.opened", "s-1")
    assert json.loads(opened.payload) == {"url": "wss://ems.example.net:8443/feed", "site": 1}
    closed = session.closed(NOW, url=url, site=1, reason="disconnected", code=1001, detail=f"bye {KEY}")
    assert closed.kind == "session.closed"
    assert json.loads(closed.payload) == {
        "url": "wss://ems.example.net:8443/feed",
        "site": 1,
        "reason": "disconnected",
        "code": 1001,
        "detail": "bye [redacted]",
    }
    failure = failure_record(NOW, Credentials().redact, url=url, site=0, reason="dns", detail="no such host")
    assert (failure.kind, failure.session) == ("session.failed", None)
    assert json.loads(failure.payload)["reason"] == "dns"


def test_who_is_silent() -> None:
    bench = Bench()
    bench.frame(encoded(server_info(exchange_id="A")))
    bench.frame(encoded(server_info(exchange_id="B")))
    bench.at = 108.0
    bench.frame(encoded(server_info(exchange_id="B")))
    assert bench.watchdog.silent_accounts(110.0) == ()
    assert bench.watchdog.silent_accounts(110.5) == ("A",)
    assert bench.watchdog.silent_accounts(120.0) == ("A", "B")


def test_a_session_stalls_only_when_nothing_comes() -> None:
    bench = Bench()
    assert not bench.watchdog.is_stalled(110.0)
    assert bench.watchdog.is_stalled(110.1)
    bench.at = 109.0
    bench.frame(encoded(balance()))
    assert not bench.watchdog.is_stalled(119.0)
    assert bench.watchdog.is_stalled(119.1)


@steady
@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=80))
def test_backoff_grows_to_its_cap_and_never_below_its_floor(draws: list[float]) -> None:
    given_draws = iter(draws)
    backoff = Backoff(0.5, 30.0, lambda: next(given_draws), floor=0.25)
    for number, draw in enumerate(draws):
        ceiling = min(30.0, 0.5 * 2.0 ** min(number, 30))
        assert backoff.next() == 0.25 + draw * (ceiling - 0.25)


def test_backoff_starts_anew() -> None:
    backoff = Backoff(1.0, 60.0, lambda: 0.5)
    assert [backoff.next() for _ in range(3)] == [0.5, 1.0, 2.0]
    backoff.reset()
    assert backoff.next() == 0.5
