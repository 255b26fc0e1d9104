"""The tables of receivers: what they hold is hidden, and known as secret to whatever cleans texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recon.config import describe, load_settings, secrets_of
from recon.errors import ConfigError

TOML = """
[webhooks.ops]
url = "https://hooks.example.com/services/T0KENT0KENT0KEN?key=QUERYT0KENT0KEN"
secret = "whsec_c2hhcmVkIGtleQ== whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
[commands.page]
command = ["/bin/page", "--token", "W0RDT0KEN"]
[apprise.mail]
url = "mailtos://someone:P%40SSW0RD@mail.example.com/CH4TT0KEN?to=ops@example.com"
[alertmanager.main]
url = "https://am.example.com/PATHT0KENT0KEN"
token_file = "token"
[pagerduty.desk]
url = "https://pd.example.com/PATHT0KENT0KEN2"
routing_key = "R0UT1NGKEY"
"""
SECRETS = (
    "T0KENT0KENT0KEN", "QUERYT0KENT0KEN", "c2hhcmVkIGtleQ==", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "P%40SSW0RD", "P@SSW0RD", "CH4TT0KEN", "PATHT0KENT0KEN", "PATHT0KENT0KEN2", "B34RER", "R0UT1NGKEY",
)  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("B34RER\n", encoding="utf-8")
    path = tmp_path / "recon.toml"
    path.write_text(TOML, encoding="utf-8")
    return path


def test_every_part_of_a_receiver_that_may_be_secret_is_known(config: Path) -> None:
    known = secrets_of(load_settings(config, {}))
    assert not [secret for secret in SECRETS if secret not in known]
    assert not {"ops", "https", "example.com", "to"} & set(known)


def test_what_is_shown_of_receivers_holds_no_secret(config: Path) -> None:
    shown = json.dumps(describe(load_settings(config, {})))
    assert not [secret for secret in (*SECRETS, "W0RDT0KEN") if secret in shown]
    for plain in ("https://hooks.example.com", "/bin/page", "https://am.example.com", "https://pd.example.com"):
        assert plain in shown


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('[webhooks.w]\nurl = "http://h.example.com/T0KEN"\nsecret = "whsec_c2hhcmVkIGtleQ=="\n', "allow_http = true"),
        ('[webhooks.w]\nurl = "https://h/"\nsecret = "whsk_T0KEN"\n', "must be"),
        ('[apprise.w]\nurl = "T0KEN"\n', "one URL of Apprise"),
        ('[apprise.w]\nurl = "json://T0KEN json://T0KEN"\n', "one URL of Apprise"),
        ('[alert_logs.w]\nlevel = "T0KEN"\n', "info"),
        ('[pagerduty.w]\nrouting_key_file = "nowhere"\n', "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_without_quoting_it(tmp_path: Path, table: str, says: str) -> None:
    path = tmp_path / "recon.toml"
    path.write_text(table, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {})
    assert says in str(caught.value)
    assert "T0KEN" not in str(caught.value)
