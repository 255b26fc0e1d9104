"""Mappings of statements, and files of rules alone: what they may say, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recon.config import describe, load_settings
from recon.config.rule_files import load_rules
from recon.errors import ConfigError
from recon.ledger.rules import parse_rules

COLUMNS = 'columns = { time = "t", asset = "a", amount = "n" }'


def settings(tmp_path: Path, imports: str) -> Path:
    path = tmp_path / "recon.toml"
    path.write_text(f"[imports.ledger]\n{imports}\n", encoding="utf-8")
    return path


def test_a_mapping_is_read_and_shown(tmp_path: Path) -> None:
    given = f'{COLUMNS}\nkind = "deposit"\nzone = "Europe/London"\nassets = {{ XBT = "XXBT" }}'
    read = load_settings(settings(tmp_path, given), {})
    mapping = read.imports["ledger"]
    assert (mapping.kind, mapping.time_format, mapping.assets["XBT"]) == ("deposit", ("iso",), "XXBT")
    assert describe(read)["imports"]["ledger"]["zone"] == "Europe/London"  # type: ignore[index, call-overload]


def test_the_environment_gives_mappings_as_json() -> None:
    columns = {"time": "t", "asset": "a", "amount": "n"}
    given = json.dumps({"ledger": {"columns": columns, "kind": "fee"}})
    assert load_settings(None, {"RECON_IMPORTS": given}).imports["ledger"].kind == "fee"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (COLUMNS, "give kind for all rows"),
        (f'{COLUMNS}\ntypes = {{ d = "deposit" }}', "belong together"),
        ('columns = { time = "t" }\nkind = "deposit"', "columns.asset must be given"),
        ('columns = { time = "t" }\nkind = "trade"', "columns.symbol must be given"),
        ('columns = { time = "t", symbol = "s", side = "b", quantity = "q" }\nkind = "trade"', "columns.price"),
        (
            'kind = "trade"\ncolumns = { time = "t", symbol = "s", side = "b", quantity = "q", cash = "c", fee = "f" }',
            "fee_asset",
        ),
        (f'{COLUMNS}\nkind = "gift"', "kind"),
        (f'{COLUMNS}\nkind = "fee"\nzone = "Nowhere/Land"', "time zone"),
        (f'{COLUMNS}\nkind = "fee"\nencoding = "utf-99"', "encoding"),
        (f'{COLUMNS}\nkind = "fee"\ndelimiter = ";;"', "delimiter"),
        (f'{COLUMNS}\nkind = "fee"\nsigns = "by_type"', "unknown key"),
    ],
)
def test_a_mapping_that_contradicts_itself_is_refused(tmp_path: Path, given: str, words: str) -> None:
    with pytest.raises(ConfigError, match=r"imports\.ledger") as refused:
        load_settings(settings(tmp_path, given), {})
    assert words in str(refused.value)


def test_an_operator_of_its_own_is_a_secret(tmp_path: Path) -> None:
    url = "postgresql://alice:hunter2@db.example.com/recon"
    secret = tmp_path / "operator"
    secret.write_text(url + "\n", encoding="utf-8")
    read = load_settings(None, {"RECON_DATABASE__OPERATOR_URL_FILE": str(secret)})
    assert read.database.operator_url is not None
    assert read.database.operator_url.get_secret_value() == url
    shown = json.dumps(describe(read))
    assert "alice@db.example.com" in shown
    assert "hunter2" not in shown
    with pytest.raises(ConfigError, match="postgresql://"):
        load_settings(None, {"RECON_DATABASE__OPERATOR_URL": "mysql://x"})


def test_rules_alone_give_the_document_of_a_gateway(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(
        '[accounts]\nsettlement_window = "9s"\n'
        '[gateways.prod-eu.accounts."KRAKEN/JOHN"]\ntolerance = { absolute = "0.5" }\n',
        encoding="utf-8",
    )
    rules = load_rules(path)
    named = parse_rules(json.dumps(rules.document("prod-eu")).encode())
    assert (named.of("KRAKEN/JOHN").settlement_window_us, str(named.of("KRAKEN/JOHN").tolerance.absolute)) == (
        9_000_000,
        "0.5",
    )
    assert parse_rules(json.dumps(rules.document("prod-us")).encode()).of("any").settlement_window_us == 9_000_000


def test_the_rules_of_a_whole_settings_file_are_read_and_no_file_that_it_names_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "recon.toml"
    path.write_text(
        '[database]\nurl_file = "nowhere"\n[accounts]\nsettlement_window = "9s"\n'
        '[gateways.prod-eu]\nurls = ["wss://x/"]\nauth = { method = "header", api_key_file = "nowhere" }\n'
        '[webhooks.ops]\nurl = "https://h/"\nsecret_file = "nowhere"\n',
        encoding="utf-8",
    )
    rules = parse_rules(json.dumps(load_rules(path).document("prod-eu")).encode())
    assert rules.of("any").settlement_window_us == 9_000_000


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('[databse]\nurl = "postgresql://x:hunter2@y/z"\n', "databse: unknown key; did you mean database?"),
        ('[gateways.prod-eu]\nurl = ["wss://x/"]\n', "gateways.prod-eu.url: unknown key; did you mean urls?"),
        ("[acounts]\n", "acounts: unknown key; did you mean accounts?"),
        ('[gateways.prod-eu.accounts.A]\nsettlement_windw = "5s"\n', "did you mean settlement_window?"),
        ('[accounts]\nsettlement_window = "never"\n', "settlement_window"),
        ("[accounts", "not valid TOML"),
    ],
)
def test_slips_in_a_file_of_rules_are_named(tmp_path: Path, given: str, words: str) -> None:
    path = tmp_path / "other.toml"
    path.write_text(given, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_rules(path)
    assert words in str(refused.value)
    assert "hunter2" not in str(refused.value)
