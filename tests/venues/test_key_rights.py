"""What each venue says that a key may do beyond reading."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from recon.venues.key_rights import RIGHTS


@pytest.mark.parametrize(
    ("venue", "answer", "excess"),
    [
        ("kraken", {"result": {"permissions": ["query-funds", "export-data", "access-websockets"]}}, []),
        ("kraken", {"result": {"permissions": ["query-funds", "modify-trades"]}}, ["modify-trades"]),
        ("kraken", {}, []),
        ("binance", {"enableReading": True, "ipRestrict": True, "enableFixReadOnly": True, "createTime": 1}, []),
        ("binance", {"enableReading": True, "enableWithdrawals": True, "enableFutures": False}, ["enableWithdrawals"]),
        ("bybit", {"result": {"readOnly": 1, "permissions": {"Spot": ["SpotTrade"]}}}, []),
        ("bybit", {"result": {"readOnly": 0, "permissions": {"Spot": ["SpotTrade"], "Wallet": []}}}, ["Spot"]),
        ("bybit", {"result": {"readOnly": 0}}, ["write"]),
        ("okx", {"data": [{"perm": "read_only"}]}, []),
        ("okx", {"data": [{"perm": "read_only,trade,withdraw"}]}, ["trade", "withdraw"]),
        ("coinbase", {"can_view": True, "can_trade": False, "can_transfer": True}, ["can_transfer"]),
    ],
)
def test_rights_beyond_reading(venue: str, answer: Mapping[str, object], excess: list[str]) -> None:
    assert RIGHTS[venue].read(answer) == excess


def test_the_library_has_each_question() -> None:
    ccxt = pytest.importorskip("ccxt")
    for venue, question in RIGHTS.items():
        assert callable(getattr(getattr(ccxt, venue)(), question.method, None)), venue
