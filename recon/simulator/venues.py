"""Accounts that behave like real venues, as ready parts of plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from recon.exact import plain
from recon.simulator.habits import Habits
from recon.simulator.instruments import Asset, Instrument, Kind, OpeningPosition, Side
from recon.simulator.venue.account_plan import AccountPlan
from recon.simulator.venue.fees import Fees
from recon.simulator.venue.flow import Stream

D = Decimal

_RATES: Final = {
    "BTC": D("60123.5"),
    "ETH": D("3012.25"),
    "SOL": D("142.5"),
    "BNB": D("640.8"),
    "USDT": D("1.0003"),
    "USD": None,
}


def _asset(code: str, coinapi: str | None, *, of: str, scale: int = 8) -> Asset:
    return Asset(code=code, coinapi=coinapi, scale=scale, rate_usd=_RATES[of])


def _spot(exchange: str, symbol: str, base: str, quote: str, **codes: str) -> Instrument:
    """Return a pair; `codes` (base_code, base_row, quote_code, quote_row) are given if the venue has its own."""
    price, price_step, size_step = {
        "BTC": ("60000", "0.1", "0.0001"),
        "ETH": ("3000", "0.01", "0.001"),
        "SOL": ("140", "0.01", "0.01"),
    }[base]
    return Instrument(
        symbol=symbol,
        coinapi=f"{exchange}_SPOT_{base}_{quote}",
        kind=Kind.SPOT,
        base=codes.get("base_code", base),
        quote=codes.get("quote_code", quote),
        base_coinapi=base,
        quote_coinapi=quote,
        base_row=codes.get("base_row", base),
        quote_row=codes.get("quote_row", quote),
        price_step=D(price_step),
        size_step=D(size_step),
        price=D(price),
    )


def _perpetual(
    exchange: str, symbol: str, base: str, quote: str, *, kind: Kind, settles_in: str, size_step: str
) -> Instrument:
    return Instrument(
        symbol=symbol,
        coinapi=f"{exchange}_PERP_{base}_{quote}",
        kind=kind,
        base="XBT" if exchange == "BITMEX" and base == "BTC" else base,
        quote=quote,
        base_coinapi=base,
        quote_coinapi=quote,
        base_row=settles_in if kind is Kind.INVERSE else base,
        quote_row=settles_in if kind is Kind.LINEAR else quote,
        price_step=D("0.5") if base == "BTC" else D("0.05"),
        size_step=D(size_step),
        price=D("60000") if base == "BTC" else D("3000"),
        settlement_row=settles_in,
    )


def kraken(account: str, rate: float, habits: Habits, *, varied: bool = True) -> AccountPlan:
    """Spot in USD; symbols say XBT and USD, balance rows XXBT and ZUSD, and ZUSD has no CoinAPI code."""
    extra = () if habits.row_without_balance is None else (_asset(habits.row_without_balance, None, of="USD"),)
    return AccountPlan(
        account=account,
        assets=(
            _asset("XXBT", "BTC", of="BTC", scale=10),
            _asset("XETH", "ETH", of="ETH", scale=10),
            _asset("ZUSD", None, of="USD"),
            _asset("ZEUR", "EUR", of="USD"),
            *extra,
        ),
        instruments=(
            _spot("KRAKEN", "XBT/USD", "BTC", "USD", base_code="XBT", base_row="XXBT", quote_row="ZUSD"),
            _spot("KRAKEN", "ETH/USD", "ETH", "USD", base_row="XETH", quote_row="ZUSD"),
        ),
        balances={"XXBT": D("12.5"), "XETH": D("140.25"), "ZUSD": D("875000.1234")},
        streams=(
            Stream(symbol="XBT/USD", fills_per_second=rate / 2, lot=D("0.01"), varied=varied),
            Stream(symbol="ETH/USD", fills_per_second=rate / 2, lot=D("0.2"), varied=varied),
        ),
        habits=habits,
    )


def binance(account: str, rate: float, habits: Habits, *, varied: bool = True) -> AccountPlan:
    """Spot in USDT; the account starts without SOL, so the first row of SOL is not its opening."""
    return AccountPlan(
        account=account,
        assets=(
            _asset("BTC", "BTC", of="BTC"),
            _asset("ETH", "ETH", of="ETH"),
            _asset("SOL", "SOL", of="SOL"),
            _asset("USDT", "USDT", of="USDT"),
        ),
        instruments=tuple(_spot("BINANCE", f"{base}USDT", base, "USDT") for base in ("BTC", "ETH", "SOL")),
        balances={"BTC": D("8"), "ETH": D("200"), "USDT": D("1250000")},
        streams=tuple(
            Stream(symbol=f"{base}USDT", fills_per_second=rate / 3, lot=D(lot), varied=varied)
            for base, lot in (("BTC", "0.005"), ("ETH", "0.1"), ("SOL", "2"))
        ),
        habits=habits,
    )


def coinbase(account: str, rate: float, habits: Habits, *, varied: bool = True) -> AccountPlan:
    """Spot in USD; with the habit set, cash is booked and printed in cents."""
    cents = habits.cash_quantum is not None
    return AccountPlan(
        account=account,
        assets=(
            _asset("BTC", "BTC", of="BTC"),
            _asset("ETH", "ETH", of="ETH"),
            _asset("USD", "USD", of="USD", scale=2 if cents else 8),
        ),
        instruments=tuple(_spot("COINBASE", f"{base}-USD", base, "USD") for base in ("BTC", "ETH")),
        balances={"BTC": D("5.75"), "ETH": D("90"), "USD": D("640000.50")},
        streams=(
            Stream(symbol="BTC-USD", fills_per_second=rate / 2, lot=D("0.01"), varied=varied),
            Stream(symbol="ETH-USD", fills_per_second=rate / 2, lot=D("0.3"), varied=varied),
        ),
        habits=habits,
    )


def bitmex(account: str, rate: float, habits: Habits, *, varied: bool = True) -> AccountPlan:
    """Perpetuals, one inverse and one linear, settled in XBT and USDt."""
    return AccountPlan(
        account=account,
        assets=(_asset("XBT", "BTC", of="BTC"), _asset("USDt", "USDT", of="USDT")),
        instruments=(
            _perpetual("BITMEX", "XBTUSD", "BTC", "USD", kind=Kind.INVERSE, settles_in="XBT", size_step="100"),
            _perpetual("BITMEX", "XBTUSDT", "BTC", "USDT", kind=Kind.LINEAR, settles_in="USDt", size_step="0.01"),
        ),
        balances={"XBT": D("25"), "USDt": D("400000")},
        positions=(
            OpeningPosition("XBTUSD", Side.BUY, D("4000"), D("59500")),
            OpeningPosition("XBTUSDT", Side.SELL, D("0.3"), D("60250")),
        ),
        streams=(
            Stream(symbol="XBTUSD", fills_per_second=rate, lot=D("500"), varied=varied),
            Stream(symbol="XBTUSDT", fills_per_second=rate, lot=D("0.05"), varied=varied),
        ),
        habits=habits,
    )


def deribit(account: str, rate: float, habits: Habits, *, varied: bool = True) -> AccountPlan:
    """Inverse perpetuals counted in USD, each settled in its own coin."""
    return AccountPlan(
        account=account,
        assets=(_asset("BTC", "BTC", of="BTC"), _asset("ETH", "ETH", of="ETH")),
        instruments=(
            _perpetual("DERIBIT", "BTC-PERPETUAL", "BTC", "USD", kind=Kind.INVERSE, settles_in="BTC", size_step="10"),
            _perpetual("DERIBIT", "ETH-PERPETUAL", "ETH", "USD", kind=Kind.INVERSE, settles_in="ETH", size_step="1"),
        ),
        balances={"BTC": D("14"), "ETH": D("210.5")},
        positions=(OpeningPosition("ETH-PERPETUAL", Side.SELL, D("900"), D("3050")),),
        streams=(
            Stream(symbol="BTC-PERPETUAL", fills_per_second=rate, lot=D("200"), varied=varied),
            Stream(symbol="ETH-PERPETUAL", fills_per_second=rate, lot=D("60"), varied=varied),
        ),
        habits=habits,
    )


def binance_futures(account: str, rate: float, habits: Habits, *, varied: bool = True) -> AccountPlan:
    """Hedge mode: a long and a short leg of one linear perpetual, each with its own realised profit."""
    return AccountPlan(
        account=account,
        assets=(_asset("USDT", "USDT", of="USDT"),),
        instruments=(
            _perpetual("BINANCEFTS", "BTCUSDT", "BTC", "USDT", kind=Kind.LINEAR, settles_in="USDT", size_step="0.001"),
        ),
        balances={"USDT": D("500000")},
        positions=(
            OpeningPosition("BTCUSDT", Side.BUY, D("0.9"), D("59000")),
            OpeningPosition("BTCUSDT", Side.SELL, D("0.7"), D("61000")),
        ),
        streams=(Stream(symbol="BTCUSDT", fills_per_second=rate, lot=D("0.02"), varied=varied),),
        habits=replace(habits, hedge=True),
    )


def deribit_futures(account: str, rate: float, habits: Habits, *, varied: bool = True) -> AccountPlan:
    """Return an inverse perpetual, and a future that ends on 5 January 2026, settled in BTC."""
    perpetual = _perpetual(
        "DERIBIT", "BTC-PERPETUAL", "BTC", "USD", kind=Kind.INVERSE, settles_in="BTC", size_step="10"
    )
    future = replace(perpetual, symbol="BTC-5JAN26", coinapi="DERIBIT_FTS_BTC_USD_260105")
    return AccountPlan(
        account=account,
        assets=(_asset("BTC", "BTC", of="BTC"),),
        instruments=(perpetual, future),
        balances={"BTC": D("22")},
        positions=(OpeningPosition("BTC-5JAN26", Side.BUY, D("7000"), D("59800")),),
        streams=(
            Stream(symbol="BTC-PERPETUAL", fills_per_second=rate, lot=D("200"), varied=varied),
            Stream(symbol="BTC-5JAN26", fills_per_second=rate, lot=D("150"), varied=varied),
        ),
        habits=habits,
    )


def with_fees(account: AccountPlan, fees: Fees, *, post_only: float = 0.0) -> AccountPlan:
    """Return an account whose venue charges fees; BNB is added if it pays them and the account has none.

    `post_only` is the share of resting orders that only make.
    """
    codes = {asset.code for asset in account.assets}
    paid = replace(account, fees=fees, streams=tuple(replace(flow, post_only=post_only) for flow in account.streams))
    if fees.third_asset != "BNB" or "BNB" in codes:
        return paid
    return replace(
        paid, assets=(*account.assets, _asset("BNB", "BNB", of="BNB")), balances={**account.balances, "BNB": D("50")}
    )


def fee_rules(account: AccountPlan) -> list[Mapping[str, str]]:
    """Return the published schedule at the start of the day, in the shape of the settings."""
    if account.fees is None or not account.fees.published:
        return []
    first = account.fees.tiers[0]
    return [{"maker": plain(first.maker), "taker": plain(first.taker), "asset": account.fees.taken_in}]


def contract_terms(account: AccountPlan) -> Mapping[str, Mapping[str, object]]:
    """Return the contract terms of an account's cash, in the shape of the settings.

    None in hedge mode: each leg realises its own profit, and no report names the leg of a fill.
    """
    if account.habits.hedge:
        return {}
    return {
        instrument.symbol: {
            "multiplier": str(instrument.multiplier),
            "kind": instrument.kind.value,
            "settlement_asset": instrument.settlement_row,
            "realised": "close",
            "method": "average",
            "balance_includes_unrealised": False,
        }
        for instrument in account.instruments
        if instrument.is_contract
    }


def aliases(account: AccountPlan) -> Mapping[str, str]:
    """Return the balance rows that differ from the symbols' codes, in the shape of the settings."""
    pairs = [
        pair
        for instrument in account.instruments
        if not instrument.is_contract
        for pair in ((instrument.base, instrument.base_row), (instrument.quote, instrument.quote_row))
    ]
    return {code: row for code, row in pairs if code != row}
