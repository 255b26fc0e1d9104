"""`recon venues`, and what `recon check-config` and `recon doctor` say of venues that are asked themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from recon.cli.checkup import of_venues
from recon.config import load_settings
from recon.db.engine import libpq_url
from recon.ledger.facts.venue_answer import HeldAmount
from recon.log.append import append
from recon.venues import checks
from recon.venues.answers import Asked, answer_event
from recon.venues.ccxt_client import CcxtClient
from tests.cli.conftest import Recon
from tests.cli.test_record import ACCOUNT, GATEWAY
from tests.conftest import TestDatabase
from tests.support.database_days import fold
from tests.support.fake_kraken import KEY, SECRET, FakeKraken, fake_kraken
from tests.support.fake_venue import hurried

PROBLEM = "kraken: asked for balances, the venue is in maintenance"
CONFIG = """
[gateways.{gateway}]
urls = ["ws://127.0.0.1:1/"]
[gateways.{gateway}.venues."{account}"]
exchange = "{exchange}"
api_key = "{key}"
secret = "{secret}"
ask = {ask}
url = "{url}"
"""


@pytest.fixture
def venue() -> Iterator[FakeKraken]:
    with fake_kraken() as served:
        served.balances = lambda: {"XXBT": "1.5", "ZUSD": "2"}
        yield served


def configured(tmp_path: Path, *, exchange: str = "kraken", ask: str = '["balances"]', url: str = "http://a/") -> Path:
    path = tmp_path / "recon.toml"
    told = {"gateway": GATEWAY, "account": ACCOUNT, "key": KEY, "secret": SECRET}
    path.write_text(CONFIG.format(exchange=exchange, ask=ask, url=url, **told), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("exchange", "ask", "words"),
    [
        ("krakken", '["balances"]', ("knows no venue 'krakken'", "kraken")),
        ("bitstamp", '["balances", "positions"]', ("cannot ask bitstamp for positions", "leave it out of ask")),
    ],
)
def test_settings_that_no_venue_fits_are_refused(
    recon: Recon, tmp_path: Path, exchange: str, ask: str, words: tuple[str, str]
) -> None:
    pytest.importorskip("ccxt")
    done = recon("check-config", "--config", str(configured(tmp_path, exchange=exchange, ask=ask)))
    assert done.status == 2
    said = " ".join(done.err.split())
    assert f'gateways.{GATEWAY}.venues."{ACCOUNT}"' in said
    assert all(each in said for each in words)


def test_the_doctor_asks_each_venue_and_looks_at_its_key(
    tmp_path: Path, venue: FakeKraken, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ccxt")
    monkeypatch.setattr(checks, "CcxtClient", lambda settings: hurried(CcxtClient(settings)))
    settings = load_settings(configured(tmp_path, url=venue.url), {})
    assert [(check.area, check.state, check.detail) for check in of_venues(settings)] == [
        (f"venue {ACCOUNT}", "ok", "the key may only read"),
        (f"venue {ACCOUNT}", "ok", "kraken tells 2 balances"),
    ]
    venue.rights = ("query-funds", "withdraw-funds")
    [check] = of_venues(settings)
    assert (check.state, "withdraw-funds" in check.detail) == ("failed", True)


@pytest.mark.postgres
def test_the_last_answer_of_each_question_is_shown_with_its_age(
    recon: Recon, day: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_CONFIG", str(configured(tmp_path)))
    now = datetime.now(UTC)
    good = Asked(ACCOUNT, "kraken", "balances", now - timedelta(minutes=20), now - timedelta(minutes=20))
    bad = good._replace(at=now, answered_at=now)
    told = [
        answer_event(good, amounts=[HeldAmount("DOGE", Decimal(3))]),
        answer_event(bad, problem=PROBLEM),
        answer_event(bad._replace(what="trades"), trades=2),
    ]
    with psycopg.connect(libpq_url(day.service_url)) as connection:
        append(connection, gateway=GATEWAY, writer=uuid4(), batch=1, now=now, events=told)
    fold(day.service_url, GATEWAY)
    first, second = recon("venues", "--json").json()
    assert (first["question"], first["amounts"], first["problem"]) == ("balances", 0, PROBLEM)
    assert first["answered_at"] == good.at.isoformat().replace("+00:00", "Z")
    assert (second["question"], second["trades"], second["problem"]) == ("trades", 2, None)
    assert "in maintenance" in recon("venues").out
