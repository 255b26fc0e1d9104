"""Learning of fee rates: samples from edges that known rates do not explain, and the rates that they agree on. Pure.

1. A sample says: on this edge, fills of this key paid a rate between two bounds. Rates are in units of 1e-7.
2. A rate is adopted if the evidence of its samples, less what it takes to name the rate, suffices (`ENOUGH`).
3. Evidence is in hundredths of a bit, as integers: every machine decides the same.
4. Nothing here knows the time: the caller says when to learn, and that must not depend on how events were batched.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from recon.ledger.fees.fee_key import RATES, FeeKey, certain
from recon.ledger.fees.rate_table import TIERS_WITHIN_US, Evidence, RateTable
from recon.reconciliation.trellis.costs import MAX_RATE, REBATE_PART, REFUTED_PAID

#: A sample narrower than this proves no more: it is exact.
EXACT_WIDTH: Final = 6
#: Evidence in hundredths of a bit: enough to adopt a rate; what naming a rate takes by who already pays it; and what
#: is added to the digits of a new rate, or taken instead for one with too many decimals.
ENOUGH: Final = 1_190
OF_CLASS: Final = 100
OF_ACCOUNT: Final = 300
OF_ZERO: Final = 200
OF_NEW: Final = 200
OF_LONG: Final = 9_900
#: Hardly a venue gives a rate more decimals than this.
MOST_DECIMALS: Final = 6
#: Once another rate has changed, a rate of so many decimals at most is adopted on any positive balance.
SHORT_DECIMALS: Final = 4
#: Samples kept of a key, the latest ones, and keys that have samples.
MAX_SAMPLES: Final = 32
MAX_SAMPLED_KEYS: Final = 256
#: Samples older than this are forgotten, in microseconds.
SAMPLE_AGE_US: Final = 86_400_000_000
#: Of an edge with so many fills of a key, each may be the only one that paid another rate.
MAX_SINGLES: Final = 16
#: The price of a third asset is known to one part in so many.
THIRD_ASSET_PART: Final = 50
#: Edges that need another rate of a key before the key is known to mix rates.
MIXED_AFTER: Final = 3


class TierBegan(Protocol):
    """Finds where a tier began."""

    def __call__(self, key: FeeKey, since: int, *, cheaper: bool) -> int:
        """Return a stamp."""


class Paid(NamedTuple):
    """What the steps of an account say of rates; stamps are in microseconds."""

    #: Counts the exact steps after a stamp that paid a rate of a key.
    still: Callable[[FeeKey, int, int], int]
    #: Returns since when a key may have paid a rate that was seen first at a stamp; `cheaper` than the one before.
    began: TierBegan


class Edge(NamedTuple):
    """An edge by the report at its end: when it was received, in microseconds, the unit, and its log position."""

    at_us: int
    kind: str
    code: str
    seq: int


class ChargedLeg(NamedTuple):
    """A fill's leg that may bear a fee, in 1e-40, with the stamp of the fill; `shadow`: the leg is in a third asset."""

    key: FeeKey
    leg: int
    stamp_us: int
    shadow: bool = False


class OddEdge(NamedTuple):
    """An edge that known rates do not explain.

    `left` is what the levels differ by beyond the expected fees, `slack` what rounding may come to, and `quantum` the
    unit's smallest step, all in 1e-40.
    """

    edge: Edge
    legs: Sequence[ChargedLeg]
    left: int
    slack: int
    quantum: int = 0


class Sample(msgspec.Struct, frozen=True, gc=False):
    """On an edge, fills of a key paid a rate between two bounds; `stamp_us` is the first fill's.

    `choice`: hundredths of a bit that the choice of these fills took.
    """

    edge: Edge
    key: FeeKey
    lowest: int
    highest: int
    stamp_us: int
    choice: int = 0


AdoptedAs = Literal["first", "tier", "mixed"]


class Adoption(NamedTuple):
    """A rate that was adopted since a stamp: the key's first, a new tier, or one beside the others."""

    key: FeeKey
    rate: int
    since_us: int
    evidence: Evidence
    kind: AdoptedAs


class Samples(msgspec.Struct):
    """The samples of an account, by key, in the order of their edges; `revision` grows with every change."""

    by_key: dict[FeeKey, list[Sample]] = {}
    revision: int = 0

    def replace(self, edge: Edge, samples: Iterable[Sample]) -> bool:
        """Replace the samples of an edge that was worked out anew; return False if nothing changed by it."""
        before = {key: list(kept) for key, kept in self.by_key.items() if any(each.edge == edge for each in kept)}
        after = list(samples)
        for key in {each.key for each in after}:
            before.setdefault(key, list(self.by_key.get(key, ())))
        for key, kept in before.items():
            self._keep(key, [each for each in kept if each.edge != edge])
        for each in after:
            insort(self.by_key.setdefault(each.key, []), each, key=lambda sample: sample.edge)
        for key in {each.key for each in after}:
            del self.by_key[key][:-MAX_SAMPLES]
        while len(self.by_key) > MAX_SAMPLED_KEYS:
            del self.by_key[min(self.by_key, key=lambda each: (self.by_key[each][-1].edge, each))]
        changed = any(self.by_key.get(key, []) != kept for key, kept in before.items())
        self.revision += changed
        return changed

    def forget_before(self, us: int) -> None:
        """Forget the samples of edges before a time, in microseconds."""
        for key, samples in list(self.by_key.items()):
            if samples[0].edge.at_us < us:
                self._keep(key, [each for each in samples if each.edge.at_us >= us])
                self.revision += 1

    def forget_explained(self, table: RateTable, key: FeeKey) -> None:
        """Forget the samples of a key that its known rates explain."""
        mixed = [each.rate for each in table.mixed.get(key, ())]
        kept = []
        for each in self.by_key.get(key, ()):
            rates = [table.expected(key, each.stamp_us), *mixed]
            if not any(rate is not None and each.lowest <= rate <= each.highest for rate in rates):
                kept.append(each)
        if len(kept) != len(self.by_key.get(key, ())):
            self._keep(key, kept)
            self.revision += 1

    def _keep(self, key: FeeKey, samples: list[Sample]) -> None:
        if samples:
            self.by_key[key] = samples
        else:
            self.by_key.pop(key, None)


# -- samples ----------------------------------------------------------------------------------------------------------


def samples_of_unknown(table: RateTable, odd: OddEdge, most: int = MAX_RATE) -> list[Sample]:
    """Return the sample of an edge with fills whose rate is not known; none if the fills are of several keys."""
    own = [each for each in odd.legs if table.expected(each.key, each.stamp_us) is None]
    if len({each.key for each in own}) != 1:
        return []
    sample = _sample(odd.edge, own, -odd.left, odd.slack, choice=0, most=most)
    return [] if sample is None else [sample]


def samples_of_novel(table: RateTable, odd: OddEdge, most: int = MAX_RATE) -> list[Sample]:
    """Return the samples of an edge that fits no known rate.

    By key: all its fills paid another rate, or one of them did.
    """
    found = []
    for key in sorted({each.key for each in odd.legs}):
        own = [each for each in odd.legs if each.key == key]
        singles = [[each] for each in own] if 1 < len(own) <= MAX_SINGLES else []
        choice = log2_hundredths(max(len(singles), 1), 1) // 2
        for chosen in [own, *singles]:
            expected = sum(fee_of(table.expected(key, each.stamp_us) or 0, each.leg) for each in chosen)
            slack = odd.slack + odd.quantum // 2
            sample = _sample(odd.edge, chosen, expected - odd.left, slack, choice=choice, most=most)
            if sample is not None:
                found.append(sample)
    return found


def fee_of(rate: int, leg: int) -> int:
    """Return the fee of a leg at a rate, both signs of the leg alike."""
    return rate * abs(leg) // RATES


def _sample(edge: Edge, legs: Sequence[ChargedLeg], cost: int, slack: int, *, choice: int, most: int) -> Sample | None:
    """Return what a cost says of the rate of legs; None if no rate in bounds comes to the cost."""
    weight = sum(abs(each.leg) for each in legs)
    if not weight:
        return None
    if any(each.shadow for each in legs):
        slack += abs(cost) // THIRD_ASSET_PART
    lowest, highest = (cost - slack) * RATES // weight, -(-(cost + slack) * RATES // weight)
    if highest < -(most // REBATE_PART) or lowest > most:
        return None
    first = legs[0]
    return Sample(edge, first.key, max(lowest, -RATES), min(highest, RATES), first.stamp_us, choice)


# -- adoption ---------------------------------------------------------------------------------------------------------


class _Best(NamedTuple):
    """The rate that samples of a key agree on best."""

    rate: int
    since_us: int
    evidence: Evidence
    sure: bool


def learn(table: RateTable, samples: Samples, paid: Paid, most: int = MAX_RATE) -> list[Adoption]:
    """Adopt the rates that samples agree on; return what was adopted.

    If `REFUTED_PAID` exact steps since then paid a key's old rate, both hold from now on.
    """
    adopted = []
    for key in sorted(samples.by_key):
        best = _best(table, key, samples.by_key[key], most)
        adoption = None if best is None else _adopt(table, key, best, paid)
        if adoption is not None:
            adopted.append(adoption)
            samples.forget_explained(table, key)
    return adopted


def mix_habits(table: RateTable, edges: Mapping[FeeKey, int], now_us: int) -> list[FeeKey]:
    """Let keys mix their rates of which enough final edges need another rate; return the keys.

    `edges` counts, by key, the edges whose other rate can only be that key's.
    """
    return [
        key
        for key in sorted(edges)
        if edges[key] >= MIXED_AFTER and not certain(key) and table.mix_alternatives(key, now_us, edges[key])
    ]


def _adopt(table: RateTable, key: FeeKey, best: _Best, paid: Paid) -> Adoption | None:
    """Adopt a rate; return it, None if it is nothing new."""
    latest, rate, since = table.latest(key), best.rate, best.since_us
    if latest is None:
        kind: AdoptedAs = "first"
    elif latest.rate == rate or any(each.rate == rate for each in table.mixed.get(key, ())):
        return None
    elif certain(key):
        kind = "tier"
    elif rate in table.told_rates(key):
        return None  # makers and takers beside each other are no new tier
    else:
        kind = "mixed" if paid.still(key, latest.rate, since) >= REFUTED_PAID else "tier"
    if kind == "tier" and latest is not None:
        since = paid.began(key, since, cheaper=rate < latest.rate)
    if kind == "mixed":
        is_new = table.mix(key, rate, since, best.evidence)
    else:
        is_new = table.adopt(key, rate, since, best.evidence, sure=best.sure)
    return Adoption(key, rate, since, best.evidence, kind) if is_new else None


def _best(table: RateTable, key: FeeKey, group: Sequence[Sample], most: int) -> _Best | None:
    best = None
    for rate, decimals in _candidates(group, most).items():
        found = _supported(table, key, (rate, decimals), group, most)
        if found is not None and (best is None or found.evidence.hundredth_bits > best.evidence.hundredth_bits):
            best = found
    return best


def _candidates(group: Sequence[Sample], most: int) -> dict[int, int]:
    """Return the shortest rates within each sample, and within each two of different edges, with their decimals."""
    bounds: dict[tuple[int, int], None] = dict.fromkeys((each.lowest, each.highest) for each in group)
    for number, one in enumerate(group):
        for other in group[:number]:
            lowest, highest = max(one.lowest, other.lowest), min(one.highest, other.highest)
            if one.edge != other.edge and lowest <= highest:
                bounds[lowest, highest] = None
    rates = dict(shortest(lowest, highest) for lowest, highest in bounds)
    return {rate: decimals for rate, decimals in rates.items() if -(most // REBATE_PART) <= rate <= most}


def _supported(
    table: RateTable, key: FeeKey, candidate: tuple[int, int], group: Sequence[Sample], most: int
) -> _Best | None:
    """Return a candidate with its evidence if that suffices."""
    rate, decimals = candidate
    support: dict[Edge, int] = {}
    own = [each for each in group if each.lowest <= rate <= each.highest]
    for each in own:
        support[each.edge] = max(support.get(each.edge, 0), _bits(each, most))
    since = min(each.stamp_us for each in own)
    prior = _prior(table, key, candidate, most)
    bits = sum(support.values()) - prior
    several = len(support) >= 2
    exact = any(each.highest - each.lowest <= EXACT_WIDTH for each in own)
    enough = bits >= ENOUGH and (several or (exact and prior <= OF_ACCOUNT))
    if not enough and not (bits > 0 and decimals <= SHORT_DECIMALS and _moving(table, key, rate, since)):
        return None
    return _Best(rate, since, Evidence(len(support), bits), bits >= ENOUGH and several)


def _bits(sample: Sample, most: int) -> int:
    """Return how much a sample narrows a rate down, less what the choice of its fills took."""
    span, width = most + most // REBATE_PART, max(sample.highest - sample.lowest, EXACT_WIDTH)
    return log2_hundredths(span, width) - sample.choice if width < span else 0


def _prior(table: RateTable, key: FeeKey, candidate: tuple[int, int], most: int) -> int:
    """Return what it takes to name a rate."""
    rate, decimals = candidate
    who = table.familiarity(key, rate)
    if who != "unknown":
        return OF_CLASS if who == "class" else OF_ACCOUNT
    if rate == 0:
        return OF_ZERO
    if decimals > MOST_DECIMALS:
        return OF_LONG
    span, step = most + most // REBATE_PART, 10 ** (7 - decimals)
    return (log2_hundredths(span, step) if step < span else 0) + OF_NEW


def _moving(table: RateTable, key: FeeKey, rate: int, since_us: int) -> bool:
    """True if another rate changed within a day, and this one may have too, to one within the account's range."""
    known = table.range_of_rates(key)
    if known is None or not known[0] <= rate <= known[1] or table.latest(key) is None:
        return False
    return table.changes_elsewhere(key, since_us - TIERS_WITHIN_US, since_us + TIERS_WITHIN_US)


def shortest(lowest: int, highest: int) -> tuple[int, int]:
    """Return the rate with the fewest decimals within bounds, and how many decimals it has; 8 where none has 7."""
    if lowest <= 0 <= highest:
        return 0, 0
    for decimals in range(8):
        step = 10 ** (7 - decimals)
        rate = -(-lowest // step) * step
        if rate <= highest:
            return rate, decimals
    return lowest, 8


@lru_cache(maxsize=1 << 14)
def log2_hundredths(numerator: int, denominator: int) -> int:
    """Return hundredths of the binary logarithm of a quotient, rounded down, exactly; the quotient is 1 at least."""
    return int(numerator**100 // denominator**100).bit_length() - 1
