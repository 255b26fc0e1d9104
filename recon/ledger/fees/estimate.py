"""What fills cost beside their price: a venue's schedule where it is given, else learned. Pure (semantics 8.5).

1. A fee is a share of a fill's leg; costs are positive, rebates negative.
2. Samples are (legs received, legs paid, cost) between two agreements; rounding is allowed for, sample by sample.
3. Of the ways a venue may take fees (on both legs, on what is received, on what is paid) the one holds that samples
   bear out; while none does, nothing is learned and nothing is expected.
4. A rate is the shortest decimal that all samples allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Final, NamedTuple

import msgspec

from recon.exact import ONE, ZERO, divide
from recon.ledger.rules import FeeRule

#: Samples that must agree before a rate is learned.
FEE_SAMPLES: Final = 5
#: Samples after which a mixture of rates (maker and taker, say) is learned as a range.
MIXED_SAMPLES: Final = 20
#: Samples that bear out a second rate beside the first.
SECOND_SAMPLES: Final = 2
#: Fees in a row at the rate that is seldom taken, after which it is the one expected.
SELDOM_NO_MORE: Final = 3
#: Samples of one side that bear out the rate of the other.
ALIKE_SAMPLES: Final = 2
#: Samples of both sides at once that must bear out one rate for both.
JOINT_SAMPLES: Final = 4
#: Samples from which on more of them may be odd.
MANY_SAMPLES: Final = 8
#: Samples kept while learning, the latest.
MAX_SAMPLES: Final = 24
#: Digits of a fee in the books; what a venue rounds beyond is in the tolerance.
FEE_DIGITS: Final = 12
FEE_QUANTUM: Final = Decimal("1e-12")
#: A rebate is at most this share of the largest fee that is learned.
REBATE_SHARE: Final = Decimal("0.25")
#: A range that was learned is widened by this share of itself.
_MARGIN: Final = Decimal("0.25")
#: Digits after the point of a learned rate, at most.
_RATE_DIGITS: Final = 12
_HALF: Final = Decimal("0.5")
#: Orders that add liquidity only, and those that take it only; of any other it is not known.
_MAKER: Final = frozenset({"MAKER_OR_CANCEL", "POST_ONLY"})
_TAKER: Final = frozenset({"IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"})


class FeeSample(msgspec.Struct, frozen=True, gc=False):
    """What fills cost between two agreements: legs received and paid, the cost, and what rounding may hide of it."""

    gained: Decimal
    given: Decimal
    cost: Decimal
    blur: Decimal


class FeeRate(msgspec.Struct, frozen=True, gc=False):
    """The share of one side's legs that is taken, give or take `half`, or now and then an `other` one instead.

    Fills up to entry `since` stand in the books without a share `owed` of their legs; later ones have their fee.
    """

    share: Decimal
    half: Decimal = ZERO
    since: int = 0
    owed: Decimal = ZERO
    other: Decimal | None = None

    @property
    def known(self) -> tuple[Decimal, ...]:
        """Return the rates that it may be each time."""
        return (self.share,) if self.other is None else (self.share, self.other)


class FeeModel(msgspec.Struct, frozen=True, gc=False):
    """What is known of a unit's fees: the rate on legs received and on legs paid; None while it is being learned."""

    gained: FeeRate | None = None
    given: FeeRate | None = None
    samples: tuple[FeeSample, ...] = ()

    @property
    def learned(self) -> bool:
        """Tell whether both sides are known."""
        return self.gained is not None and self.given is not None

    @property
    def unsure(self) -> bool:
        """Tell whether what a single fill costs is not known."""
        return any(rate is not None and (rate.half or rate.other is not None) for rate in (self.gained, self.given))

    @property
    def vague(self) -> bool:
        """Tell whether what a fill costs is known as a range alone."""
        return any(rate is not None and rate.half for rate in (self.gained, self.given))

    def of(self, leg: Decimal) -> Decimal:
        """Return the expected cost of a leg, by its sign."""
        rate = self.gained if leg > 0 else self.given
        return divide(rate.share * abs(leg), ONE, FEE_DIGITS) if rate is not None and rate.share else ZERO

    def open_of(self, leg: Decimal) -> tuple[Decimal, Decimal]:
        """Return how far off the cost of a leg may be, and what the balance gains if the other rate is taken."""
        rate = self.gained if leg > 0 else self.given
        if rate is None:
            return ZERO, ZERO
        other = ZERO if rate.other is None else (rate.share - rate.other) * abs(leg)
        return divide(rate.half * abs(leg), ONE, FEE_DIGITS), divide(other, ONE, FEE_DIGITS)

    def taken_for_free(self, gained: Decimal, given: Decimal) -> bool:
        """Tell whether most samples of these legs cost nothing: then a cost is rather a report that crossed a fill."""
        sides = [[each for each in self.samples if each.gained]] if gained else []
        sides += [[each for each in self.samples if each.given]] if given else []
        return bool(sides) and all(
            2 * sum(1 for each in side if abs(each.cost) <= each.blur) > len(side) for side in sides
        )

    def unknown(self, gained: Decimal, given: Decimal) -> Decimal:
        """Return the legs among these of which it is not known what they cost."""
        return (gained if self.gained is None else ZERO) + (given if self.given is None else ZERO)


def swapped(model: FeeModel) -> FeeModel:
    """Return a model that expects the rates that were taken now and then: a tier has changed, or a habit."""
    gained, given = (
        rate if rate is None or rate.other is None else FeeRate(rate.other, since=rate.since, other=rate.share)
        for rate in (model.gained, model.given)
    )
    return msgspec.structs.replace(model, gained=gained, given=given)


def with_sample(model: FeeModel, sample: FeeSample, *, entries: int) -> FeeModel:
    """Take one more sample; return the model with what follows from all of them.

    A sample's cost is what the books lack: fees of a side that is known are booked with its fills already.
    """
    samples = (*model.samples, sample)[-MAX_SAMPLES:]
    gained, given = model.gained, model.given
    if gained is None:
        alone = [(each, each.gained) for each in samples if each.gained and (given is not None or not each.given)]
        gained = _rate(alone, entries) or _alike(alone, given, entries)
    if given is None:
        alone = [(each, each.given) for each in samples if each.given and (model.gained is not None or not each.gained)]
        given = _rate(alone, entries) or _alike(alone, model.gained, entries)
    if gained is None and given is None:
        gained = given = _joint(samples, entries)
    if gained is not None and given is not None:
        return FeeModel(gained=gained, given=given)
    if gained is not model.gained or given is not model.given:
        samples = tuple(_less(each, gained, given) for each in samples)
        samples = tuple(each for each in samples if each.gained or each.given)
    return FeeModel(gained=gained, given=given, samples=samples)


def _rate(samples: Sequence[tuple[FeeSample, Decimal]], entries: int) -> FeeRate | None:
    found = estimate(samples)
    return None if found is None else FeeRate(found.share, found.half, entries, owed=found.share, other=found.other)


def _alike(samples: Sequence[tuple[FeeSample, Decimal]], other: FeeRate | None, entries: int) -> FeeRate | None:
    """Return the rate of the other side for this one too, where a few samples bear it out: most venues take alike."""
    if other is None or other.half:
        return None
    fitting = [each for each, leg in samples if abs(each.cost - other.share * leg) <= each.blur]
    if len(fitting) < ALIKE_SAMPLES or 2 * len(fitting) <= len(samples):
        return None
    return FeeRate(other.share, ZERO, entries, owed=other.share, other=other.other)


def _joint(samples: Sequence[FeeSample], entries: int) -> FeeRate | None:
    """Return one rate for both sides where samples that hold both bear it out, and none of one side speaks against."""
    rate = _rate([(each, each.gained + each.given) for each in samples], entries)
    both = [each for each in samples if each.gained and each.given]
    if rate is None or len(both) < JOINT_SAMPLES:
        return None
    for alone in (
        both,
        [each for each in samples if not each.given],
        [each for each in samples if not each.gained],
    ):
        odd = [each for each in alone if abs(each.cost - rate.share * (each.gained + each.given)) > each.blur]
        if not rate.half and 2 * len(odd) > len(alone):
            return None
    return rate


def _less(sample: FeeSample, gained: FeeRate | None, given: FeeRate | None) -> FeeSample:
    """Take from a sample what a side that is known now had cost in it."""
    if gained is not None and sample.gained:
        sample = FeeSample(ZERO, sample.given, sample.cost - gained.share * sample.gained, sample.blur)
    if given is not None and sample.given:
        sample = FeeSample(sample.gained, ZERO, sample.cost - given.share * sample.given, sample.blur)
    return sample


class Estimate(NamedTuple):
    """A share of legs, give or take `half`, or now and then an `other` one instead."""

    share: Decimal
    half: Decimal = ZERO
    other: Decimal | None = None


def estimate(samples: Sequence[tuple[FeeSample, Decimal]]) -> Estimate | None:
    """Return the share of their legs that samples bear out; None while they do not."""
    if len(samples) < FEE_SAMPLES:
        return None
    rate = _common(samples, FEE_SAMPLES)
    if rate is not None:
        return Estimate(rate, other=_second(samples, rate) if rate else None)
    if len(samples) < MIXED_SAMPLES:
        return None
    return Estimate(*_range([divide(sample.cost, leg) for sample, leg in samples]))


def _common(samples: Sequence[tuple[FeeSample, Decimal]], least: int) -> Decimal | None:
    """Return the rate that samples allow, as the shortest decimal; None where there is none.

    One in five may be odd, of many samples two in five: reports that cross fills make odd samples.
    """
    bounds = [
        (divide(sample.cost - sample.blur, leg), divide(sample.cost + sample.blur, leg)) for sample, leg in samples
    ]
    best: tuple[Decimal, Decimal] | None = None
    agreeing = 0
    for low, _ in bounds:
        holding = [bound for bound in bounds if bound[0] <= low <= bound[1]]
        if len(holding) > agreeing:
            agreeing, best = len(holding), (max(each[0] for each in holding), min(each[1] for each in holding))
    odd = len(bounds) // 5 if len(bounds) < MANY_SAMPLES else 2 * len(bounds) // 5
    if best is None or len(bounds) - agreeing > odd or agreeing < least - len(bounds) // 5:
        return None
    return shortest(*best)


def _second(samples: Sequence[tuple[FeeSample, Decimal]], rate: Decimal) -> Decimal | None:
    """Return a second rate that the samples left over agree on: makers and takers pay differently."""
    left = [(each, leg) for each, leg in samples if abs(each.cost - rate * leg) > each.blur]
    return _common(left, SECOND_SAMPLES) if len(left) >= SECOND_SAMPLES else None


def _range(rates: list[Decimal]) -> tuple[Decimal, Decimal]:
    """Return the middle and half width of the middle nine tenths of some rates."""
    ordered = sorted(rates)
    cut = len(ordered) // 20
    low, high = ordered[cut], ordered[-1 - cut]
    middle, half = (low + high) * _HALF, (high - low) * _HALF * (ONE + _MARGIN)
    return shortest(middle, middle), divide(half, ONE, _RATE_DIGITS)


def shortest(low: Decimal, high: Decimal) -> Decimal:
    """Return the decimal with the fewest digits between two bounds, zero before any other."""
    if low <= 0 <= high:
        return ZERO
    for digits in range(_RATE_DIGITS + 1):
        step = ONE.scaleb(-digits)
        upper = low.quantize(step, rounding=ROUND_CEILING, context=_ROUNDING)
        if upper <= high:
            return upper
    return low.quantize(ONE.scaleb(-_RATE_DIGITS), rounding=ROUND_FLOOR, context=_ROUNDING)


_ROUNDING: Final = Context(prec=120)


def rule_of(rules: Sequence[FeeRule], symbol: str | None, instrument: str | None) -> FeeRule | None:
    """Return the first line of a schedule that matches a fill, None where it tells nothing of it."""
    for rule in rules:
        if rule.symbol is not None and rule.symbol != symbol:
            continue
        if rule.instrument is not None and rule.instrument != instrument:
            continue
        if rule.maker is not None or rule.taker is not None:
            return rule
    return None


def liquidity(time_in_force: str | None, exec_inst: Sequence[str] | str | None) -> str | None:
    """Tell whether an order makes or takes liquidity, None where it may do either (semantics 8.5)."""
    instructions = (exec_inst,) if isinstance(exec_inst, str) else exec_inst or ()
    if any(each in _MAKER for each in instructions):
        return "maker"
    return "taker" if time_in_force in _TAKER else None


def rates_of(rule: FeeRule, kind: str | None) -> tuple[Decimal, Decimal]:
    """Return the rate that a line names for an order's liquidity, and the other that it may have been.

    An order that may do either is taken for a maker: most of those that rest in the book are.
    """
    maker = rule.maker if rule.maker is not None else rule.taker
    taker = rule.taker if rule.taker is not None else rule.maker
    if maker is None or taker is None:
        return ZERO, ZERO
    if kind is None:
        return maker, taker
    return (maker, maker) if kind == "maker" else (taker, taker)
