from __future__ import annotations

from datetime import date

import pytest

from recon.ems.protocol.symbols import (
    InstrumentType,
    expiry,
    instrument_type,
    is_derivative,
    is_spot,
    split_account,
    spot_pair,
)


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        ("KRAKEN_SPOT_BTC_USDT", InstrumentType.SPOT),
        ("BITMEX_FTS_ETH_USD_200925", InstrumentType.FUTURES),
        ("OKEX_FTS_ETH_USD_190927_5656B6", InstrumentType.FUTURES),
        ("DERIBIT_OPT_BTC_USD_240329_80000_P", InstrumentType.OPTION),
        ("DERIBIT_OPT_BTC-28SEP28_77000", InstrumentType.OPTION),
        ("DERIBIT_PERP_BTC_USD", InstrumentType.PERPETUAL),
        ("KRAKEN_IDX_BRTI", InstrumentType.INDEX),
        ("BITFINEX_CRE_BTC", InstrumentType.CREDIT),
        ("DERIBIT_COT_X_Y", InstrumentType.CONTRACT),
        ("X_DPERP_ABC_USD", InstrumentType.DEPLOYER_PERPETUAL),
        ("DERIBIT_OPTCMB_BTC-CS-1", InstrumentType.OPTION_COMBO),
        ("DERIBIT_FTSCMB_BTC-FS-1", InstrumentType.FUTURE_COMBO),
        ("BITKUB_SPOT_THB_PERP_USD", InstrumentType.SPOT),
        ("X_SPOT_PERP_FTS", InstrumentType.SPOT),
        ("X_spot_BTC_USD", None),
        ("X_NEW_BTC_USD", None),
        ("X_SPOT", None),
        ("SPOT", None),
        ("", None),
        (None, None),
    ],
)
def test_the_second_term_alone_tells_the_type(symbol: str | None, kind: InstrumentType | None) -> None:
    assert instrument_type(symbol) is kind


def test_what_moves_a_contract_and_what_moves_assets() -> None:
    assert [kind for kind in InstrumentType if not is_derivative(kind)] == [
        InstrumentType.SPOT,
        InstrumentType.INDEX,
        InstrumentType.CREDIT,
    ]
    assert [kind for kind in InstrumentType if is_spot(kind)] == [InstrumentType.SPOT]
    assert not is_derivative(None)
    assert not is_spot(None)


@pytest.mark.parametrize(
    ("symbol", "pair"),
    [
        ("KRAKEN_SPOT_BTC_USDT", ("BTC", "USDT")),
        ("X_SPOT_NEKO$_BNBTIGER(1M)", ("NEKO$", "BNBTIGER(1M)")),
        ("X_SPOT_PERP_C", ("PERP", "C")),
        ("BITKUB_SPOT_THB_1INCH_USD", None),
        ("X_SPOT_BTC_USD_5656B6", None),
        ("X_SPOT_BTC_", None),
        ("X_SPOT_BTC", None),
        ("X_PERP_BTC_USD", None),
        (None, None),
    ],
)
def test_a_spot_pair_is_told_only_where_it_is_sure(symbol: str | None, pair: tuple[str, str] | None) -> None:
    assert spot_pair(symbol) == pair


@pytest.mark.parametrize(
    ("account", "exchange"),
    [
        ("KRAKEN", "KRAKEN"),
        ("KRAKEN/JOHN", "KRAKEN"),
        ("BITSTAMP/6ab36bc1-344d-432e-ac6d-0bf44ee64c2b", "BITSTAMP"),
        ("KRAKEN_JOHN", "KRAKEN"),
        ("KRAKEN-01", "KRAKEN"),
        ("NEWVENUE:desk", "NEWVENUE"),
        ("UNISWAP-V3-ETHEREUM", None),
        ("NEWVENUE_A", None),
        ("KRAKEN/", None),
        ("/JOHN", None),
        ("KRAKEN JOHN", None),
        ("", None),
        (None, None),
    ],
)
def test_the_exchange_of_an_account(account: str | None, exchange: str | None) -> None:
    assert split_account(account) == exchange


@pytest.mark.parametrize(
    ("symbol", "day"),
    [
        ("BITMEX_FTS_ETH_USD_200925", date(2020, 9, 25)),
        ("OKEX_FTS_ETH_USD_190927_5656B6", date(2019, 9, 27)),
        ("DERIBIT_OPT_BTC_USD_240329_80000_P", date(2024, 3, 29)),
        ("X_FTS_THB_1INCH_USD_240329", date(2024, 3, 29)),
        ("DERIBIT_PERP_BTC_USD", None),
        ("KRAKEN_SPOT_BTC_240329", None),
        ("DERIBIT_OPT_BTC-28SEP28_77000", None),
        ("BITMEX_FTS_ETH_USD_209999", None),
        (None, None),
    ],
)
def test_the_day_on_which_a_contract_ends_is_in_its_id_or_not_known(symbol: str | None, day: date | None) -> None:
    assert expiry(symbol) == day
