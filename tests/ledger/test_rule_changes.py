"""What counts as looser, and that looser rules wait for a second person (semantics 10.2)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from recon.ledger.rule_changes import relaxations, relaxes, rules_digest
from recon.ledger.rules import (
    AccountRules,
    ContractTerms,
    FeeRule,
    Funding,
    OffExchangeSettlement,
    Rules,
    Tolerance,
    UnitRules,
)
from recon.log import events
from tests.support.decisions_driver import ALICE, SERVICE, record_decision, refusals, report
from tests.support.trading_account import trading

D = Decimal
TERMS = ContractTerms(D(1), "linear", "USDT", "close", method="average")
BEFORE = AccountRules(
    tolerance=Tolerance(D(1), D("0.1"), D(5)),
    units={"BTC": UnitRules(Tolerance(D("0.1")), D("0.01"))},
    contracts={"P": TERMS},
    pools=[["A", "B"]],
    fees=[FeeRule(taker=D("0.002"))],
    business_days=(0, 1, 2, 3, 4),
)
LOOSER: dict[str, AccountRules] = {
    "settlement_window from 5.0 s to 6.0 s": msgspec.structs.replace(BEFORE, settlement_window_us=6_000_000),
    "material_usd from 10,000 to 10,001": msgspec.structs.replace(BEFORE, material_usd=D(10001)),
    "learn_fees_up_to from 0.006 to 0.01": msgspec.structs.replace(BEFORE, learn_fees_up_to=D("0.01")),
    "the fee schedule": msgspec.structs.replace(BEFORE, fees=[FeeRule(taker=D("0.003"))]),
    "when an off-exchange settlement is expected": msgspec.structs.replace(
        BEFORE, off_exchange_settlement=OffExchangeSettlement(every_us=14_400_000_000)
    ),
    "when funding is expected": msgspec.structs.replace(BEFORE, funding=Funding(every_us=3_600_000_000)),
    "fewer business days, so that breaks age more slowly": msgspec.structs.replace(BEFORE, business_days=(0, 1)),
    "trust_balance_manager": msgspec.structs.replace(BEFORE, trust_balance_manager=True),
    "tolerance, usd, from 5 to 6": msgspec.structs.replace(BEFORE, tolerance=Tolerance(D(1), D("0.1"), D(6))),
    "tolerance of BTC, relative, from 0 to 1": msgspec.structs.replace(
        BEFORE, units={"BTC": UnitRules(Tolerance(D("0.1"), D(1)), D("0.01"))}
    ),
    "quantum of BTC from 0.01 to 0.1": msgspec.structs.replace(
        BEFORE, units={"BTC": UnitRules(Tolerance(D("0.1")), D("0.1"))}
    ),
    "quantum of BTC from 0.01 to what is seen": msgspec.structs.replace(
        BEFORE, units={"BTC": UnitRules(Tolerance(D("0.1")))}
    ),
    "tolerance of ETH, absolute, from 1 to 2": msgspec.structs.replace(
        BEFORE, units=BEFORE.units | {"ETH": UnitRules(Tolerance(D(2), D("0.1"), D(5)))}
    ),
    "A and C are judged as one sum": msgspec.structs.replace(BEFORE, pools=[["A", "C"]]),
    "cash of P is no longer modelled": msgspec.structs.replace(BEFORE, contracts={}),
}
STRICTER = (
    BEFORE,
    msgspec.structs.replace(BEFORE, settlement_window_us=1_000_000, material_usd=D(1), learn_fees_up_to=D(0)),
    msgspec.structs.replace(BEFORE, tolerance=Tolerance(), fees=[], pools=[], business_days=(0, 1, 2, 3, 4, 5)),
    msgspec.structs.replace(BEFORE, funding=Funding(every_us=2 * BEFORE.funding.every_us, within_us=1)),
    msgspec.structs.replace(BEFORE, units={"BTC": UnitRules(Tolerance(), D("0.001"))}, assets={"XBT": "XXBT"}),
    msgspec.structs.replace(BEFORE, contracts={"P": TERMS, "Q": TERMS}, position_mode="hedge"),
)


@pytest.mark.parametrize("what", LOOSER)
def test_what_is_looser_is_named(what: str) -> None:
    after = LOOSER[what]
    assert relaxations(Rules(BEFORE), Rules(after)) == [f"accounts in general: {what}"]
    assert relaxations(Rules(accounts={"K": BEFORE}), Rules(accounts={"K": after})) == [f"K: {what}"]


@pytest.mark.parametrize("after", STRICTER)
def test_what_is_as_strict_loosens_nothing(after: AccountRules) -> None:
    assert relaxations(Rules(BEFORE), Rules(after)) == []


def test_an_account_that_loses_its_own_rules_has_the_general_ones() -> None:
    strict, lax = AccountRules(), AccountRules(tolerance=Tolerance(D(1)))
    before, after = Rules(lax, {"K": strict}), Rules(lax)
    assert relaxations(before, after) == ["K: tolerance, absolute, from 0 to 1"]
    assert relaxations(after, before) == []


def test_documents_are_compared_by_what_they_mean() -> None:
    before, after = msgspec.json.encode(Rules(BEFORE)), msgspec.json.encode(Rules(AccountRules()))
    assert not relaxes(b'{"defaults":{}}', b'{ "defaults": {}, "rules": 1 }')
    assert not relaxes(before, before)
    assert relaxes(after, before)
    assert relaxes(b"not rules", before), "what cannot be compared is not let pass"


LAX = msgspec.json.encode(Rules(AccountRules(tolerance=Tolerance(absolute=D(2)))))


def test_looser_rules_wait_and_the_old_ones_hold_until_a_person_approves() -> None:
    driver = trading()
    driver.event(events.RULES_PROPOSED, LAX)
    (finding,) = driver.findings("rules_wait")
    assert finding.about == rules_digest(LAX)
    assert "accounts in general: tolerance, absolute, from 0 to 2" in finding.message
    record_decision(driver, "approve_rules", by=SERVICE, rules_digest=rules_digest(LAX))
    record_decision(driver, "approve_rules", by=ALICE, rules_digest="another")
    assert len(refusals(driver)) == 2
    report(driver, "9", 40)
    assert [break_.amount for break_ in driver.breaks("BTC")] == [-1]
    record_decision(driver, "approve_rules", by=ALICE, rules_digest=rules_digest(LAX))
    assert [finding.kind for finding in driver.findings()][-1] == "rules_approved"
    report(driver, "50", 1)
    driver.balance("ETH", "48.5")
    driver.poll("ETH", "48.5", 40)
    assert driver.breaks("ETH") == [], "within the tolerance that holds now"
    record_decision(driver, "approve_rules", by=ALICE, rules_digest=rules_digest(LAX))
    assert len(refusals(driver)) == 3, "nothing waits any more"


def test_rules_that_wait_are_rejected_or_overtaken() -> None:
    driver = trading()
    before = driver.ledger.rules
    driver.event(events.RULES_PROPOSED, LAX)
    record_decision(driver, "reject_rules", by=SERVICE, rules_digest=rules_digest(LAX))
    assert (driver.ledger.proposed_rules, driver.ledger.rules) == (None, before)
    driver.event(events.RULES_PROPOSED, LAX)
    driver.set_rules(before)
    record_decision(driver, "approve_rules", by=ALICE, rules_digest=rules_digest(LAX))
    assert driver.ledger.rules == before
    assert len(refusals(driver)) == 1
