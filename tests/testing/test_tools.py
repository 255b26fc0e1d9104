"""The public tools for tests: what a user's own test relies on."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import recon.testing
from recon.simulator.scenarios import clean_plan
from recon.testing import BTC_USDT, START, GatewayDriver, OrderScript, balance_row, is_readable, play

D = Decimal


def test_a_lost_fill_opens_breaks_on_both_assets() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"))
    driver.report(OrderScript("a", [("1", "100")], placed_at=driver.now).report(0))
    for _ in range(60):
        driver.poll("BTC", "11", 1)
        driver.poll("USDT", "99900", 1)
    assert sorted(driver.opened_breaks()) == [("BTC", D(1)), ("USDT", D(-100))]
    (break_,) = driver.breaks("BTC")
    assert break_.cause == "missed_fill"


def test_a_driven_day_takes_virtual_time_alone() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), symbols=(BTC_USDT,))
    driver.wait(3600)
    assert driver.now - START > timedelta(hours=1)
    assert driver.coverage() == ("covered", None)
    assert driver.value("BTC") == D(10)


def test_a_played_day_gives_the_truth_the_fold_and_the_log() -> None:
    ((gateway, fold, log),) = play(clean_plan(1, duration=20.0))
    assert not gateway.truth
    assert fold.ledger.units
    assert [event.seq for event in log] == list(range(1, len(log) + 1))


def test_what_the_database_could_not_read_is_not_readable() -> None:
    assert is_readable(b'{"a": [1, "b"]}')
    assert not is_readable(b'{"a": ["\\u0000"]}')
    assert not is_readable(b"\\xff")


def test_every_public_name_is_documented() -> None:
    public = [getattr(recon.testing, name) for name in recon.testing.__all__]
    assert [each for each in public if callable(each) and not each.__doc__] == []
