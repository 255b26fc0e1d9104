"""The days of the benchmark: flows of trading, six accounts with fees of several kinds, programmes of faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import product
from random import Random
from typing import Final, NamedTuple

from recon.simulator.fault import Fault, FaultKind
from recon.simulator.habits import CROSSING
from recon.simulator.instruments import Side
from recon.simulator.plan import GatewayPlan, Plan
from recon.simulator.venue.account_plan import AccountPlan
from recon.simulator.venue.fees import RECEIVED, Fees, Tier
from recon.simulator.venues import binance, bitmex, coinbase, deribit_futures, kraken, with_fees
from tests.faults.variants import PLAIN, VARIANTS, varied

D = Decimal
#: Seconds of a day, and of the quiet after it in which everything is judged.
DAY_SECONDS: Final = 130.0
QUIET_SECONDS: Final = 70.0
#: Settlement window that the engine is told, in seconds: messages cross by at most 0.3 s.
WINDOW_SECONDS: Final = 1.0
#: Grid of funding, in seconds.
FUNDING_EVERY: Final = 20.0
#: Each fault comes up to so many seconds later than its programme says; those at one time stay together.
JITTER_SECONDS: Final = 3.0
#: Fills a second of the busiest unit of each account.
RATES: Final = (0.1, 0.5, 2.0, 10.0)
#: Up to here the targets hold.
TARGET_RATE: Final = 2.0
#: Long days: fills a second of the busiest unit, and seconds.
LONG: Final = ((0.5, 7_200.0), (0.02, 86_400.0))
#: The name of a day without faults.
CLEAN: Final = "clean"

JOHN: Final = "KRAKEN/JOHN"
DESK: Final = "COINBASE/DESK"
BNB: Final = "BINANCE/BNB"


class Flow(NamedTuple):
    """How a day trades and is told of: fills a second, sizes, seconds between polls (None: told after each fill)."""

    rate: float
    equal_sizes: bool
    polled: float | None

    def __str__(self) -> str:
        sizes = "equal" if self.equal_sizes else "varied"
        told = "after each fill" if self.polled is None else f"polled each {self.polled:g} s"
        return f"{self.rate:g}/s, {sizes} sizes, {told}"


class Day(NamedTuple):
    """One day to play: `programme` names its faults, None is a clean day; `published`: the engine is told the fees.

    `variant` is the name of one of the variants, or that of the day as it is; `seconds` is how long the day lasts.
    """

    flow: Flow
    programme: str | None
    published: bool
    seed: int
    variant: str = PLAIN
    seconds: float = DAY_SECONDS

    def __str__(self) -> str:
        fees = "published" if self.published else "unpublished"
        varied_as = f", {self.variant}" if self.variant else ""
        return f"{self.flow}, {fees} fees, {self.programme or CLEAN}{varied_as}, seed {self.seed}"

    @property
    def code(self) -> str:
        """Return the day in one word, for `--replay`."""
        flow = self.flow
        told = "fill" if flow.polled is None else f"{flow.polled:g}s"
        return "/".join(
            [
                f"{flow.rate:g}", "equal" if flow.equal_sizes else "varied", told, self.programme or CLEAN,
                "told" if self.published else "untold", str(self.seed), self.variant or "plain", f"{self.seconds:g}",
            ]
        )  # fmt: skip

    @staticmethod
    def of(code: str) -> Day:
        """Return the day of a code; ValueError for what is none."""
        rate, sizes, told, programme, fees, seed, variant, seconds = code.split("/")
        flow = Flow(float(rate), sizes == "equal", None if told == "fill" else float(told.removesuffix("s")))
        return Day(
            flow, None if programme == CLEAN else programme, fees == "told", int(seed),
            PLAIN if variant == "plain" else variant, float(seconds),
        )  # fmt: skip

    def plan(self) -> Plan:
        faults = () if self.programme is None else planned(PROGRAMMES[self.programme], self.seed)
        gateway = GatewayPlan(
            name="sim",
            seed=self.seed,
            duration=self.seconds,
            accounts=accounts(self.flow, published=self.published, seconds=self.seconds),
            faults=faults,
        )
        return Plan(
            name=str(self),
            seed=self.seed,
            gateways=(varied(self.variant, gateway),),
            duration=self.seconds,
            settlement_window=WINDOW_SECONDS,
        )


def flows(rates: Sequence[float] = RATES) -> list[Flow]:
    return [Flow(*each) for each in product(rates, (False, True), (None, 1.0))]


def days(chosen: Sequence[Flow], seeds: Sequence[int]) -> list[Day]:
    """Every programme and a clean day of each flow, with the fees told and not, once a seed."""
    return [
        Day(flow, programme, published, seed)
        for seed in seeds
        for flow in chosen
        for programme in (None, *PROGRAMMES)
        for published in (True, False)
    ]


def varied_days(chosen: Sequence[Flow], seeds: Sequence[int], names: Sequence[str]) -> list[Day]:
    """Every programme and a clean day of each flow in each variant; a variant's own rate and length take the place."""
    made: dict[Day, None] = {}
    for name in names:
        own = VARIANTS[name]
        for day in days(chosen, seeds):
            flow = day.flow if own.rate is None else day.flow._replace(rate=own.rate)
            made[day._replace(flow=flow, variant=name, seconds=own.seconds or day.seconds)] = None
    return list(made)


def long_days(seeds: Sequence[int]) -> list[Day]:
    """Clean days of hours, with the fees told and not, once a seed."""
    return [
        Day(Flow(rate, equal_sizes=False, polled=None), None, published, seed, seconds=seconds)
        for seed in seeds
        for rate, seconds in LONG
        for published in (True, False)
    ]


def _fees(maker: str, taker: str, *later: tuple[float, str, str], taken_in: str = "quote") -> Fees:
    tiers = [Tier(maker=D(maker), taker=D(taker))]
    tiers += [Tier(since=since, maker=D(cheaper), taker=D(dearer)) for since, cheaper, dearer in later]
    return Fees(tiers=tuple(tiers), taken_in=taken_in)


#: Each account's make, its fees, and the share of its resting orders that only make. COINBASE/DESK changes its tier
#: in the middle of the day; BITMEX pays makers.
_ACCOUNTS: Final[tuple[tuple[str, Callable[..., AccountPlan], Fees, float], ...]] = (
    (JOHN, kraken, _fees("0.0016", "0.0026"), 0.2),
    ("BINANCE", binance, _fees("0.001", "0.001", taken_in=RECEIVED), 0.0),
    (BNB, binance, _fees("0.00075", "0.00075", taken_in="BNB"), 0.0),
    (DESK, coinbase, _fees("0.0025", "0.004", (DAY_SECONDS / 2, "0.0015", "0.0025")), 0.2),
    ("BITMEX", bitmex, _fees("-0.0001", "0.0005"), 0.3),
    ("DERIBIT", deribit_futures, _fees("0", "0.0005"), 0.0),
)


def _stretched(fees: Fees, seconds: float) -> Fees:
    """Return fees whose tiers change at the same share of a longer day."""
    tiers = (replace(tier, since=tier.since * seconds / DAY_SECONDS) for tier in fees.tiers)
    return replace(fees, tiers=tuple(tiers))


def accounts(flow: Flow, *, published: bool, seconds: float = DAY_SECONDS) -> tuple[AccountPlan, ...]:
    habits = replace(CROSSING, polled_every=flow.polled, liquidation_prices=True)
    made = []
    for name, make, fees, post_only in _ACCOUNTS:
        own = replace(habits, cash_quantum=D("0.01")) if make is coinbase else habits
        plain = make(name, flow.rate, own, varied=not flow.equal_sizes)
        paid = with_fees(plain, replace(_stretched(fees, seconds), published=published), post_only=post_only)
        contracts = any(each.is_contract for each in paid.instruments)
        made.append(replace(paid, funding_every=FUNDING_EVERY) if contracts else paid)
    return tuple(made)


def _at(after: float, kind: FaultKind, account: str, **more: str | Decimal | float | Side) -> Fault:
    return Fault(kind=kind, after=after, account=account, **more)  # type: ignore[arg-type]  # the keys of Fault


K = FaultKind
PROGRAMMES: Final[dict[str, tuple[Fault, ...]]] = {
    "orders": (
        _at(45, K.LOST_FILL, JOHN, symbol="XBT/USD"),
        _at(75, K.EXTERNAL_ORDER, JOHN, symbol="ETH/USD"),
        _at(50, K.LOST_TWIN, "BINANCE", symbol="BTCUSDT"),
        _at(60, K.TWIN_FILLS, "BINANCE", symbol="SOLUSDT"),
        _at(85, K.OVERFILL, "BINANCE", symbol="ETHUSDT"),
        _at(50, K.LATE_FILL, BNB, symbol="ETHUSDT", lasting=40.0),
        _at(55, K.INCONSISTENT_REPORT, DESK, symbol="BTC-USD", amount=D("0.4")),
        _at(80, K.AMOUNT_REGRESSION, DESK, symbol="ETH-USD", lasting=15.0),
        _at(65, K.LOST_FILL, "BITMEX", symbol="XBTUSD"),
        _at(90, K.EXTERNAL_ORDER, "BITMEX", symbol="XBTUSDT"),
        _at(60, K.LOST_FILL, "DERIBIT", symbol="BTC-PERPETUAL"),
    ),
    "gaps": (
        _at(45, K.DISCONNECT_WITH_FILLS, JOHN, symbol="XBT/USD"),
        _at(70, K.RESTART, "BINANCE", symbol="ETHUSDT"),
        _at(90, K.SILENT_STALL, "BITMEX", symbol="XBTUSD", lasting=14.0),
    ),
    "money": (
        _at(45, K.DEPOSIT, JOHN, asset="ZUSD", amount=D(20000)),
        _at(60, K.WITHDRAWAL, JOHN, asset="XETH", amount=D(3), lasting=6.0),
        _at(90, K.TRANSFER, JOHN, asset="XXBT", amount=D("0.5"), to=DESK, network_fee=D("0.0002"), symbol="XBT/USD"),
        _at(50, K.CONVERSION, "BINANCE", asset="BTC", into="ETH", amount=D("0.3")),
        _at(80, K.REWARD, "BINANCE", asset="USDT", amount=D(600)),
        _at(55, K.FEE, BNB, symbol="BTCUSDT", amount=D(3)),
        _at(85, K.DEPOSIT, BNB, asset="BNB", amount=D(5)),
        _at(50, K.WRONG_BALANCE, DESK, asset="ETH", amount=D("-0.75")),
        _at(100, K.UNIT_OR_SIDE, DESK, asset="ETH", amount=D(1000)),
        _at(60, K.FUNDING, "BITMEX", symbol="XBTUSD"),
        _at(90, K.INTEREST, "BITMEX", asset="USDt", amount=D(90)),
        _at(80, K.FUNDING, "DERIBIT", symbol="BTC-PERPETUAL"),
    ),
    "positions": (
        _at(50, K.LIQUIDATION, "BITMEX", symbol="XBTUSDT"),
        _at(70, K.ADL, "BITMEX", symbol="XBTUSD"),
        _at(60, K.EXPIRY, "DERIBIT", symbol="BTC-5JAN26"),
        _at(90, K.UNIT_OR_SIDE, "DERIBIT", symbol="BTC-PERPETUAL"),
        _at(55, K.LOST_FILL, JOHN, symbol="XBT/USD"),
        _at(55, K.DEPOSIT, JOHN, asset="ZUSD", amount=D(20000)),
        _at(60, K.CONVERSION, "BINANCE", asset="BTC", into="USDT", amount=D("0.2")),
        _at(65, K.EXTERNAL_ORDER, DESK, symbol="BTC-USD", side=Side.SELL, amount=D("0.0173")),
        _at(85, K.TRANSFER, BNB, asset="BTC", amount=D(1), to="BINANCE", network_fee=D("0.0003"), lasting=2.0),
    ),
}


def planned(faults: Sequence[Fault], seed: int) -> tuple[Fault, ...]:
    """Return a programme's faults at the times of a seed; those at one time on one account stay together."""
    dice = Random(f"faults/{seed}")
    late: dict[tuple[str, float], float] = {}
    for fault in faults:
        late.setdefault((fault.account, fault.after), dice.uniform(0, JITTER_SECONDS))
    return tuple(replace(fault, after=fault.after + late[fault.account, fault.after]) for fault in faults)
