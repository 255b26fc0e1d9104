"""Ready plans: a demonstration day with faults, and clean days that prove the absence of false alarms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from math import ceil
from typing import Final

from recon.errors import SimulationError
from recon.simulator.fault import Fault, FaultKind
from recon.simulator.habits import CROSSING, Habits, Numbers
from recon.simulator.instruments import Side
from recon.simulator.plan import GatewayPlan, Plan
from recon.simulator.rest_habits import Arrays, Grouping, RestHabits, Trouble
from recon.simulator.ticks import ticks
from recon.simulator.venue.account_plan import AccountPlan
from recon.simulator.venue.flow import Step, resting
from recon.simulator.venue.orders import Status
from recon.simulator.venues import (
    aliases,
    binance,
    binance_futures,
    bitmex,
    coinbase,
    contract_terms,
    deribit,
    fee_rules,
    kraken,
)

#: The engine's settlement window in the demonstration, in seconds.
DEMO_WINDOW_SECONDS: Final = 1.0
#: Share of the day without faults at its start, while openings settle.
SETTLING_SHARE: Final = 0.25
#: The first fault of a day that is watched, in seconds from its start: openings take five windows.
EARLY_SECONDS: Final = 7.0
#: Windows, plus seconds, that must remain after a fault for the engine to judge it.
JUDGED_WINDOWS: Final = 6
JUDGED_SECONDS: Final = 6.0
#: Shortest stretch of the day that holds the demonstration's faults, in seconds.
_MIN_STRETCH_SECONDS: Final = 8.0
#: The shortest day whose faults can be judged, in whole seconds.
LEAST_SECONDS: Final = ceil(
    (_MIN_STRETCH_SECONDS + JUDGED_WINDOWS * DEMO_WINDOW_SECONDS + JUDGED_SECONDS) / (1 - SETTLING_SHARE)
)
#: Mean fills per second of an account's busiest unit in the demonstration.
_DEMO_RATE: Final = 1.6
#: Configured latest funding, as a part of its interval.
FUNDING_WITHIN: Final = 4
#: Trading of contracts begins at this second.
_CONTRACTS_REST_SECONDS: Final = 1.5
#: The catch-up day: seconds of each outage, and the shares of bad REST answers.
_LOST_SECONDS: Final = 3.0
_TROUBLES: Final = dict.fromkeys((Trouble.UNREACHABLE, Trouble.THROTTLED, Trouble.FAILING, Trouble.CUT), 0.05)


def planting_stretch(duration: float, window: float) -> tuple[float, float]:
    """Return the first and last second of a day for faults that the engine can still judge."""
    return duration * SETTLING_SHARE, duration - (JUDGED_WINDOWS * window + JUDGED_SECONDS)


def _stretch(day_name: str, duration: float) -> tuple[float, float]:
    first, last = planting_stretch(duration, DEMO_WINDOW_SECONDS)
    if last - first < _MIN_STRETCH_SECONDS:
        raise SimulationError(
            f"A {day_name} of {duration:g} s is too short for its faults to be judged; give it at least"
            f" {LEAST_SECONDS} s."
        )
    return first, last


def demo_plan(seed: int, duration: float, *, early: bool = False) -> Plan:
    """Return the demonstration: two gateways, six accounts, spot and derivatives, faults and harmless oddities.

    `early` plants the first fault as soon as the openings are settled, for somebody who watches. Raises SimulationError
    when the day is too short for its faults to be judged.
    """
    first, last = _stretch("demonstration", duration)
    if early:
        first = min(first, EARLY_SECONDS)

    def when(share: float) -> float:
        return first + share * (last - first)

    return Plan(
        name="watched" if early else "demo",
        seed=seed,
        gateways=(_demo_europe(seed, duration, when), _demo_america(seed, duration, when)),
        duration=duration,
        settlement_window=DEMO_WINDOW_SECONDS,
    )


def _demo_europe(seed: int, duration: float, when: Callable[[float], float]) -> GatewayPlan:
    return GatewayPlan(
        name="prod-eu",
        seed=seed,
        duration=duration,
        contracts_rest=_CONTRACTS_REST_SECONDS,
        accounts=(
            kraken(
                "KRAKEN/JOHN",
                _DEMO_RATE,
                replace(CROSSING, zero_rows=False, early_reports=True, row_without_balance="KFEE", stale_first=0.3),
            ),
            binance("BINANCE", _DEMO_RATE, replace(CROSSING, zero_rows=False, reused_client_ids=200)),
            bitmex("BITMEX", _DEMO_RATE / 2, replace(CROSSING, numbers=Numbers.DOUBLE)),
        ),
        faults=(
            Fault(
                kind=FaultKind.LATE_FILL,
                after=when(0.0),
                account="KRAKEN/JOHN",
                symbol="XBT/USD",
                lasting=8.0,
            ),
            Fault(kind=FaultKind.DUPLICATE_REPORT, after=when(0.1), account="BINANCE"),
            Fault(kind=FaultKind.LOST_FILL, after=when(0.25), account="BINANCE", symbol="ETHUSDT"),
            Fault(
                kind=FaultKind.DEPOSIT,
                after=when(0.4),
                account="KRAKEN/JOHN",
                asset="XETH",
                amount=Decimal(5),
            ),
            Fault(kind=FaultKind.UNREADABLE_FRAME, after=when(0.5), account="BITMEX"),
            Fault(kind=FaultKind.LOST_FILL, after=when(0.6), account="BITMEX", symbol="XBTUSD"),
            Fault(kind=FaultKind.REORDERED_REPORTS, after=when(0.8), account="BINANCE", symbol="SOLUSDT"),
        ),
    )


def _demo_america(seed: int, duration: float, when: Callable[[float], float]) -> GatewayPlan:
    return GatewayPlan(
        name="prod-us",
        seed=seed,
        duration=duration,
        contracts_rest=_CONTRACTS_REST_SECONDS,
        rest=RestHabits(arrays=Arrays.NESTED, history_lag=0.5),
        accounts=(
            coinbase("COINBASE/DESK", _DEMO_RATE, replace(CROSSING, cash_quantum=Decimal("0.01"))),
            deribit("DERIBIT", _DEMO_RATE / 2, replace(CROSSING, polled_every=1.0, heartbeats=2)),
            binance_futures("BINANCEFTS", _DEMO_RATE / 2, CROSSING),
        ),
        faults=(
            Fault(kind=FaultKind.RESTART, after=when(0.0)),
            Fault(
                kind=FaultKind.WRONG_BALANCE,
                after=when(0.45),
                account="COINBASE/DESK",
                asset="ETH",
                amount=Decimal("-0.75"),
            ),
            Fault(
                kind=FaultKind.DISCONNECT_WITH_FILLS,
                after=when(1.0),
                account="COINBASE/DESK",
                symbol="BTC-USD",
            ),
        ),
    )


def clean_plan(  # noqa: PLR0913 - the options of one scenario
    seed: int,
    *,
    duration: float = 60.0,
    fills_per_second: float = 1.0,
    equal_sizes: bool = False,
    polled: float | None = None,
    habits: Habits = CROSSING,
    faults: Sequence[Fault] = (),
    settlement_window: float = 1.0,
) -> Plan:
    """Return a day on one gateway (`sim`) without faults, fees or funding; `faults` are planted when given.

    `fills_per_second` is the mean of each account's busiest unit. `polled` is the seconds between polls of balances
    (None: a report after each fill). Accounts: KRAKEN/JOHN (spot, different codes), BINANCE (spot), BITMEX (inverse and
    linear). Messages cross by at most 0.3 s.
    """
    ways = replace(habits, polled_every=polled)
    varied = not equal_sizes
    gateway = GatewayPlan(
        name="sim",
        seed=seed,
        duration=duration,
        accounts=(
            kraken("KRAKEN/JOHN", fills_per_second, ways, varied=varied),
            binance("BINANCE", fills_per_second, ways, varied=varied),
            bitmex("BITMEX", fills_per_second, ways, varied=varied),
        ),
        faults=tuple(faults),
    )
    return Plan(
        name="clean",
        seed=seed,
        gateways=(gateway,),
        duration=duration,
        settlement_window=settlement_window,
    )


def catch_up_plan(seed: int, duration: float) -> Plan:
    """Return a day with one outage of each of two gateways, and fills during it.

    During the outage a known order fills, and another order is placed and filled. REST of `logged` returns both
    afterwards. `unlogged` has no order log, so it never returns the second order. Both give some bad answers. Raises
    SimulationError when the day is too short.
    """
    first, last = _stretch("day of catching up", duration)
    lost_at = (first + last) / 2
    return Plan(
        name="catch_up",
        seed=seed,
        gateways=(_logged(seed, duration, lost_at), _unlogged(seed, duration, lost_at)),
        duration=duration,
        settlement_window=DEMO_WINDOW_SECONDS,
    )


def _logged(seed: int, duration: float, lost_at: float) -> GatewayPlan:
    lost = _lost("KRAKEN/JOHN", "XBT/USD", lost_at)
    return GatewayPlan(
        name="logged",
        seed=seed,
        duration=duration,
        contracts_rest=_CONTRACTS_REST_SECONDS,
        accounts=(
            kraken("KRAKEN/JOHN", _DEMO_RATE, CROSSING),
            _filled_during_outage(
                binance("BINANCE", _DEMO_RATE, replace(CROSSING, early_reports=True)), "ETHUSDT", lost
            ),
            bitmex("BITMEX", _DEMO_RATE / 2, replace(CROSSING, digit_order_ids=True)),
        ),
        rest=RestHabits(arrays=Arrays.NESTED, ids_as_numbers=True, history_lag=0.5, troubles=_TROUBLES),
        faults=(lost,),
    )


def _unlogged(seed: int, duration: float, lost_at: float) -> GatewayPlan:
    lost = _lost("COINBASE/DESK", "BTC-USD", lost_at)
    return GatewayPlan(
        name="unlogged",
        seed=seed,
        duration=duration,
        contracts_rest=_CONTRACTS_REST_SECONDS,
        accounts=(
            _filled_during_outage(coinbase("COINBASE/DESK", _DEMO_RATE, CROSSING), "ETH-USD", lost),
            deribit("DERIBIT", _DEMO_RATE / 2, replace(CROSSING, polled_every=1.0)),
        ),
        rest=RestHabits(history=False, orders=Grouping.GROUPED, troubles=_TROUBLES),
        faults=(lost,),
    )


def _lost(account: str, symbol: str, at: float) -> Fault:
    return Fault(kind=FaultKind.DISCONNECT_WITH_FILLS, after=at, account=account, symbol=symbol, lasting=_LOST_SECONDS)


def _filled_during_outage(account: AccountPlan, symbol: str, lost: Fault) -> AccountPlan:
    """Return an order that is placed and filled during the outage."""
    instrument = next(instrument for instrument in account.instruments if instrument.symbol == symbol)
    lot = next(flow.lot for flow in account.streams if flow.symbol == symbol)
    fill = Step(status=Status.FILLED, pause=ticks(_LOST_SECONDS / 4), amount=lot, price=instrument.price)
    script = resting(symbol, Side.BUY, instrument.price, fill, fault=lost)
    return replace(account, scripted=(*account.scripted, (lost.after + _LOST_SECONDS / 4, script)))


PLANS: Final[Mapping[str, Callable[[int, float], Plan]]] = {
    "demo": demo_plan,
    "watched": lambda seed, duration: demo_plan(seed, duration, early=True),
    "clean": lambda seed, duration: clean_plan(seed, duration=duration),
    "catch_up": catch_up_plan,
}


def _recovery(gateway: GatewayPlan) -> dict[str, object]:
    rest = gateway.rest
    return {"enabled": rest is not None, "history": rest is not None and rest.history, "cross_check": "0s"}


def plan_settings(plan: Plan, urls: Mapping[str, str], *, api_key: str | None = None) -> dict[str, object]:
    """Return the engine's settings for a plan in their TOML shape: urls, recovery, aliases, terms, schedules."""
    gateways: dict[str, object] = {}
    for gateway in plan.gateways:
        accounts: dict[str, object] = {}
        for account in gateway.accounts:
            settings: dict[str, object] = {}
            if assets := aliases(account):
                settings["assets"] = dict(assets)
            if terms := contract_terms(account):
                settings["contracts"] = {symbol: dict(instrument) for symbol, instrument in terms.items()}
            if fees := fee_rules(account):
                settings["fees"] = [dict(line) for line in fees]
            if account.funding_every is not None:
                within = f"{account.funding_every / FUNDING_WITHIN:g}s"
                settings["funding"] = {"every": f"{account.funding_every:g}s", "within": within}
            if settings:
                accounts[account.account] = settings
        entry: dict[str, object] = {
            "urls": [urls[gateway.name]],
            "accounts": accounts,
            "recovery": _recovery(gateway),
        }
        if api_key is not None:
            entry["auth"] = {"method": "header", "api_key": api_key}
        gateways[gateway.name] = entry
    return {"gateways": gateways, "accounts": {"settlement_window": f"{plan.settlement_window:g}s"}}


def demo_settings(seed: int, ports: Sequence[int], *, host: str = "127.0.0.1") -> dict[str, object]:
    """Return the settings for the demonstration; one port per gateway, in the plan's order."""
    plan = demo_plan(seed, 60.0)
    names = [gateway.name for gateway in plan.gateways]
    urls = {name: f"ws://{host}:{port}/" for name, port in zip(names, ports, strict=True)}
    return plan_settings(plan, urls)
