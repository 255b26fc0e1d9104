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

from recon.exact import ONE, ZERO, divide
from recon.ledger.fees.model import FeeModel, FeeRate, FeeSample

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
#: A rebate is at most this share of the largest fee that is learned.
REBATE_SHARE: Final = Decimal("0.25")
#: A range that was learned is widened by this share of itself.
_MARGIN: Final = Decimal("0.25")
#: Digits after the point of a learned rate, at most.
_RATE_DIGITS: Final = 12
_HALF: Final = Decimal("0.5")


def with_sample(model: FeeModel, sample: FeeSample, *, entries: int) -> FeeModel:
    """Take one more sample; return the model with what follows from all of them.

    A sample's cost is what the books lack: fees of a side that is known are booked with its fills already.
    """
    samples = (*model.samples, sample)[-MAX_SAMPLES:]
    gained, given = model.received, model.paid
    if gained is None:
        alone = [(each, each.received) for each in samples if each.received and (given is not None or not each.paid)]
        gained = _rate(alone, entries) or _same_as_other_side(alone, given, entries)
    if given is None:
        alone = [
            (each, each.paid) for each in samples if each.paid and (model.received is not None or not each.received)
        ]
        given = _rate(alone, entries) or _same_as_other_side(alone, model.received, entries)
    if gained is None and given is None:
        gained = given = _joint_rate(samples, entries)
    if gained is not None and given is not None:
        return FeeModel(received=gained, paid=given)
    if gained is not model.received or given is not model.paid:
        samples = tuple(_net_of_known_side(each, gained, given) for each in samples)
        samples = tuple(each for each in samples if each.received or each.paid)
    return FeeModel(received=gained, paid=given, samples=samples)


def _rate(samples: Sequence[tuple[FeeSample, Decimal]], entries: int) -> FeeRate | None:
    found = estimate(samples)
    return (
        None if found is None else FeeRate(found.share, found.half, entries, backlog=found.share, alternate=found.other)
    )


def _same_as_other_side(
    samples: Sequence[tuple[FeeSample, Decimal]], other: FeeRate | None, entries: int
) -> FeeRate | None:
    """Return the rate of the other side for this one too, where a few samples bear it out: most venues take alike."""
    if other is None or other.half_width:
        return None
    fitting = [each for each, leg in samples if abs(each.cost - other.share * leg) <= each.error]
    if len(fitting) < ALIKE_SAMPLES or 2 * len(fitting) <= len(samples):
        return None
    return FeeRate(other.share, ZERO, entries, backlog=other.share, alternate=other.alternate)


def _joint_rate(samples: Sequence[FeeSample], entries: int) -> FeeRate | None:
    """Return one rate for both sides where samples that hold both bear it out, and none of one side speaks against."""
    rate = _rate([(each, each.received + each.paid) for each in samples], entries)
    both = [each for each in samples if each.received and each.paid]
    if rate is None or len(both) < JOINT_SAMPLES:
        return None
    for alone in (
        both,
        [each for each in samples if not each.paid],
        [each for each in samples if not each.received],
    ):
        odd = [each for each in alone if abs(each.cost - rate.share * (each.received + each.paid)) > each.error]
        if not rate.half_width and 2 * len(odd) > len(alone):
            return None
    return rate


def _net_of_known_side(sample: FeeSample, gained: FeeRate | None, given: FeeRate | None) -> FeeSample:
    """Take from a sample what a side that is known now had cost in it."""
    if gained is not None and sample.received:
        sample = FeeSample(ZERO, sample.paid, sample.cost - gained.share * sample.received, sample.error)
    if given is not None and sample.paid:
        sample = FeeSample(sample.received, ZERO, sample.cost - given.share * sample.paid, sample.error)
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
    rate = _common_rate(samples, FEE_SAMPLES)
    if rate is not None:
        return Estimate(rate, other=_second_rate(samples, rate) if rate else None)
    if len(samples) < MIXED_SAMPLES:
        return None
    return Estimate(*_range([divide(sample.cost, leg) for sample, leg in samples]))


def _common_rate(samples: Sequence[tuple[FeeSample, Decimal]], least: int) -> Decimal | None:
    """Return the rate that samples allow, as the shortest decimal; None where there is none.

    One in five may be odd, of many samples two in five: reports that cross fills make odd samples.
    """
    bounds = [
        (divide(sample.cost - sample.error, leg), divide(sample.cost + sample.error, leg)) for sample, leg in samples
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


def _second_rate(samples: Sequence[tuple[FeeSample, Decimal]], rate: Decimal) -> Decimal | None:
    """Return a second rate that the samples left over agree on: makers and takers pay differently."""
    left = [(each, leg) for each, leg in samples if abs(each.cost - rate * leg) > each.error]
    return _common_rate(left, SECOND_SAMPLES) if len(left) >= SECOND_SAMPLES else None


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
