"""A small day of one account: fills with fees, reports that cross them, and losses that are planted. Deterministic."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from recon.ledger.fees.fee_key import FeeKey, OrderClass
from recon.ledger.fees.rate_table import RateTable
from recon.ledger.legs import Leg, Stamp
from recon.ledger.rules import FeeRule
from recon.ledger.units import UnitKey
from recon.reconciliation.model.step import Step
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.column import Report
from recon.reconciliation.trellis.steps import Opened, OpeningUncertain, Told

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
WINDOW = SECOND
QUANTUM = Decimal("0.00000001")
BASE: UnitKey = ("desk", "asset", "BTC")
QUOTE: UnitKey = ("desk", "asset", "USDT")
MARKET = "any"


@dataclass(frozen=True)
class Loss:
    """A balance falls for good, so many microseconds after the start of the day."""

    unit: UnitKey
    at: int
    amount: Decimal


@dataclass(frozen=True)
class Habits:
    """What a day is like; times in microseconds since its start."""

    seconds: int = 60
    fills_per_second: float = 1.0
    equal_sizes: bool = False
    maker: Decimal = Decimal("0.0002")
    taker: Decimal = Decimal("0.0005")
    classes: tuple[OrderClass, ...] = ("post_only", "immediate")
    #: Both rates are others from then on.
    tier_at: int | None = None
    tier: tuple[Decimal, Decimal] = (Decimal("0.0001"), Decimal("0.0004"))
    losses: tuple[Loss, ...] = ()
    resolution_us: int = 1_000
    #: Most that a message is late.
    latest: int = 400_000
    #: A fill whose report is lost until then, counted from the first: (number, time).
    late_fill: tuple[int, int] | None = None
    poll_us: int | None = None
    step: Decimal = Decimal("0.001")
    price: int = 50_000


@dataclass
class Day:
    """The events of a day in the order of their arrival: (log time, unit, leg or report)."""

    events: list[tuple[int, UnitKey, Leg | Report]] = field(default_factory=list)


def make_day(seed: int, habits: Habits) -> Day:
    """Return a day; the same seed and habits give the same day."""
    chance = Random(seed)
    legs, reports = _play(chance, habits)
    events: list[tuple[int, int, UnitKey, Leg | tuple[Decimal, ...]]] = []
    events += [(leg.arrived_us, number, key, leg) for number, (key, leg) in enumerate(legs)]
    events += [(arrived, len(legs) + number, key, (value,)) for number, (arrived, key, value) in enumerate(reports)]
    events.sort(key=lambda event: event[:2])
    day = Day()
    for seq, (arrived, _, key, what) in enumerate(events, 1):
        event = what if isinstance(what, Leg) else Report(seq, arrived, what, QUANTUM)
        day.events.append((arrived, key, event))
    return day


def _play(chance: Random, habits: Habits) -> tuple[list[tuple[UnitKey, Leg]], list[tuple[int, UnitKey, Decimal]]]:
    """Play the venue: return legs, and reports as they arrive."""
    changes = _changes(chance, habits)
    held = {BASE: Decimal(10), QUOTE: Decimal(1_000_000)}
    legs: list[tuple[UnitKey, Leg]] = []
    reports = [(START + chance.randrange(100_000), key, value) for key, value in held.items()]
    newest = {BASE: 0, QUOTE: 0}

    def report(at: int) -> None:
        for key, value in held.items():
            arrived = max(at + chance.randrange(20_000, habits.latest), newest[key] + 1)
            newest[key] = arrived
            reports.append((arrived, key, value))

    polled = START
    for number, (at, loss) in enumerate(changes):
        while habits.poll_us is not None and polled + habits.poll_us <= at:
            polled += habits.poll_us
            report(polled)
        if loss is not None:
            held[loss.unit] -= loss.amount
        else:
            late = habits.late_fill[1] + START if habits.late_fill and habits.late_fill[0] == number else None
            arrived = late or at + chance.randrange(20_000, habits.latest)
            for key, leg, fee in _fill(chance, habits, number, at, arrived):
                legs.append((key, leg))
                held[key] += leg.amount - fee
        if habits.poll_us is None:
            report(at + chance.randrange(1, 20_000))
    return legs, reports


def _changes(chance: Random, habits: Habits) -> list[tuple[int, Loss | None]]:
    changes: list[tuple[int, Loss | None]] = [(START + loss.at, loss) for loss in habits.losses]
    at = START
    while True:
        at += 1 + int(chance.expovariate(habits.fills_per_second) * SECOND)
        if at >= START + habits.seconds * SECOND:
            break
        changes.append((at, None))
    return sorted(changes, key=lambda change: change[0])


def _fill(chance: Random, habits: Habits, number: int, at: int, arrived: int) -> list[tuple[UnitKey, Leg, Decimal]]:
    order_class = chance.choice(habits.classes)
    side = chance.choice((1, -1))
    quantity = habits.step * (1 if habits.equal_sizes else chance.randrange(1, 400))
    price = Decimal(habits.price) + (0 if habits.equal_sizes else chance.randrange(-20_000, 20_000)) * Decimal("0.1")
    cash = (quantity * price).quantize(QUANTUM)
    changed = habits.tier_at is not None and at >= START + habits.tier_at
    maker, taker = habits.tier if changed else (habits.maker, habits.taker)
    rate = taker if order_class == "immediate" else maker
    fee = (cash * rate).quantize(QUANTUM)
    resolution = habits.resolution_us
    stamp = Stamp(arrived) if not resolution else Stamp(at // resolution * resolution, resolution)
    order = f"order-{number}"
    base, quote = side * quantity, -side * cash
    base_key = FeeKey("base", side, order_class, MARKET)
    quote_key = FeeKey("quote", -side, order_class, MARKET)
    return [
        (BASE, Leg(base, stamp, arrived, order, turnover=base, fee_key=base_key), Decimal(0)),
        (QUOTE, Leg(quote, stamp, arrived, order, turnover=quote, fee_key=quote_key, rounded=True), fee),
    ]


def told_rates(habits: Habits) -> RateTable:
    """Return a table that was told the day's schedule: fees are taken in the quote."""
    table = RateTable()
    table.tell([FeeRule(maker=habits.maker, taker=habits.taker, asset="quote")])
    return table


def play(trellis: AccountTrellis, day: Day, *, every_us: int | None = None) -> list[Told]:
    """Play a day; ask for what there is to tell after each event, or each so many microseconds."""
    told: list[Told] = []
    asked = 0
    for at, key, event in day.events:
        if every_us is None or at - asked >= every_us:
            told += trellis.advance(at)
            asked = at
        feed(trellis, at, key, event)
    return told + trellis.advance(day.events[-1][0] + 4_000 * SECOND)


def feed(trellis: AccountTrellis, at: int, key: UnitKey, event: Leg | Report) -> None:
    """Give one event to the comparison."""
    if isinstance(event, Leg):
        trellis.add_leg(key, event, at)
    else:
        trellis.report(key, event)


def opened(told: list[Told]) -> list[Step]:
    """Return the breaks that were told."""
    return [each.step for each in told if isinstance(each, Opened)]


def uncertain(told: list[Told]) -> list[Step]:
    """Return the openings that were told as uncertain."""
    return [each.step for each in told if isinstance(each, OpeningUncertain)]
