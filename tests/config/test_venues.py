"""`[gateways.NAME.venues.ACCOUNT]`: what it takes, what it refuses, and that its secrets are kept."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from recon.config import Settings, describe, load_settings, secrets_of
from recon.errors import ConfigError

HEAD = '[gateways.eu]\nurls = ["ws://127.0.0.1:1/"]\n[gateways.eu.venues."KRAKEN/JOHN"]\n'
KEYS = 'api_key = "kr-key-12345"\nsecret = "kr-secret-12345"\n'


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "recon.toml"
    file.write_text(HEAD + text, encoding="utf-8")
    return load_settings(file, {})


def test_a_venue_needs_little_and_asks_for_balances_each_quarter_of_an_hour(tmp_path: Path) -> None:
    settings = load(tmp_path, 'exchange = "kraken"\n' + KEYS)
    venue = settings.gateways["eu"].venues["KRAKEN/JOHN"]
    assert (venue.ask, venue.every, venue.complete) == (("balances",), timedelta(minutes=15), False)
    assert {"kr-key-12345", "kr-secret-12345"} <= set(secrets_of(settings))
    assert "12345" not in json.dumps(describe(settings))


def test_secrets_may_be_files_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("kr-key-67890\n", encoding="utf-8")
    (tmp_path / "secret").write_text("kr-secret-67890\n", encoding="utf-8")
    settings = load(tmp_path, 'exchange = "kraken"\napi_key_file = "key"\nsecret_file = "secret"\n')
    venue = settings.gateways["eu"].venues["KRAKEN/JOHN"]
    assert venue.api_key is not None
    assert venue.api_key.get_secret_value() == "kr-key-67890"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('exchange = "kraken"\n', "api_key or api_key_file must be given"),
        ('exchange = "kraken"\napi_key = "kr-key-12345"\n', "secret or secret_file must be given"),
        ('exchange = "Kraken!"\n' + KEYS, "exchange"),
        ('exchange = "kraken"\nevery = "30s"\n' + KEYS, "at least 1m and at most 1d"),
        ('exchange = "kraken"\nlook_back = "40d"\n' + KEYS, "at most 30d"),
        ('exchange = "kraken"\nask = []\n' + KEYS, "ask"),
        ('exchange = "kraken"\nask = ["orders"]\n' + KEYS, "ask"),
        ('exchange = "kraken"\nask = ["trades", "trades"]\n' + KEYS, "stands twice"),
        ('exchange = "kraken"\napi_key = "abc"\nsecret = "kr-secret-12345"\n', "cannot be kept secret"),
        ('exchange = "kraken"\nintervall = "5m"\n' + KEYS, "intervall"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_a_value(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as raised:
        load(tmp_path, text)
    assert "12345" not in str(raised.value)
