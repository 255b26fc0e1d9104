"""The lives of orders as scripts, handwritten or drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from recon.exact import ZERO
from recon.simulator.fault import Fault
from recon.simulator.instruments import Instrument, Side
from recon.simulator.rng import Dice
from recon.simulator.ticks import ticks
from recon.simulator.venue.ledger import Effect
from recon.simulator.venue.orders import POST_ONLY, Status

#: Longest pause between two steps of a random order in the book, in seconds.
_MAX_PAUSE_SECONDS: Final = 1.2
#: Largest distance of a price from its start, as a share.
_PRICE_BAND: Final = Decimal("0.05")
_MAX_PRICE_STEPS: Final = 5
_MAKES: Final = (POST_ONLY,)
_REJECTIONS: Final = ("EGeneral:Invalid arguments:volume", "EOrder:Insufficient funds", "Order would cross")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an order's life.

    `pause` is in ticks since the step before. `amount` and `price` are those of the fill. `delay` (ticks) replaces the
    report's own delay and queue. A `lost` report is never sent. `fee` (asset, amount) is charged on top of the venue's.
    `twins` splits the fill into two equal ones at the same moment. `beyond` allows a fill above the ordered amount. The
    report `takes_back` the last fill; `misprices` is the error of its average price, as a share.
    """

    status: Status
    pause: int = 1
    amount: Decimal | None = None
    price: Decimal | None = None
    delay: int | None = None
    lost: bool = False
    fee: tuple[str, Decimal] | None = None
    twins: bool = False
    beyond: bool = False
    takes_back: bool = False
    misprices: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """An order and its life; `fault` is the fault that it belongs to, None for ordinary trading."""

    symbol: str
    side: Side
    price: Decimal
    amount: Decimal
    steps: tuple[Step, ...]
    time_in_force: str = "GOOD_TILL_CANCEL"
    exec_inst: tuple[str, ...] = ()
    effect: Effect = Effect.NET
    error: str | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """More trading from a second of the day on, for a number of seconds, beside the stream's own."""

    after: float
    lasting: float
    fills_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Random trading of one symbol at a mean rate of fills per second.

    Each fill is `lot`, or with `varied` any multiple of the size step up to three lots. `post_only` is the share of
    resting orders that only make. `bursts` come on top.
    """

    symbol: str
    fills_per_second: float
    lot: Decimal
    varied: bool = True
    max_fills: int = 3
    post_only: float = 0.0
    bursts: tuple[Burst, ...] = ()

    @property
    def orders_per_second(self) -> float:
        """Return the rate of orders that yields the rate of fills."""
        return self.fills_per_second / _mean_fills(self.max_fills)

    def in_burst(self, burst: Burst) -> Stream:
        """Return the stream of a burst."""
        return replace(self, fills_per_second=burst.fills_per_second, bursts=())


def early_steps() -> tuple[Step, ...]:
    """Return the steps of an order on its way to the venue."""
    return (
        Step(status=Status.RECEIVED),
        Step(status=Status.ROUTING, pause=ticks(0.0006)),
        Step(status=Status.ROUTED, pause=ticks(0.002)),
    )


def resting(
    symbol: str,
    side: Side,
    price: Decimal,
    *fills: Step,
    effect: Effect = Effect.NET,
    fault: Fault | None = None,
) -> Script:
    """Return a script of an order that rests in the book, then follows these steps and is filled in full."""
    return Script(
        symbol=symbol,
        side=side,
        price=price,
        amount=sum((fill.amount for fill in fills if fill.amount is not None), ZERO),
        steps=(*early_steps(), Step(status=Status.NEW, pause=ticks(0.003)), *fills),
        effect=effect,
        fault=fault,
    )


class Walk:
    """The price of one instrument: a random walk in whole steps within a band around its start."""

    def __init__(self, instrument: Instrument) -> None:
        self._step = instrument.price_step
        self._low = instrument.price - instrument.price * _PRICE_BAND
        self._high = instrument.price + instrument.price * _PRICE_BAND
        self.price = instrument.price

    def next(self, dice: Dice) -> Decimal:
        """Move the price some steps up or down and return it."""
        walked = self.price + self._step * dice.randint(-_MAX_PRICE_STEPS, _MAX_PRICE_STEPS)
        if self._low <= walked <= self._high:
            self.price = walked
        return self.price


@dataclass(frozen=True, slots=True)
class _Draft:
    """The inputs of the shapes below: the planned fills, and the dice."""

    dice: Dice
    instrument: Instrument
    side: Side
    price: Decimal
    lots: tuple[Decimal, ...]

    def pause(self) -> int:
        return ticks(self.dice.uniform(0.01, _MAX_PAUSE_SECONDS)) + self.dice.randrange(10)

    def fill_price(self) -> Decimal:
        """Return the limit or a slightly better price. Contracts fill at the limit, so their average stays exact."""
        if self.instrument.is_contract:
            return self.price
        return self.price - self.instrument.price_step * self.dice.randint(0, 3) * self.side.sign

    def partial(self, lot: Decimal) -> Step:
        return Step(status=Status.PARTIALLY_FILLED, pause=self.pause(), amount=lot, price=self.fill_price())

    def filled(self, lot: Decimal) -> Step:
        return Step(status=Status.FILLED, pause=self.pause(), amount=lot, price=self.fill_price())

    def new(self) -> Step:
        return Step(status=Status.NEW, pause=ticks(self.dice.uniform(0.003, 0.03)))


def _fills(draft: _Draft) -> tuple[Step, ...]:
    *partial, last = draft.lots
    return (draft.new(), *(draft.partial(lot) for lot in partial), draft.filled(last))


def _takes(draft: _Draft) -> tuple[Step, ...]:
    """Immediate or cancel: the first lot fills, the rest is cancelled."""
    if len(draft.lots) == 1:
        return (draft.filled(draft.lots[0]),)
    return (draft.partial(draft.lots[0]), Step(status=Status.CANCELED, pause=ticks(0.0005)))


def _canceled(draft: _Draft) -> tuple[Step, ...]:
    partial = (draft.partial(draft.lots[0]),) if len(draft.lots) > 1 else ()
    ending = (
        Step(status=Status.PENDING_CANCEL, pause=draft.pause()),
        Step(status=Status.CANCELED, pause=ticks(0.08)),
    )
    return (draft.new(), *partial, *ending)


def _cancel_loses(draft: _Draft) -> tuple[Step, ...]:
    *partial, last = draft.lots
    pending = Step(status=Status.PENDING_CANCEL, pause=draft.pause())
    return (draft.new(), *(draft.partial(lot) for lot in partial), pending, draft.filled(last))


def _cancel_refused(draft: _Draft) -> tuple[Step, ...]:
    pending = Step(status=Status.PENDING_CANCEL, pause=draft.pause())
    return (draft.new(), pending, *_fills(draft))


def _post_only(draft: _Draft) -> tuple[Step, ...]:
    return (draft.new(), Step(status=Status.CANCELED, pause=ticks(0.0009)))


def _rejected(draft: _Draft) -> tuple[Step, ...]:
    return (Step(status=Status.REJECTED, pause=ticks(draft.dice.uniform(0.02, 0.2))),)


@dataclass(frozen=True, slots=True)
class _Shape:
    weight: int
    steps: Callable[[_Draft], tuple[Step, ...]]
    fills: Callable[[int], float]
    time_in_force: str = "GOOD_TILL_CANCEL"
    exec_inst: tuple[str, ...] = ()


def _all(lots: int) -> float:
    return float(lots)


_SHAPES: Final = (
    _Shape(66, _fills, _all),
    _Shape(12, _takes, lambda _: 1.0, time_in_force="IMMEDIATE_OR_CANCEL"),
    _Shape(8, _canceled, lambda lots: float(lots > 1)),
    _Shape(4, _cancel_loses, _all),
    _Shape(3, _cancel_refused, _all),
    _Shape(3, _post_only, lambda _: 0.0, exec_inst=_MAKES),
    _Shape(4, _rejected, lambda _: 0.0),
)


def _mean_fills(max_fills: int) -> float:
    weight = sum(shape.weight for shape in _SHAPES)
    lots = range(1, max_fills + 1)
    return sum(shape.weight * shape.fills(n) for shape in _SHAPES for n in lots) / (weight * len(lots))


def draw_lots(dice: Dice, instrument: Instrument, stream: Stream) -> tuple[Decimal, ...]:
    """Draw the amounts of an order's fills."""
    count = dice.randint(1, stream.max_fills)
    if not stream.varied:
        return (stream.lot,) * count
    most = int(3 * stream.lot / instrument.size_step)
    return tuple(instrument.size_step * dice.randint(1, most) for _ in range(count))


def draw_script(
    dice: Dice,
    instrument: Instrument,
    lots: tuple[Decimal, ...],
    *,
    side: Side,
    price: Decimal,
    effect: Effect,
    post_only: float = 0.0,
) -> Script:
    """Draw the life of one order; `post_only` is the share of orders filled in the book that only make."""
    shape = dice.choices(_SHAPES, weights=[each.weight for each in _SHAPES])[0]
    steps = shape.steps(_Draft(dice, instrument, side, price, lots))
    rejected = steps[-1].status is Status.REJECTED
    early = early_steps()
    if rejected and dice.random() < 0.5:
        early = early[:2]  # rejected at submission: ROUTING -> REJECTED happens live
    only_makes = post_only > 0 and shape.steps is _fills and dice.random() < post_only
    return Script(
        symbol=instrument.symbol,
        side=side,
        price=price,
        amount=sum(lots, ZERO),
        steps=(*early, *steps),
        time_in_force=shape.time_in_force,
        exec_inst=_MAKES if only_makes else shape.exec_inst,
        effect=effect,
        error=dice.choice(_REJECTIONS) if rejected else None,
    )
