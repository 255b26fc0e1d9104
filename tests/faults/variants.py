"""Variants of the days: each changes one habit of the venues, the fees, the trading or the faults, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Final, NamedTuple

from recon.simulator.fault import Fault
from recon.simulator.habits import AveragePrice, Habits, Numbers
from recon.simulator.plan import GatewayPlan
from recon.simulator.venue.account_plan import AccountPlan
from recon.simulator.venue.fees import Fees, Tier
from recon.simulator.venue.flow import Burst, Stream

D = Decimal
#: The day as it is.
PLAIN: Final = ""
#: Share of the resting orders that cross and take.
CROSSING_SHARE: Final = 0.15
#: Seconds between balance snapshots that are stale, and by how many seconds they are.
STALE_EVERY_SECONDS: Final = 10.0
STALE_BY_SECONDS: Final = 0.6
#: When bursts begin, how long they last, in seconds, and how many fills a second the busiest unit gets in them.
BURSTS_AT: Final = (30.0, 58.0, 88.0)
BURST_SECONDS: Final = 6.0
BURST_FILLS: Final = (7.0, 10.0)
#: Seconds after connecting until which early faults come, and how far two of one account are apart at least.
EARLY_SECONDS: Final = 8.0
#: Slow accounts: fills a second, how long their day lasts, in seconds, and what share of it is over at the new tier.
SLOW_RATE: Final = 0.05
SLOW_SECONDS: Final = 1_200.0
SLOW_TIER_SHARE: Final = 0.4
#: The rates of a new tier, as shares of the old ones.
CHEAPER: Final = D("0.8")


class Variant(NamedTuple):
    """A variant: what it does to a gateway's plan; some choose the rate of fills and the length of the day."""

    name: str
    changed: Callable[[GatewayPlan], GatewayPlan]
    rate: float | None = None
    seconds: float | None = None


def _accounts(plan: GatewayPlan, changed: Callable[[AccountPlan], AccountPlan]) -> GatewayPlan:
    return replace(plan, accounts=tuple(changed(each) for each in plan.accounts))


def _habits(**changes: object) -> Callable[[GatewayPlan], GatewayPlan]:
    def changed(account: AccountPlan) -> AccountPlan:
        habits: Habits = replace(account.habits, **changes)  # type: ignore[arg-type]  # the keys of Habits
        return replace(account, habits=habits)

    return lambda plan: _accounts(plan, changed)


def _fees(changed: Callable[[Fees], Fees]) -> Callable[[GatewayPlan], GatewayPlan]:
    def with_them(account: AccountPlan) -> AccountPlan:
        return account if account.fees is None else replace(account, fees=changed(account.fees))

    return lambda plan: _accounts(plan, with_them)


def _cut_cash(plan: GatewayPlan) -> GatewayPlan:
    """Cut the cash of spot fills to cents, in which it is then also kept, and tell average prices late everywhere."""

    def changed(account: AccountPlan) -> AccountPlan:
        cash = {each.quote_row for each in account.instruments if not each.is_contract}
        assets = tuple(replace(each, scale=2) if each.code in cash else each for each in account.assets)
        cents = {code: held.quantize(D("0.01")) if code in cash else held for code, held in account.balances.items()}
        return replace(account, assets=assets, balances=cents)

    cut = _habits(cash_quantum=D("0.01"), cash_truncated=True, average_price=AveragePrice.ZERO_FIRST)
    return cut(_accounts(plan, changed))


def _bursts(plan: GatewayPlan) -> GatewayPlan:
    def changed(account: AccountPlan) -> AccountPlan:
        busiest = max(sum(each.fills_per_second for each in _of_unit(account, code)) for code in _units(account))
        return replace(account, streams=tuple(_burst(each, busiest, plan.seed) for each in account.streams))

    return _accounts(plan, changed)


def _units(account: AccountPlan) -> set[str]:
    return {row for each in account.instruments for row in (each.settlement_row or each.quote_row,)}


def _of_unit(account: AccountPlan, code: str) -> list[Stream]:
    """Return the streams whose cash a balance row takes."""
    rows = {each.symbol: each.settlement_row or each.quote_row for each in account.instruments}
    return [each for each in account.streams if rows[each.symbol] == code]


def _burst(flow: Stream, busiest: float, seed: int) -> Stream:
    dice = Random(f"burst/{seed}/{flow.symbol}")
    share = flow.fills_per_second / busiest
    bursts = (
        Burst(after=at, lasting=BURST_SECONDS, fills_per_second=share * dice.uniform(*BURST_FILLS)) for at in BURSTS_AT
    )
    return replace(flow, bursts=tuple(bursts))


def _early(plan: GatewayPlan) -> GatewayPlan:
    """Move every fault into the first seconds; those at one time on one account stay together, in their order."""
    dice = Random(f"early/{plan.seed}")
    when: dict[tuple[str, float], float] = {}
    for account in sorted({fault.account for fault in plan.faults}):
        times = sorted({fault.after for fault in plan.faults if fault.account == account})
        drawn = sorted(dice.uniform(0, EARLY_SECONDS) for _ in times)
        when |= {(account, after): early for after, early in zip(times, drawn, strict=True)}
    return replace(plan, faults=_moved(plan.faults, lambda fault: when[fault.account, fault.after]))


def _moved(faults: Sequence[Fault], after: Callable[[Fault], float]) -> tuple[Fault, ...]:
    return tuple(replace(fault, after=after(fault)) for fault in faults)


def _new_tiers(plan: GatewayPlan) -> GatewayPlan:
    since = plan.duration * SLOW_TIER_SHARE

    def changed(fees: Fees) -> Fees:
        first = fees.tiers[0]
        later = Tier(since=since, maker=first.maker * CHEAPER, taker=first.taker * CHEAPER)
        return replace(fees, tiers=(first, later))

    return _fees(changed)(plan)


_ALL: Final = (
    Variant("no-fill-lists", _habits(fills_listed=False)),
    Variant("doubles-on-the-wire", _habits(numbers=Numbers.DOUBLE)),
    Variant("stamps-1ms", _habits(stamp_digits=3)),
    Variant("stamps-100ms", _habits(stamp_digits=1)),
    Variant("stamps-1s", _habits(stamp_digits=0)),
    Variant("no-stamps", _habits(stamp_digits=None)),
    Variant("crossing", _fees(lambda fees: replace(fees, crossing=CROSSING_SHARE))),
    Variant("cut-cash", _cut_cash),
    Variant("polled", _habits(polled_every=1.0)),
    Variant("stale-snapshots", _habits(stale_first=STALE_BY_SECONDS, stale_every=STALE_EVERY_SECONDS)),
    Variant("coarse-last-reports", _habits(coarse_last=True)),
    Variant("burst", _bursts),
    Variant("early-faults", _early),
    Variant("slow-tiers", _new_tiers, rate=SLOW_RATE, seconds=SLOW_SECONDS),
)
VARIANTS: Final = {each.name: each for each in _ALL}


def varied(name: str, plan: GatewayPlan) -> GatewayPlan:
    """Return the plan of a variant by its name; KeyError for an unknown one."""
    return plan if name == PLAIN else VARIANTS[name].changed(plan)
