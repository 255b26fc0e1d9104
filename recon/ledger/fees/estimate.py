"""Estimate fee rates from samples, where no schedule names the rates. Pure (semantics 8.5).

1. A fee is a share of a fill's turnover; costs are positive, rebates negative.
2. A sample is (turnover received, turnover paid, cost) between two agreements, with its own rounding error.
3. A venue may take fees on turnover received, on turnover paid, or on both: samples decide. Until samples support a
   rate, no fee is expected.
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
#: Samples that support a second rate beside the first.
SECOND_SAMPLES: Final = 2
#: Fees in a row at the alternate rate, after which the alternate is the expected rate.
SELDOM_NO_MORE: Final = 3
#: Samples of a side that support the rate of the other side.
ALIKE_SAMPLES: Final = 2
#: Samples of both sides at once that must support a joint rate.
JOINT_SAMPLES: Final = 4
#: The number of samples from which on a larger share may be odd.
MANY_SAMPLES: Final = 8
#: Samples kept while learning: the latest.
MAX_SAMPLES: Final = 24
#: The largest rebate learned, as a share of the largest fee learned.
REBATE_SHARE: Final = Decimal("0.25")
#: A learned range is widened by this share of itself.
_MARGIN: Final = Decimal("0.25")
#: Digits after the point of a learned rate, at most.
_RATE_DIGITS: Final = 12
_HALF: Final = Decimal("0.5")


def with_sample(model: FeeModel, sample: FeeSample, *, entries: int) -> FeeModel:
    """Return the model with a sample added, and with the rates that all samples then support.

    A sample's cost excludes posted fees: fees of a side with a learned rate are posted with their fills.
    """
    samples = (*model.samples, sample)[-MAX_SAMPLES:]
    received, paid = model.received, model.paid
    if received is None:
        of_received = [
            (sample, sample.received) for sample in samples if sample.received and (paid is not None or not sample.paid)
        ]
        received = _rate(of_received, entries) or _same_as_other_side(of_received, paid, entries)
    if paid is None:
        of_paid = [
            (sample, sample.paid)
            for sample in samples
            if sample.paid and (model.received is not None or not sample.received)
        ]
        paid = _rate(of_paid, entries) or _same_as_other_side(of_paid, model.received, entries)
    if received is None and paid is None:
        received = paid = _joint_rate(samples, entries)
    if received is not None and paid is not None:
        return FeeModel(received=received, paid=paid)
    if received is not model.received or paid is not model.paid:
        samples = tuple(_net_of_known_side(sample, received, paid) for sample in samples)
        samples = tuple(sample for sample in samples if sample.received or sample.paid)
    return FeeModel(received=received, paid=paid, samples=samples)


def _rate(samples: Sequence[tuple[FeeSample, Decimal]], entries: int) -> FeeRate | None:
    rate = estimate(samples)
    if rate is None:
        return None
    return FeeRate(rate.share, rate.half_width, entries, backlog=rate.share, alternate=rate.alternate)


def _same_as_other_side(
    samples: Sequence[tuple[FeeSample, Decimal]], rate: FeeRate | None, entries: int
) -> FeeRate | None:
    """Return the other side's rate for this side too, if a few samples support the rate: most venues charge alike."""
    if rate is None or rate.half_width:
        return None
    fitting = [sample for sample, leg in samples if abs(sample.cost - rate.share * leg) <= sample.error]
    if len(fitting) < ALIKE_SAMPLES or 2 * len(fitting) <= len(samples):
        return None
    return FeeRate(rate.share, ZERO, entries, backlog=rate.share, alternate=rate.alternate)


def _joint_rate(samples: Sequence[FeeSample], entries: int) -> FeeRate | None:
    """Return a rate for both sides, if samples of both sides support the rate and no single side contradicts it."""
    rate = _rate([(sample, sample.received + sample.paid) for sample in samples], entries)
    both = [sample for sample in samples if sample.received and sample.paid]
    if rate is None or len(both) < JOINT_SAMPLES:
        return None
    of_received = [sample for sample in samples if not sample.paid]
    of_paid = [sample for sample in samples if not sample.received]
    if not rate.half_width and any(_is_mostly_odd(group, rate.share) for group in (both, of_received, of_paid)):
        return None
    return rate


def _is_mostly_odd(samples: Sequence[FeeSample], share: Decimal) -> bool:
    odd = [sample for sample in samples if abs(sample.cost - share * (sample.received + sample.paid)) > sample.error]
    return 2 * len(odd) > len(samples)


def _net_of_known_side(sample: FeeSample, received: FeeRate | None, paid: FeeRate | None) -> FeeSample:
    """Return a sample without the turnover and the cost of a side whose rate is learned now."""
    if received is not None and sample.received:
        sample = FeeSample(ZERO, sample.paid, sample.cost - received.share * sample.received, sample.error)
    if paid is not None and sample.paid:
        sample = FeeSample(sample.received, ZERO, sample.cost - paid.share * sample.paid, sample.error)
    return sample


class Estimate(NamedTuple):
    """A share of turnover, within `half_width`, or sometimes the share `alternate`."""

    share: Decimal
    half_width: Decimal = ZERO
    alternate: Decimal | None = None


def estimate(samples: Sequence[tuple[FeeSample, Decimal]]) -> Estimate | None:
    """Return the share of turnover that samples support; None while there are too few, or none fits."""
    if len(samples) < FEE_SAMPLES:
        return None
    rate = _common_rate(samples, FEE_SAMPLES)
    if rate is not None:
        return Estimate(rate, alternate=_second_rate(samples, rate) if rate else None)
    if len(samples) < MIXED_SAMPLES:
        return None
    return Estimate(*_range([divide(sample.cost, leg) for sample, leg in samples]))


def _common_rate(samples: Sequence[tuple[FeeSample, Decimal]], least: int) -> Decimal | None:
    """Return the rate that samples allow, as the shortest decimal; None where no rate fits enough samples.

    One sample in five may be odd, of many samples two in five: reports that cross fills make odd samples.
    """
    bounds = [
        (divide(sample.cost - sample.error, leg), divide(sample.cost + sample.error, leg)) for sample, leg in samples
    ]
    best: tuple[Decimal, Decimal] | None = None
    agreeing = 0
    for low, _ in bounds:
        overlapping = [bound for bound in bounds if bound[0] <= low <= bound[1]]
        if len(overlapping) > agreeing:
            agreeing = len(overlapping)
            best = (max(low for low, _ in overlapping), min(high for _, high in overlapping))
    odd = len(bounds) // 5 if len(bounds) < MANY_SAMPLES else 2 * len(bounds) // 5
    if best is None or len(bounds) - agreeing > odd or agreeing < least - len(bounds) // 5:
        return None
    return shortest(*best)


def _second_rate(samples: Sequence[tuple[FeeSample, Decimal]], rate: Decimal) -> Decimal | None:
    """Return the rate that the other samples agree on: makers and takers pay different rates."""
    others = [(sample, leg) for sample, leg in samples if abs(sample.cost - rate * leg) > sample.error]
    return _common_rate(others, SECOND_SAMPLES) if len(others) >= SECOND_SAMPLES else None


def _range(rates: list[Decimal]) -> tuple[Decimal, Decimal]:
    """Return the centre and the half width of the middle nine tenths of the rates."""
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
