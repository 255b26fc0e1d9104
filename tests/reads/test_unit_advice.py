"""Why a unit is not judged, and the lines to paste: only names that the gateway sent, and text that TOML reads back."""

from __future__ import annotations

import tomllib
from decimal import Decimal

import pytest

from recon.config.accounts import ContractTerms
from recon.exact import ONE
from recon.reads.unit_advice import advise, advise_then


def _row(asset: str, verdict: str = "agreed", reported: Decimal | None = ONE, **more: object) -> dict[str, object]:
    row: dict[str, object] = {"gateway": "prod-eu", "account": "KRAKEN/JOHN", "asset": asset, "asset_coinapi": None}
    return {**row, "verdict": verdict, "reported": reported, "reason": None, **more}


def test_a_first_set_up_of_kraken_is_told_the_line_to_add() -> None:
    usd = _row("USD", "unobserved", None)
    advice = advise(usd, [usd, _row("ZUSD"), _row("XXBT")])
    assert advice is not None
    assert advice.why == "no balance row is named USD; the row ZUSD is spelled like it"
    document = tomllib.loads("\n".join(advice.add))
    assert document["gateways"]["prod-eu"]["accounts"]["KRAKEN/JOHN"]["assets"] == {"USD": "ZUSD"}


def test_rows_that_are_taken_for_assets_are_told_with_one_line_for_all() -> None:
    cash = _row("ZUSD", "unmodelled", reason="unmapped: taken for USD, which no setting says")
    coin = _row("XXBT", "unmodelled", reason="unmapped: taken for XBT, BTC, which no setting says")
    rows = [_row("ETH"), coin, cash]
    first, second = advise(coin, rows), advise(cash, rows)
    assert first is not None
    assert second is not None
    assert second.add == []
    assert second.why == "no setting says what row USD has: ZUSD is spelled like it, or moves as its fills do"
    account = tomllib.loads("\n".join(first.add))["gateways"]["prod-eu"]["accounts"]["KRAKEN/JOHN"]
    assert account == {"assets": {"XBT": "XXBT", "BTC": "XXBT", "USD": "ZUSD"}}


def test_rows_of_the_same_asset_come_before_those_that_are_spelled_alike() -> None:
    usd = _row("USD", "unobserved", None, asset_coinapi="USD")
    rows = [usd, _row("ZUSD"), _row("USD.HOLD", asset_coinapi="USD"), _row("USD.F", asset_coinapi="USD")]
    advice = advise(usd, rows)
    assert advice is not None
    assert "2 rows may be it: keep the line that is right" in advice.why
    assert advice.add[1:] == ['assets = { USD = "USD.HOLD" }', 'assets = { USD = "USD.F" }']


def test_where_nothing_is_alike_no_line_is_made_up() -> None:
    kfee = _row("KFEE", "unobserved", None)
    advice = advise(kfee, [kfee, _row("ZUSD"), _row("WKFEE"), _row("ETH", reported=None)])
    assert advice == ("no balance row is known to be KFEE; reported are ZUSD, WKFEE", ())
    assert advise(kfee, [kfee]) == (
        "no balance row is known to be KFEE; no balance of the account was reported yet",
        (),
    )


@pytest.mark.parametrize("contract", ["BTCUSDT", 'odd "name".\\ \n'])
def test_the_terms_that_a_contract_lacks_can_be_pasted(contract: str) -> None:
    reason = f"contract {contract} has no complete terms in the settings"
    usdt = _row("USDT", "unmodelled", reason=reason)
    advice = advise(usdt, [usdt, _row("BTC")])
    assert advice is not None
    terms = tomllib.loads("\n".join(advice.add))["gateways"]["prod-eu"]["accounts"]["KRAKEN/JOHN"]["contracts"]
    assert terms[contract]["settlement_asset"] == "USDT"
    assert set(terms[contract]) <= set(ContractTerms.model_fields)


def test_a_contract_of_two_assets_is_told_once_with_both() -> None:
    reason = "contract BTCUSDT has no complete terms in the settings"
    btc, usdt = _row("BTC", "unmodelled", reason=reason), _row("USDT", "unmodelled", reason=reason)
    first, second = advise(btc, [btc, usdt]), advise(usdt, [btc, usdt])
    assert first is not None
    assert second is not None
    assert 'settlement_asset = "…"  # BTC or USDT' in first.add
    assert (second.why, list(second.add)) == (first.why, [])


def test_a_stale_unit_says_why_and_a_judged_one_nothing() -> None:
    stale = _row("BTC", "stale", reason="gap, disconnected")
    assert advise(stale, [stale]) == ("gap, disconnected", ())
    assert advise(_row("BTC"), []) is None


def test_of_a_past_time_nothing_is_said_that_only_now_can_be_known() -> None:
    early = _row("KFEE", "unobserved", None, reason="before the opening")
    assert advise_then(early) == ("its books had not begun: they begin with an opening after this time", ())
    assert advise_then(_row("USDT", "unmodelled", reason="nothing was known of it by then")) == (
        "shown, not judged; why is known of now alone",
        (),
    )
    assert advise_then(_row("BTC", "stale", reason="gap, disconnected")) == ("gap, disconnected", ())
    open_then = _row("BTC", "break", reason="a break was open then; its report was judged later")
    assert advise_then(open_then) == ("a break was open; the report that shows it was judged later", ())
    assert advise_then(_row("BTC", "break")) is None
    first = _row("KFEE", "unobserved", None, reason="before its first entry")
    assert advise_then(first) == ("its books had not begun: their first entry is of a later time", ())
    fees = _row("KFEE", "unobserved", None, reason="no opening was known by then")
    assert advise_then(fees) == (
        "entries of it were booked, and no report of it was known to begin its books with",
        (),
    )
    reported = _row("BTC", reason="before the opening")
    assert advise_then(reported) == ("its books had not begun: they begin with an opening after this time", ())
    assert advise_then(_row("BTC")) is None
