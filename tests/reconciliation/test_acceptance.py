"""To live with a break is to silence it: what is material takes two people (semantics 10.2)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from recon.reconciliation.breaks.decisions import acceptance_digest, joint_digest
from recon.reconciliation.model.break_ import Acceptance, Break
from recon.testing import GatewayDriver
from tests.support.decisions_driver import (
    ALICE,
    BOB,
    SERVICE,
    driver_with_break,
    record_decision,
    refusals,
    report,
    state_of,
)
from tests.support.trading_account import trading

D = Decimal
MATERIAL = 20_000


def accept(
    driver: GatewayDriver, *known: Break, by: str = ALICE, seconds: float = 3600, amount: str | None = None
) -> None:
    until = (driver.now + timedelta(seconds=seconds)).isoformat()
    record_decision(driver, "accept", *known, by=by, until=until, **({} if amount is None else {"amount": amount}))


def asked(
    driver: GatewayDriver, known: Break, *, by: str = ALICE, seconds: float = 3600, amount: str | None = None
) -> str:
    """Ask to accept what is material; return the digest of the proposal."""
    accept(driver, known, by=by, seconds=seconds, amount=amount)
    assert state_of(known) == "proposed"
    assert known.proposal is not None
    return known.proposal.digest


def acceptances(driver: GatewayDriver) -> list[Acceptance]:
    return [known.acceptance for known in driver.breaks("BTC") if known.acceptance is not None]


def steps(driver: GatewayDriver, known: Break) -> list[tuple[str, str, str | None]]:
    told = [each for each in driver.transitions() if each.break_.id == known.id]
    return [(each.event, each.break_.state, each.actor) for each in told[1:]]


def test_what_is_not_material_one_person_accepts() -> None:
    driver, known = driver_with_break(rate=100)
    accept(driver, known, by=SERVICE)
    assert (state_of(known), known.proposal) == ("accepted", None)
    assert [told.amount for told in acceptances(driver)] == [1]


@pytest.mark.parametrize("rate", [MATERIAL, None])
def test_what_is_material_is_proposed_and_accepted_by_another(rate: int | None) -> None:
    driver, known = driver_with_break(rate=rate)
    digest = asked(driver, known, amount="1.5")
    assert acceptances(driver) == []
    wanted = known.proposal
    assert wanted is not None
    assert wanted.until_us is not None
    assert digest == acceptance_digest(known.id, Acceptance(wanted.until_us, D("1.5")))
    record_decision(driver, "approve", known, by=BOB, digest=digest)
    assert (state_of(known), known.proposal) == ("accepted", None)
    assert [(told.until_us, told.amount) for told in acceptances(driver)] == [(wanted.until_us, D("1.5"))]
    assert steps(driver, known) == [("propose", "proposed", ALICE), ("accept", "accepted", BOB)]
    reasons = [each.reason for each in driver.transitions() if each.actor is not None]
    assert reasons[0].startswith("alice asks to accept it up to 1.5 until 2026-")
    assert ("its case comes to 30,000.00 USD, above 10,000.00 USD" if rate else "no USD value") in reasons[0]
    assert reasons[1].startswith("bob approves to accept it up to 1.5 until 2026-")
    assert [entry.cause for entry in driver.entries("BTC")] == ["opening"], "nothing is booked"
    report(driver, "9", 60, rate=rate)
    assert state_of(known) == "accepted"


@pytest.mark.parametrize(
    ("asks", "approves", "why"),
    [
        (ALICE, ALICE, "who proposed it may not approve it"),
        (ALICE, SERVICE, "a login that people share"),
        (SERVICE, BOB, "proposed under a login that people share"),
    ],
)
def test_what_is_material_is_accepted_by_two_authenticated_logins(asks: str, approves: str, why: str) -> None:
    driver, known = driver_with_break(rate=MATERIAL)
    record_decision(driver, "approve", known, by=approves, digest=asked(driver, known, by=asks))
    assert (state_of(known), known.acceptance) == ("proposed", None)
    assert why in refusals(driver)[0].message
    accept(driver, known, by=asks)
    assert state_of(known) == "proposed", "nor by asking twice"


def test_a_small_break_accepted_up_to_much_is_material() -> None:
    driver, known = driver_with_break(rate=100)
    asked(driver, known, amount="200")
    assert "its case comes to 20,000.00 USD" in driver.transitions("propose")[0].reason


def test_what_is_accepted_in_a_day_adds_up_with_what_is_approved() -> None:
    driver, first = driver_with_break(rate=6_000)
    accept(driver, first)
    assert state_of(first) == "accepted"
    report(driver, "8", 40, rate=6_000)
    (second,) = [known for known in driver.breaks("BTC") if known is not first]
    digest = asked(driver, second)
    assert "the account's approvals of the day are 12,000.00 USD" in driver.transitions("propose")[0].reason
    record_decision(driver, "approve", second, digest=digest)
    assert state_of(second) == "proposed"
    record_decision(driver, "approve", second, by=BOB, digest=digest)
    assert state_of(second) == "accepted"


def test_several_at_once_count_together_and_are_approved_together() -> None:
    driver = trading()
    for _ in range(60):
        driver.wait(1)
        driver.balance("BTC", "9", rate_usd=6_000)
        driver.balance("USDT", "106000", rate_usd=1)
    known = [*driver.breaks("BTC"), *driver.breaks("USDT")]
    accept(driver, *known)
    assert [state_of(each) for each in known] == ["proposed", "proposed"]
    digests = [each.proposal.digest for each in known if each.proposal is not None]
    record_decision(driver, "approve", *known, by=BOB, digest=joint_digest(digests))
    assert [state_of(each) for each in known] == ["accepted", "accepted"]


def test_what_has_changed_since_it_was_asked_for_is_not_accepted() -> None:
    driver, known = driver_with_break(rate=MATERIAL)
    first = asked(driver, known, seconds=10)
    later = asked(driver, known, seconds=20)
    record_decision(driver, "approve", known, by=BOB, digest=first)
    assert later in refusals(driver)[-1].message
    report(driver, "9", 30, rate=MATERIAL)
    record_decision(driver, "approve", known, by=BOB, digest=later)
    assert "until a moment to come" in refusals(driver)[-1].message
    assert state_of(known) == "proposed"
    record_decision(driver, "reject", known, by=BOB, digest=later)
    assert (state_of(known), known.proposal) == ("investigating", None)


def test_what_cannot_be_accepted_is_refused_and_not_proposed() -> None:
    driver, known = driver_with_break(rate=MATERIAL)
    accept(driver, known, seconds=-1)
    accept(driver, known, amount="0.5")
    record_decision(driver, "accept", known)
    assert (state_of(known), known.proposal) == ("open", None)
    assert len(refusals(driver)) == 3


def test_an_entry_is_not_approved_by_the_digest_of_an_acceptance() -> None:
    driver, known = driver_with_break(rate=MATERIAL)
    asked(driver, known)
    record_decision(driver, "propose", known, cause="acceptance", entry="-1")
    assert "does not name a cause" in refusals(driver)[0].message
    assert known.proposal is not None
    assert known.proposal.until_us is not None, "what was asked for still waits"


def test_a_small_break_is_accepted_in_the_place_of_what_was_proposed() -> None:
    driver, known = driver_with_break(rate=100)
    record_decision(driver, "propose", known, cause="withdrawal")
    accept(driver, known, by=BOB)
    assert (state_of(known), known.proposal) == ("accepted", None)
