"""A defect of recon that shows in one unit sets that unit aside; every other unit is compared all the same."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from recon.reconciliation import reconciler
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.trellis import account_step, account_trellis
from recon.reconciliation.trellis.unit import UnitTrellis
from recon.testing import GatewayDriver, balance_row, load_case, replay

BROKEN = "ETH"
CASES = Path(__file__).parents[1] / "cases"
#: Where a defect may show: taking a report, comparing it, judging what it shows, forgetting it, writing down.
PLACES = {
    "report_of": reconciler,
    "process": account_step,
    "judge": account_step,
    "trim": account_step,
    "commit": reconciler,
}


def _fails_in(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Make one function of the comparison fail in one unit, as a defect would."""
    sound = getattr(PLACES[name], name)

    def defective(of: ComparisonContext | UnitTrellis, *rest: object, **named: object) -> object:
        code = of.unit.code if isinstance(of, ComparisonContext) else of.key[2]
        if code == BROKEN:
            raise ZeroDivisionError
        return sound(of, *rest, **named)

    monkeypatch.setattr(PLACES[name], name, defective)


def _driver() -> GatewayDriver:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row(BROKEN, "5"))
    return driver


@pytest.mark.parametrize("name", PLACES)
def test_the_other_unit_s_break_opens(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    driver = _driver()
    _fails_in(monkeypatch, name)
    for _ in range(30):
        driver.balance(BROKEN, "5")
        driver.balance(BROKEN, "4")
        driver.balance("BTC", "9", after=1)
    assert driver.opened_breaks() == [("BTC", Decimal(-1))]
    (finding,) = driver.findings("comparison_failed")
    assert finding.about == BROKEN
    assert driver.unit(BROKEN).withheld
    assert not driver.unit("BTC").withheld
    assert [key[2] for key, _ in driver.reconciler.failures] == [BROKEN]


def test_a_unit_set_aside_keeps_its_breaks_and_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = _driver()
    driver.poll(BROKEN, "4", 30)
    (break_,) = driver.breaks(BROKEN)
    _fails_in(monkeypatch, "process")
    driver.poll(BROKEN, "4", 5)
    driver.wait(60)
    assert driver.comparison(BROKEN).set_aside
    assert [each.id for each in driver.breaks(BROKEN)] == [break_.id]
    assert not driver.reconciler.pending, "no time is waited for in vain"


def test_a_fill_that_cannot_be_split_sets_its_base_unit_aside_and_the_ledger_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def defective(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(account_trellis, "split_fill", defective)
    outcome = replay(load_case(CASES / "last-report-overtakes-a-part")).outcome
    assert [each.about for each in outcome.findings if each.kind == "comparison_failed"] == ["AVAX"]
    assert {order.status for order in outcome.orders} == {"FILLED"}
