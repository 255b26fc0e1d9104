"""Settings that match nothing are told a day after they came into force (semantics 10.4)."""

from __future__ import annotations

from decimal import Decimal

from recon.ledger.apply.rules import put_in_force
from recon.ledger.rules import AccountRules, ContractTerms, FeeRule, Rules, UnitRules
from recon.testing import PERPETUAL, GatewayDriver, balance_row
from recon.times import LogTime

D = Decimal
HOUR = 3600
RULES = Rules(
    defaults=AccountRules(
        assets={"XBT": "BTC", "XDG": "DOGE"},
        pools=[["BTC", "BTC.F"]],
        units={"USDT": UnitRules(), "USTD": UnitRules()},
        contracts={
            PERPETUAL.exchange: ContractTerms(settlement_asset="USDT"),
            "BTCPERP": ContractTerms(settlement_asset="USTD"),
        },
        fees=[
            FeeRule(symbol="BTCUSDT", maker=D(0)),
            FeeRule(instrument="PERPETUAL", maker=D(0)),
            FeeRule(instrument="OPTION", maker=D(0)),
            FeeRule(symbol="BTCUSTD", maker=D(0)),
            FeeRule(symbol="BTCUSDT", maker=D(0), asset="BNX"),
            FeeRule(symbol="BTCUSDT", maker=D(0), asset="received"),
        ],
    ),
    accounts={"KRAKEM": AccountRules()},
)


def test_a_setting_that_matches_nothing_is_told_once_after_a_day() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    driver.symbols(PERPETUAL)
    put_in_force(driver.ledger, RULES, 1, LogTime(1, 0, 0))
    driver.wait(HOUR)
    assert not driver.findings("setting_unmatched")
    for _ in range(25):
        driver.wait(HOUR)
    assert [finding.about for finding in driver.findings("setting_unmatched")] == [
        "asset XDG",
        "pool member BTC.F",
        "unit USTD",
        "contract BTCPERP",
        "settlement asset USTD",
        "fee line OPTION any",
        "fee line any BTCUSTD",
        "fee asset BNX",
        "account KRAKEM",
    ]
