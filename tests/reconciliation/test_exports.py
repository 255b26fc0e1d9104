"""Exports as venues write them, read and folded: each trade and fee once, whichever files and reports tell it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pytest

from recon.config.imports import Import
from recon.ledger.rules import AccountRules, Rules
from recon.log import events
from recon.statements.statement import read_statement
from recon.testing import GatewayDriver, OrderScript, Symbol, balance_row
from tests.support.facts_driver import approve_waiting, fact_effects

D = Decimal
AGO = timedelta(seconds=4)
XBT_EUR = Symbol("XBT/EUR", "KRAKEN_SPOT_BTC_EUR", "XBT", "EUR")


def kraken(*, aliases: bool) -> GatewayDriver:
    """An account whose rows spell assets another way than its symbols, with CoinAPI's codes or aliases for them."""
    rules = AccountRules(assets={"XBT": "XXBT", "EUR": "ZEUR"}) if aliases else AccountRules()
    driver = GatewayDriver(Rules(defaults=rules))
    codes = (None, None) if aliases else ("XBT", "EUR")
    rows = [balance_row(row, "10", coinapi=code) for row, code in zip(("XXBT", "ZEUR"), codes, strict=True)]
    driver.start(*rows, symbols=[XBT_EUR], quiet=30)
    return driver


def tell(driver: GatewayDriver, path: Path, name: str, content: str) -> None:
    """Import a file of a format as the command would."""
    file = path / f"{name}.csv"
    file.write_text(content, encoding="utf-8")
    statement = read_statement(file, Import.model_validate({"format": name}), driver.account)
    assert statement.bad_rows == []
    for each in statement.facts:
        payload = each.payload[:-1] + b',"by":{"login":"alice","authenticated":true,"name":null}}'
        driver.event(events.FACT, payload, account=driver.account)
    approve_waiting(driver)


def files(driver: GatewayDriver) -> dict[str, str]:
    """Return both exports of a purchase of 0.01 for 5 with a fee of 0.013, two seconds ago."""
    at = driver.now - timedelta(seconds=2)
    second = f"{at:%Y-%m-%d %H:%M:%S}"
    return {
        "kraken-ledger": (
            '"txid","refid","time","type","subtype","aclass","asset","amount","fee","balance"\n'
            f'"LB","TA","{second}","trade","","currency","ZEUR",-5.0000,0.0130,4.9870\n'
            f'"LC","TA","{second}","trade","","currency","XXBT",0.0100000000,0.0000000000,10.0100000000\n'
        ),
        "kraken-trades": (
            "txid,ordertxid,pair,time,type,ordertype,price,cost,fee,vol,margin,misc,ledgers\n"
            f"TA,X-a,XXBTZEUR,{second}.1234,buy,limit,500.00000,5.00000,0.01300,0.01000000,0.00000,,\n"
        ),
    }


@pytest.mark.parametrize("aliases", [True, False])
@pytest.mark.parametrize("order", list(permutations(["report", "kraken-ledger", "kraken-trades"])))
def test_krakens_ledger_and_trades_and_reports_tell_a_trade_once(
    tmp_path: Path, order: tuple[str, ...], aliases: bool
) -> None:
    driver = kraken(aliases=aliases)
    exports = files(driver)
    for what in order:
        if what == "report":
            placed = driver.now - timedelta(seconds=6)
            driver.report(OrderScript("a", [("0.01", "500")], symbol=XBT_EUR, placed_at=placed).report(1))
        else:
            tell(driver, tmp_path, what, exports[what])
    assert (driver.value("XXBT"), driver.value("ZEUR")) == (D("10.01"), D("4.987"))
    for _ in range(60):
        driver.balance("XXBT", "10.01")
        driver.balance("ZEUR", "4.987")
        driver.wait(1)
    assert not driver.transitions("opened")
    assert (driver.value("XXBT"), driver.value("ZEUR")) == (D("10.01"), D("4.987"))


def test_the_ledger_alone_explains_a_trade_that_no_report_told(tmp_path: Path) -> None:
    driver = kraken(aliases=True)
    exports = files(driver)
    for _ in range(60):
        driver.balance("XXBT", "10.01")
        driver.balance("ZEUR", "4.987")
        driver.wait(1)
    assert len(driver.transitions("opened")) == 2
    tell(driver, tmp_path, "kraken-ledger", exports["kraken-ledger"])
    assert fact_effects(driver) == {"rows:TA": "explained"}
    assert not driver.breaks("XXBT")
    assert not driver.breaks("ZEUR")
    tell(driver, tmp_path, "kraken-trades", exports["kraken-trades"])
    assert fact_effects(driver)["TA"] == "matched"
    assert (driver.value("XXBT"), driver.value("ZEUR")) == (D("10.01"), D("4.987"))
