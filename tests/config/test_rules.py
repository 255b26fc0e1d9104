"""The rules document: complete, canonical, merged key by key, and readable by the books."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recon.config import Settings, load_settings, rules_document
from recon.config.rule_files import load_rules
from recon.errors import ConfigError
from recon.ledger import rules as books

TEXT = """
[accounts]
settlement_window = "7s"
tolerance = { absolute = "0.50", usd = "1" }
assets = { XBT = "BTC", USD = "USD" }
trust_balance_manager = true

[accounts.units.USD]
quantum = "0.01"

[accounts.contracts.XBTUSD]
multiplier = "1"
kind = "inverse"

[gateways.g]
urls = ["wss://one.example.com/"]

[gateways.g.accounts."KRAKEN/JOHN"]
tolerance = { absolute = "1E-8" }
assets = { XBT = "XXBT" }
pools = [["XXBT", "XBT.F"]]
trust_balance_manager = false
position_mode = "hedge"

[gateways.g.accounts."KRAKEN/JOHN".units.USD]
tolerance = { relative = "0.001" }

[gateways.g.accounts."KRAKEN/JOHN".contracts.XBTUSD]
settlement_asset = "XBT"

[gateways.g.accounts.EMPTY]
"""

#: What both accounts of the text have from nobody: recon's own defaults.
OURS = {
    "fees": [],
    "learn_fees_up_to": "0.006",
    "funding": {"every_us": 28_800_000_000, "within_us": 900_000_000},
    "material_usd": "10000",
    "cutoff_minute": 0,
    "business_days": [0, 1, 2, 3, 4, 5, 6],
    "venue_account": None,
}

PEOPLE = """
[accounts]
fees = [{ instrument = "SPOT", taker = "0.004" }]
learn_fees_up_to = "0.01"
funding = { every = "4h", within = "5m" }
cutoff = "17:30"
business_days = ["fri", "mon"]

[gateways.g]
urls = ["wss://one.example.com/"]

[gateways.g.accounts.OWN]
fees = [
    { symbol = "XBT/USD", instrument = "SPOT", maker = "-0.0001", taker = "0.0026", asset = "quote" },
    { symbol = "XBT/USD", taker = "26E-4", asset = "received" },
    { maker = 0 },
]
learn_fees_up_to = "0"
funding = { every = "1h" }
material_usd = "2500.50"

[gateways.g.accounts.NONE]
fees = []
"""


#: Settings with the document that they have given since the first version, byte for byte.
FROZEN = json.loads((Path(__file__).parent / "rules_documents.json").read_text())


def document(text: str, place: Path, **environ: str) -> bytes:
    path = place / "recon.toml"
    path.write_text(text)
    found = rules_document(load_settings(path, environ), "g")
    return json.dumps(found, sort_keys=True).encode()


@pytest.mark.parametrize("example", FROZEN, ids=[example["name"] for example in FROZEN])
def test_the_same_settings_give_the_same_bytes_for_ever(example: dict[str, Any]) -> None:
    found = rules_document(Settings.model_validate(example["settings"]), "g")
    assert json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == example["document"]


def keys_of(document: object) -> object:
    if isinstance(document, dict):
        # Who has no off-exchange settlement, and no calendar of its own, has no key for it either.
        rare = {"off_exchange_settlement", "time_zone", "holidays", "ageing_us", "close_within_us"}
        rare |= {"require_source", "source_age_us"}
        kept = {key: value for key, value in document.items() if key not in rare or value}
        return {key: keys_of(value) for key, value in kept.items()}
    return [keys_of(element) for element in document] if isinstance(document, list) else None


@pytest.mark.parametrize("example", FROZEN, ids=[example["name"] for example in FROZEN])
def test_the_ledger_reads_every_key_that_the_settings_write(example: dict[str, Any]) -> None:
    """The tables of the settings and the structs of the ledger declare the same fields."""
    given = json.loads(example["document"])
    read = json.loads(msgspec.json.encode(books.parse_rules(example["document"].encode())))
    assert keys_of(read) == keys_of({key: value for key, value in given.items() if key != "rules"})


def test_everything_is_merged_and_filled_in(tmp_path: Path) -> None:
    found = json.loads(document(TEXT, tmp_path))
    assert found["rules"] == 1
    assert found["defaults"]["tolerance"] == {"absolute": "0.50", "relative": "0", "usd": "1"}
    assert found["defaults"]["pools"] == []
    john = found["accounts"]["KRAKEN/JOHN"]
    assert john == {
        "settlement_window_us": 7_000_000,
        "tolerance": {"absolute": "0.00000001", "relative": "0", "usd": "1"},
        "assets": {"USD": "USD", "XBT": "XXBT"},
        "pools": [["XXBT", "XBT.F"]],
        "units": {
            "USD": {
                "tolerance": {"absolute": "0.00000001", "relative": "0.001", "usd": "1"},
                "quantum": "0.01",
            }
        },
        "contracts": {
            "XBTUSD": {
                "multiplier": "1",
                "kind": "inverse",
                "settlement_asset": "XBT",
                "realised": None,
                "realised_at": None,
                "method": None,
                "balance_includes_unrealised": None,
                "order_unit": None,
                "position_unit": None,
            }
        },
        "position_mode": "hedge",
        "trust_balance_manager": False,
        **OURS,
    }


def test_an_account_that_says_nothing_has_the_defaults(tmp_path: Path) -> None:
    found = json.loads(document(TEXT, tmp_path))
    assert found["accounts"]["EMPTY"] == found["defaults"]


def test_without_a_word_the_defaults_are_ours(tmp_path: Path) -> None:
    found = json.loads(document('[gateways.g]\nurls = ["ws://h/"]\n', tmp_path))
    assert found["defaults"] == {
        "settlement_window_us": 5_000_000,
        "tolerance": {"absolute": "0", "relative": "0", "usd": "0"},
        "assets": {},
        "pools": [],
        "units": {},
        "contracts": {},
        "position_mode": None,
        "trust_balance_manager": False,
        **OURS,
    }
    assert found["recovery"] == {"enabled": True, "history": True}
    assert books.parse_rules(json.dumps(found).encode()) == books.Rules(
        recovery=books.RecoveryRules(enabled=True, history=True)
    )


def test_recovery_and_the_venue_s_own_name_of_an_account(tmp_path: Path) -> None:
    found = json.loads(
        document(
            """
            [gateways.g]
            urls = ["ws://h/"]
            recovery = { enabled = false, history = false }
            [gateways.g.accounts."KRAKEN/JOHN"]
            venue_account = "U-4711"
            """,
            tmp_path,
        )
    )
    assert found["recovery"] == {"enabled": False, "history": False}
    assert found["defaults"]["venue_account"] is None
    assert books.parse_rules(json.dumps(found).encode()).of("KRAKEN/JOHN").venue_account == "U-4711"


def test_an_off_exchange_settlement_stands_in_the_document_only_where_it_is_set(tmp_path: Path) -> None:
    text = f"{PEOPLE}\n[gateways.g.accounts.CUSTODY]\noff_exchange_settlement = {{ every = '4h' }}\n"
    found = json.loads(document(text, tmp_path))
    own = {"every_us": 14_400_000_000, "within_us": 900_000_000}
    assert found["accounts"]["CUSTODY"] == found["defaults"] | {"off_exchange_settlement": own}
    assert "off_exchange_settlement" not in found["defaults"]
    rules = books.parse_rules(json.dumps(found).encode())
    assert rules.of("CUSTODY").off_exchange_settlement == books.OffExchangeSettlement(14_400_000_000, 900_000_000)
    assert rules.of("OWN").off_exchange_settlement is None


def test_fees_funding_materiality_and_business_days(tmp_path: Path) -> None:
    found = json.loads(document(PEOPLE, tmp_path))
    own, defaults = found["accounts"]["OWN"], found["defaults"]
    assert own["fees"] == [
        {"symbol": "XBT/USD", "instrument": "SPOT", "maker": "-0.0001", "taker": "0.0026", "asset": "quote"},
        {"symbol": "XBT/USD", "instrument": None, "maker": None, "taker": "0.0026", "asset": "received"},
        {"symbol": None, "instrument": None, "maker": "0", "taker": None, "asset": "quote"},
    ]
    assert own["learn_fees_up_to"] == "0"
    assert own["funding"] == {"every_us": 3_600_000_000, "within_us": 900_000_000}
    assert own["material_usd"] == "2500.50"
    assert (own["cutoff_minute"], own["business_days"]) == (17 * 60 + 30, [0, 4])
    assert defaults["fees"] == [
        {"symbol": None, "instrument": "SPOT", "maker": None, "taker": "0.004", "asset": "quote"}
    ]
    assert defaults["funding"] == {"every_us": 14_400_000_000, "within_us": 300_000_000}
    assert found["accounts"]["NONE"] == defaults | {"fees": []}, "a list replaces the list above it, an empty one too"

    rules = books.parse_rules(json.dumps(found).encode()).of("OWN")
    assert [rule.taker for rule in rules.fees] == [Decimal("0.0026"), Decimal("0.0026"), None]
    assert (rules.learn_fees_up_to, rules.material_usd) == (Decimal(0), Decimal("2500.50"))
    assert rules.funding == books.Funding(3_600_000_000, 900_000_000)
    assert (rules.cutoff_minute, rules.business_days) == (1050, (0, 4))


def test_the_same_settings_give_the_same_bytes(tmp_path: Path) -> None:
    first = document(TEXT, tmp_path)
    assert first == document(TEXT, tmp_path)
    assert first == document(TEXT.replace('"7s"', '"7000ms"').replace('"1E-8"', '"0.00000001"'), tmp_path)
    reordered = TEXT.replace('XBT = "BTC", USD = "USD"', 'USD = "USD", XBT = "BTC"')
    assert first == document(reordered, tmp_path)


def test_another_rule_gives_other_bytes_and_what_decides_nothing_does_not(tmp_path: Path) -> None:
    first = document(TEXT, tmp_path)
    assert first != document(TEXT, tmp_path, RECON_ACCOUNTS='{"settlement_window": "8s"}')
    assert first == document(TEXT, tmp_path, RECON_LOG__LEVEL="debug")


def test_the_books_read_it(tmp_path: Path) -> None:
    rules = books.parse_rules(document(TEXT, tmp_path))
    john = rules.of("KRAKEN/JOHN")
    assert john.tolerance_of("XXBT").absolute == Decimal("0.00000001")
    assert john.tolerance_of("USD").relative == Decimal("0.001")
    assert john.quantum_of("USD") == Decimal("0.01")
    assert john.contracts["XBTUSD"].settlement_asset == "XBT"
    assert rules.of("NOT/LISTED") == rules.defaults


def test_an_unknown_gateway_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recon.toml"
    path.write_text(TEXT)
    with pytest.raises(ConfigError, match="no gateway nowhere"):
        rules_document(load_settings(path, {}), "nowhere")


def test_a_file_of_rules_names_no_account_for_all_either(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('[accounts]\nvenue_account = "U-1"\n')
    with pytest.raises(ConfigError, match="venue_account names one account"):
        load_rules(path)
