"""Forty-odd recorded days of every sort, each the same on every run: its log, and the fold of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Final, NamedTuple

from recon import testing
from recon.exact import exact
from recon.ledger.rules import AccountRules, Rules
from recon.log.events import Event
from recon.projection.fold import Fold
from recon.reconciliation.breaks.decisions import joint_digest
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.lifecycle import ACTIVE, PERSON_STEPS, allowed
from recon.simulator.plan import Plan
from recon.simulator.scenarios import demo_plan
from recon.testing import BTC_USDT, ETH_USDT, GatewayDriver, OrderScript, balance_row
from tests.faults import days as benchmark
from tests.faults.days import QUIET_SECONDS, Flow
from tests.projection import test_decisions, test_facts
from tests.support import gap_days
from tests.support.decisions_driver import ALICE, BOB, SERVICE, record_decision

D = Decimal


class Recorded(NamedTuple):
    """One gateway's log, and the fold that took it in one go."""

    log: list[Event]
    fold: Fold


def _played(plan: Plan, gateway: int, after: float) -> Recorded:
    plan = replace(plan, gateways=plan.gateways[gateway : gateway + 1])
    ((_, fold, log),) = testing.play(plan, after=after)
    return Recorded(log, fold)


def _benchmark(day: benchmark.Day) -> Recorded:
    return _played(day.plan(), 0, QUIET_SECONDS)


def _demo(seed: int, gateway: int) -> Recorded:
    return _played(demo_plan(seed, 40.0), gateway, 20.0)


def _gaps(seed: int) -> Recorded:
    log = gap_days.play(gap_days.random_day(seed)).log
    return Recorded(log.events, log.fold)


def _driven(driver: GatewayDriver) -> Recorded:
    return Recorded(driver.log, driver.fold)


class _Deciders:
    """Trading with drift that nobody reports, and two people and a shared login who decide whatever they may."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(f"deciders {seed}")
        self.driver = GatewayDriver(Rules(defaults=AccountRules()))
        self.venue = {"BTC": D(20), "ETH": D(300), "USDT": D(5_000_000)}
        self.driver.start(*(balance_row(code, amount) for code, amount in self.venue.items()))
        for number in range(60):
            self._step(number)
            self._poll(self.dice.choice((1, 2, 6)))
        self._poll(60)

    def _poll(self, seconds: int) -> None:
        for _ in range(seconds):
            for code, amount in self.venue.items():
                self.driver.balance(code, amount)
            self.driver.wait(1)

    def _step(self, number: int) -> None:
        match self.dice.choice(("trade", "trade", "drift", "decide", "decide", "resolve", "resolve", "gap")):
            case "trade":
                self._trade(number)
            case "drift":
                code = self.dice.choice(sorted(self.venue))
                self.venue[code] += self.dice.choice((D("0.5"), D(-3), D(40)))
                self._poll(40)
            case "decide":
                self._decide()
            case "resolve":
                self._resolve()
            case _:
                self._gap(number)

    def _trade(self, number: int) -> None:
        of, side = self.dice.choice((BTC_USDT, ETH_USDT)), self.dice.choice(("BUY", "SELL"))
        fills = [(f"0.{self.dice.randrange(1, 9)}", f"{self.dice.randrange(90, 110)}.5") for _ in range(2)]
        order = OrderScript(f"o{number}", fills, side=side, symbol=of, placed_at=self.driver.now)
        sign = 1 if side == "BUY" else -1
        self.venue[of[2]] += sign * order.filled(2)
        self.venue["USDT"] -= sign * order.cash(2)
        self.driver.report(order.report(1))
        self.driver.report(order.report(2))

    def _gap(self, number: int) -> None:
        self.driver.close_session()
        self.driver.wait(2, silent=[self.driver.account])
        self.driver.open_session(f"s{number}")
        self.driver.server_info()
        self.driver.orders()
        self.driver.balances(*(balance_row(code, amount) for code, amount in self.venue.items()))

    def _breaks(self) -> list[Break]:
        return [each for one in self.driver.reconciler.comparisons.values() for each in (*one.breaks, *one.closed)]

    def _decide(self) -> None:
        breaks = self._breaks()
        if not breaks:
            return
        chosen = self.dice.sample(breaks, k=min(len(breaks), self.dice.choice((1, 1, 2))))
        likely = [step for step in allowed(chosen[0].state) if step in PERSON_STEPS]
        action = self.dice.choice(likely or sorted(PERSON_STEPS))
        by = self.dice.choice((ALICE, BOB, SERVICE))
        record_decision(self.driver, action, *chosen, by=by, text="so", **self._details(action, chosen))

    def _details(self, action: str, chosen: list[Break]) -> dict[str, object]:
        first = chosen[0]
        match action:
            case "assign":
                return {"assignee": "carol"}
            case "propose":
                entry = self.dice.choice((None, str(first.amount), str(-first.amount)))
                return {"cause": self.dice.choice(("deposit", "fee", "opening")), "entry": entry}
            case "approve" | "reject":
                digests = [each.proposal.digest for each in chosen if each.proposal is not None]
                return {"digest": joint_digest(digests) if digests else "?"}
            case "accept":
                until = self.driver.now + timedelta(seconds=self.dice.randrange(-1, 20))
                return {"until": until.isoformat(), "amount": self.dice.choice((None, str(abs(first.amount))))}
            case _:
                return {}

    def _resolve(self) -> None:
        breaks = [each for each in self._breaks() if each.state in ACTIVE]
        if breaks:
            chosen = self.dice.choice(breaks)
            with exact():
                entry = str(chosen.amount * self.dice.choice((D(1), D("0.25"))))
            record_decision(self.driver, "propose", chosen, cause="deposit", entry=entry)
            digest = "?" if chosen.proposal is None else chosen.proposal.digest
            record_decision(self.driver, "approve", chosen, by=BOB, digest=digest)


def _decided(seed: int) -> Recorded:
    return _driven(_Deciders(seed).driver)


def _told(seed: int) -> Recorded:
    return _driven(test_facts.Day(seed).driver)


def _days() -> dict[str, Callable[[], Recorded]]:
    """Return every day by its name: those of the benchmark, the demo's, with gaps, with facts, with decisions."""
    made: dict[str, Callable[[], Recorded]] = {}
    flows = [Flow(0.5, equal_sizes=False, polled=None), Flow(0.5, equal_sizes=True, polled=1.0)]
    for day in benchmark.days(flows, [1]):
        made[str(day)] = partial(_benchmark, day)
    for seed in (1, 2, 3):
        for gateway in (0, 1):
            made[f"demo, seed {seed}, gateway {gateway}"] = partial(_demo, seed, gateway)
    for seed in (2, 4, 7, 12, 21, 30, 63, 64):
        made[f"gaps, seed {seed}"] = partial(_gaps, seed)
    for seed in (1, 2, 3, 4, 5, 6):
        made[f"decisions, seed {seed}"] = partial(_decided, seed)
    for seed in (1, 2, 3):
        made[f"facts, seed {seed}"] = partial(_told, seed)
    made["every kind of decision"] = lambda: _driven(test_decisions.busy())
    made["facts told by hand"] = lambda: _driven(test_facts.told_by_hand())
    return made


DAYS: Final = _days()
