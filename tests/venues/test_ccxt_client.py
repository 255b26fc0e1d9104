"""The library's own ways, over a real socket: errors in our words, no key anywhere, bounds, and exact numbers."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from recon.errors import ConfigError, VenueError
from recon.venues import library
from recon.venues.ccxt_client import CcxtClient
from recon.venues.library import exchange_of
from tests.support.fake_kraken import KEY, SECRET, FakeKraken, fake_kraken
from tests.support.fake_venue import hurried, venue_settings

pytest.importorskip("ccxt")

BALANCES = "/0/private/BalanceEx"


@pytest.fixture
def venue() -> Iterator[FakeKraken]:
    with fake_kraken() as served:
        served.balances = lambda: {"XXBT": "1.5"}
        yield served


@pytest.fixture
def client(venue: FakeKraken) -> Iterator[CcxtClient]:
    made = hurried(CcxtClient(venue_settings(venue.url)))
    made.prepare()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("trouble", "words", "transient"),
    [
        (503, "the venue is not available", True),
        (429, "slow down", True),
        (404, "the venue is not available", True),
        ("EAPI:Invalid key", "refuses the key: check api_key", False),
        ("EAPI:Rate limit exceeded", "slow down", True),
        ("EGeneral:Permission denied", "may not read it", False),
        ("EAPI:Invalid nonce", "refuses its time", True),
        ("EQuery:Unknown asset pair", "refuses the question", False),
    ],
)
def test_an_error_is_said_in_our_words_and_shows_no_secret(
    venue: FakeKraken, client: CcxtClient, trouble: int | str, words: str, *, transient: bool
) -> None:
    venue.troubles[BALANCES] = [trouble]
    with pytest.raises(VenueError, match=words) as raised:
        client.balances()
    error = raised.value
    assert str(error).startswith("kraken: asked for balances, ")
    assert error.transient is transient
    assert (error.__cause__, error.__context__) == (None, None)
    text = "".join(traceback.format_exception(error)) + repr(client) + repr(error.__traceback__)
    for secret in (KEY, SECRET, "EAPI", "API-Sign"):
        assert secret not in text


def test_a_venue_that_is_away_may_come_back() -> None:
    with fake_kraken() as venue:
        url = venue.url
    with pytest.raises(VenueError, match="cannot be reached") as raised:
        CcxtClient(venue_settings(url)).prepare()
    assert raised.value.transient


@pytest.mark.parametrize(
    "body", [b'{"error":[],"result":{"XXBT":{"balance":NaN}}}', b"<html>", b"", b'{"error":[]', b"[]"]
)
def test_what_is_no_answer_is_no_balance(venue: FakeKraken, client: CcxtClient, body: bytes) -> None:
    venue.bodies[BALANCES] = body
    try:
        assert client.balances() == []
    except VenueError as error:
        assert str(error).startswith("kraken: ")  # noqa: PT017 - either is right


def test_numbers_of_json_are_taken_by_their_digits(venue: FakeKraken, client: CcxtClient) -> None:
    venue.bare = True
    venue.balances = lambda: {"XXBT": "0.1000000000000000055511", "ZUSD": "98765432109.87654321"}
    assert {each.unit: str(each.amount) for each in client.balances()} == {
        "BTC": "0.1000000000000000055511",
        "USD": "98765432109.87654321",
    }


def test_a_number_that_the_library_made_a_float_of_is_refused(
    client: CcxtClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client._exchange, "fetch_balance", lambda _: {"total": {"BTC": 0.1}})
    with pytest.raises(VenueError, match="the balance of BTC is told as a binary float"):
        client.balances()


def test_wallets_are_summed_up_and_codes_are_mapped(venue: FakeKraken) -> None:
    made = hurried(CcxtClient(venue_settings(venue.url, wallets=["spot", "funding"], assets={"BTC": "XXBT"})))
    assert [(each.unit, str(each.amount)) for each in made.balances()] == [("XXBT", "3.0")]


def test_an_answer_is_bounded(venue: FakeKraken, client: CcxtClient, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded = client._exchange.session
    monkeypatch.setattr(bounded, "_max_bytes", 100)
    venue.bodies[BALANCES] = b'{"error":[],"result":{' + b" " * 200 + b"}}"
    with pytest.raises(VenueError, match="its answer has more than 100 bytes"):
        client.balances()
    monkeypatch.setattr(bounded, "_max_bytes", 1000)
    monkeypatch.setattr(bounded, "_answer_seconds", -1.0)
    with pytest.raises(VenueError, match="its answer took longer than") as raised:
        client.balances()
    assert raised.value.transient


def test_only_questions_that_read_are_asked(venue: FakeKraken, client: CcxtClient) -> None:
    client.balances()
    client.trades(None, datetime(2026, 1, 5, tzinfo=UTC))
    assert set(venue.asked) == {
        "/0/public/Assets", "/0/public/AssetPairs", "/0/private/GetApiKeyInfo", BALANCES, "/0/private/TradesHistory",
    }  # fmt: skip


def test_the_library_logs_nothing(venue: FakeKraken, client: CcxtClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.balances()
    assert [record.name for record in caplog.records] == []


def test_an_unknown_venue_is_named_with_the_nearest_and_a_missing_library_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigError, match=r"knows no venue 'krakken'.*kraken"):
        exchange_of("krakken", {})
    monkeypatch.setattr(library, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'recon\[venues\]'"):
        exchange_of("kraken", {})


def test_the_library_rests_between_questions_and_that_is_no_time_of_an_answer(
    venue: FakeKraken, client: CcxtClient
) -> None:
    assert vars(CcxtClient(venue_settings())._exchange)["enableRateLimit"] is True
    vars(client._exchange).update(enableRateLimit=True, rateLimit=20)
    began = time.monotonic()
    client.balances()
    assert 0 < client.took < time.monotonic() - began


def test_the_library_is_imported_only_where_a_venue_is_named() -> None:
    code = "import sys, recon.venues.checks, recon.venues.agent; assert not {'ccxt', 'requests'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)  # noqa: S603 - our own Python
