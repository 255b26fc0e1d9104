"""Settings as the text of a TOML file: what is read back is what was written."""

from __future__ import annotations

import tomllib

import pytest

from recon.config.toml_text import toml_text


def test_what_is_written_is_read_back_as_it_was() -> None:
    document = {
        "gateways": {
            "prod-eu": {
                "urls": ["ws://127.0.0.1:1/", "ws://b/"],
                "accounts": {"KRAKEN/JOHN": {"assets": {"USD": "ZUSD"}, "fees": [{"maker": "0.1", "side": "buy"}]}},
                "recovery": {"enabled": False, "history": True},
            },
            "a b": {"urls": []},
        },
        "webhooks": {"demo": {"secret": 'a"b\\c\n\x7f€😀'}},
        "accounts": {"settlement_window": "2s"},
        "service": {"shutdown_seconds": 10},
        "log": {},
    }
    assert tomllib.loads(toml_text(document)) == document


def test_a_value_beside_the_tables_is_refused() -> None:
    with pytest.raises(TypeError, match="gateways is no table"):
        toml_text({"gateways": "all"})
