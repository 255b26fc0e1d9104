"""Learning of fee rates from edges that known rates do not explain (recon/reconciliation/trellis/learning.py)."""

from __future__ import annotations

from decimal import Decimal, localcontext

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.fees.rate_table import Evidence, RateTable
from recon.ledger.rules import FeeRule
from recon.reconciliation.trellis.learning import (
    ENOUGH,
    MAX_SAMPLED_KEYS,
    MAX_SAMPLES,
    Adoption,
    ChargedLeg,
    Edge,
    OddEdge,
    Paid,
    Sample,
    Samples,
    fee_of,
    learn,
    log2_hundredths,
    mix_habits,
    samples_of_novel,
    samples_of_unknown,
    shortest,
)

D = Decimal
ONE = 10**18
DAY = 86_400_000_000
MAKER = FeeKey("quote", 1, "post_only", "SPOT")
TAKER = FeeKey("quote", 1, "immediate", "SPOT")
RESTED = FeeKey("quote", 1, "rested", "SPOT")
SPOT = FeeRule(instrument="SPOT", maker=D("0.0002"), taker=D("0.001"))
SURE = Evidence(2, 1500)


def edge(number: int) -> Edge:
    return Edge(number * 1_000_000, "asset", "USDT", number)


def exact(key: FeeKey, rate: int, number: int) -> Sample:
    """A sample that only one rate explains."""
    return Sample(edge(number), key, rate, rate, number * 1_000_000 - 5)


def wide(key: FeeKey, rate: int, number: int, *, by: int) -> Sample:
    """A sample that rates up to so far from one explain."""
    return Sample(edge(number), key, rate - by, rate + by, number * 1_000_000 - 5)


def of(*samples: Sample) -> Samples:
    found = Samples()
    for each in samples:
        found.replace(each.edge, [each])
    return found


def at_once(key: FeeKey, since: int, *, cheaper: bool) -> int:
    return since


#: No fill pays an old rate any more, or fills go on paying old rates; a tier begins where it was seen first.
NEVER = Paid(lambda _key, _rate, _since: 0, at_once)
ALWAYS = Paid(lambda _key, _rate, _since: 3, at_once)


def told(*, adopted: dict[FeeKey, int] | None = None, schedule: bool = True) -> RateTable:
    table = RateTable()
    if schedule:
        table.tell([SPOT])
    for key, rate in (adopted or {}).items():
        table.adopt(key, rate, 0, SURE)
    return table


# -- samples ---------------------------------------------------------------------------------------------------------


def test_an_edge_of_one_unknown_key_bounds_its_rate_by_the_slack() -> None:
    legs = [ChargedLeg(RESTED, 100 * ONE, 3), ChargedLeg(RESTED, 300 * ONE, 7)]
    (sample,) = samples_of_unknown(RateTable(), OddEdge(edge(1), legs, left=-4 * ONE // 10, slack=4 * ONE // 10_000))
    assert sample == Sample(edge(1), RESTED, 9_990, 10_010, 3)


def test_an_edge_of_two_unknown_keys_says_nothing() -> None:
    legs = [ChargedLeg(RESTED, 100 * ONE, 3), ChargedLeg(MAKER, 100 * ONE, 7)]
    assert samples_of_unknown(RateTable(), OddEdge(edge(1), legs, left=-ONE // 10, slack=0)) == []


def test_fills_at_known_rates_beside_an_unknown_key_are_taken_off_already() -> None:
    table = told(adopted={MAKER: 2_000}, schedule=False)
    legs = [ChargedLeg(MAKER, 100 * ONE, 3), ChargedLeg(RESTED, -100 * ONE, 7)]
    (sample,) = samples_of_unknown(table, OddEdge(edge(1), legs, left=-ONE // 10, slack=0))
    assert (sample.key, sample.lowest, sample.highest, sample.stamp_us) == (RESTED, 10_000, 10_000, 7)


def test_of_an_edge_that_fits_no_rate_all_fills_of_a_key_or_one_of_them_paid_another() -> None:
    legs = [ChargedLeg(MAKER, 100 * ONE, 3), ChargedLeg(MAKER, 300 * ONE, 7), ChargedLeg(TAKER, 100 * ONE, 8)]
    # Expected: 0.02, 0.06 and 0.1; the last fill paid 0.05 more.
    samples = samples_of_novel(told(), OddEdge(edge(1), legs, left=-ONE // 20, slack=0))
    assert [(each.key, each.lowest, each.stamp_us, each.choice) for each in samples] == [
        (TAKER, 15_000, 8, 0),
        (MAKER, 3_250, 3, 50),
        (MAKER, 7_000, 3, 50),
        (MAKER, 3_666, 7, 50),
    ]


def test_a_rate_that_no_venue_charges_gives_no_sample() -> None:
    legs = [ChargedLeg(MAKER, ONE, 3)]
    assert samples_of_novel(RateTable(), OddEdge(edge(1), legs, left=-ONE // 100, slack=0)) == []
    assert samples_of_novel(RateTable(), OddEdge(edge(1), legs, left=ONE // 100, slack=0)) == []
    assert samples_of_novel(RateTable(), OddEdge(edge(1), legs, left=-ONE // 100, slack=0), most=100_000)
    assert samples_of_novel(RateTable(), OddEdge(edge(1), [ChargedLeg(MAKER, 0, 3)], left=-ONE // 100, slack=0)) == []


def test_the_price_of_a_third_asset_widens_a_sample() -> None:
    key = FeeKey("third:BNB", 0, "rested", "SPOT")
    legs = [ChargedLeg(key, -100 * ONE, 3, shadow=True)]
    (sample,) = samples_of_unknown(RateTable(), OddEdge(edge(1), legs, left=-ONE // 10, slack=0))
    assert (sample.lowest, sample.highest) == (9_800, 10_200)


def test_a_sample_of_a_tiny_leg_can_be_stored() -> None:
    legs = [ChargedLeg(MAKER, 1, 3)]
    (sample,) = samples_of_novel(RateTable(), OddEdge(edge(1), legs, left=-ONE, slack=10**30))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(sample), type=Sample) == sample


@given(st.integers(-15_000, 60_000), st.lists(st.integers(1, 10**6), min_size=1, max_size=5), st.integers(0, 10**15))
def test_the_rate_that_was_paid_is_within_its_sample(rate: int, sizes: list[int], slack: int) -> None:
    legs = [ChargedLeg(RESTED, size * ONE, number) for number, size in enumerate(sizes)]
    paid = sum(fee_of(rate, each.leg) for each in legs)
    for rounding in (-slack, slack):
        (sample,) = samples_of_unknown(RateTable(), OddEdge(edge(1), legs, left=rounding - paid, slack=slack + 5))
        assert sample.lowest <= rate <= sample.highest


# -- the samples of an account ---------------------------------------------------------------------------------------


def test_an_edge_that_is_worked_out_anew_replaces_its_samples() -> None:
    samples = of(exact(MAKER, 5, 1), exact(MAKER, 5, 2))
    before = samples.revision
    assert not samples.replace(edge(1), [exact(MAKER, 5, 1)])
    assert samples.revision == before
    assert samples.replace(edge(1), [exact(TAKER, 6, 1)])
    assert samples.by_key == {MAKER: [exact(MAKER, 5, 2)], TAKER: [exact(TAKER, 6, 1)]}
    assert samples.replace(edge(1), [])
    assert samples.by_key == {MAKER: [exact(MAKER, 5, 2)]}


def test_the_latest_samples_of_a_key_are_kept_whatever_the_order_they_come_in() -> None:
    numbers = list(range(1, MAX_SAMPLES + 10))
    up, down = (of(*(exact(MAKER, 5, number) for number in order)) for order in (numbers, reversed(numbers)))
    assert up.by_key == down.by_key == {MAKER: [exact(MAKER, 5, number) for number in numbers[-MAX_SAMPLES:]]}
    assert not up.replace(edge(1), [exact(MAKER, 5, 1)])


def test_samples_are_bounded_by_keys_and_by_age() -> None:
    keys = [MAKER._replace(market=str(number)) for number in range(MAX_SAMPLED_KEYS + 5)]
    samples = of(*(exact(key, 5, number) for number, key in enumerate(keys)))
    assert list(samples.by_key) == keys[5:]
    samples.forget_before(edge(10).at_us)
    assert list(samples.by_key) == keys[10:]


# -- adoption --------------------------------------------------------------------------------------------------------


def test_two_exact_samples_that_agree_adopt_a_new_rate_since_the_first_of_them() -> None:
    table = RateTable()
    samples = of(exact(MAKER, 7_500, 3), exact(MAKER, 7_500, 2))
    (adopted,) = learn(table, samples, NEVER)
    assert (adopted.key, adopted.rate, adopted.since_us, adopted.kind) == (MAKER, 7_500, 1_999_995, "first")
    assert adopted.evidence.edges == 2
    assert adopted.evidence.hundredth_bits >= ENOUGH
    assert table.expected(MAKER, 1_999_995) == 7_500
    assert table.known[MAKER][0].edges == 2
    assert samples.by_key == {}
    assert learn(table, samples, NEVER) == []


def test_one_sample_adopts_only_a_rate_that_its_class_pays() -> None:
    other = MAKER._replace(market="OPTION")
    assert learn(RateTable(), of(exact(MAKER, 7_500, 2)), NEVER) == []
    for key, rates in ((TAKER, []), (other, [7_500])):
        table = told(adopted={key: 7_500}, schedule=False)
        assert [each.rate for each in learn(table, of(exact(MAKER, 7_500, 2)), NEVER)] == rates


def test_samples_that_are_too_wide_add_up() -> None:
    table = RateTable()
    samples = Samples()
    for number in range(1, 12):
        samples.replace(edge(number), [wide(MAKER, 7_500, number, by=3_000)])
        if learn(table, samples, NEVER):
            break
    assert table.expected(MAKER, 10**9) in range(4_500, 10_501)
    assert number > 3


def test_of_one_edge_many_samples_count_once() -> None:
    samples = Samples()
    samples.replace(edge(1), [exact(MAKER, 7_500, 1)] * 5)
    assert learn(RateTable(), samples, NEVER) == []


def test_the_choice_of_fills_weakens_a_sample() -> None:
    def chosen(choice: int) -> Samples:
        return of(*(msgspec.structs.replace(wide(MAKER, 7_100, number, by=200), choice=choice) for number in (1, 2)))

    assert learn(RateTable(), chosen(0), NEVER) == []
    assert learn(told(adopted={TAKER: 7_000}, schedule=False), chosen(0), NEVER)
    assert learn(told(adopted={TAKER: 7_000}, schedule=False), chosen(200), NEVER) == []


def test_a_longer_rate_takes_more_evidence() -> None:
    def pair(rate: int) -> Samples:
        return of(*(wide(MAKER, rate, number, by=20) for number in (1, 2)))

    assert [each.rate for each in learn(RateTable(), pair(7_000), NEVER)] == [7_000]
    # Six decimals take two samples as narrow as there are, seven take many more.
    assert learn(RateTable(), of(*(wide(MAKER, 7_340, number, by=4) for number in (1, 2))), NEVER) == []
    assert [each.rate for each in learn(RateTable(), of(*(exact(MAKER, 7_340, n) for n in (1, 2))), NEVER)] == [7_340]
    assert learn(RateTable(), of(*(exact(MAKER, 7_341, number) for number in range(8))), NEVER) == []
    assert learn(RateTable(), of(*(exact(MAKER, 7_341, number) for number in range(9))), NEVER)


def test_a_new_tier_follows_a_known_rate_and_counts_as_a_change() -> None:
    table = told()
    adopted = learn(table, of(exact(MAKER, 1_500, 5), exact(MAKER, 1_500, 6)), NEVER)
    assert [each.kind for each in adopted] == ["tier"]
    assert table.expected(MAKER, 0) == 2_000
    assert table.expected(MAKER, 6_000_000) == 1_500
    assert MAKER in table.changed


def test_a_class_that_goes_on_paying_its_old_rate_mixes_both() -> None:
    table = told()
    samples = [exact(RESTED, 1_500, 5), exact(RESTED, 1_500, 6)]
    (adopted,) = learn(table, of(*samples), ALWAYS)
    assert adopted.kind == "mixed"
    assert table.alternatives(RESTED)[1_500] == "mixed"
    assert table.expected(RESTED, 10**9) == 2_000
    assert learn(table, of(*samples), ALWAYS) == []


def test_a_class_that_only_makes_never_mixes() -> None:
    table = told()
    (adopted,) = learn(table, of(exact(MAKER, 1_500, 5), exact(MAKER, 1_500, 6)), ALWAYS)
    assert adopted.kind == "tier"


def test_takers_beside_makers_are_no_new_tier() -> None:
    table = told()
    assert learn(table, of(exact(RESTED, 10_000, 5), exact(RESTED, 10_000, 6)), NEVER) == []
    assert table.expected(RESTED, 10**9) == 2_000


def test_once_another_rate_changed_a_short_rate_in_range_is_adopted_on_less() -> None:
    weak = [wide(TAKER, 9_000, number, by=400) for number in (5, 6)]
    assert learn(told(), of(*weak), NEVER) == []
    table = told()
    table.adopt(MAKER, 1_500, 4_000_000, SURE)
    assert [each.rate for each in learn(table, of(*weak), NEVER)] == [9_000]
    assert TAKER not in table.changed  # so little evidence is no sign for others


def test_a_change_of_long_ago_says_nothing_of_today() -> None:
    table = told()
    table.adopt(MAKER, 1_500, 4_000_000, SURE)
    later = 2 * DAY // 1_000_000
    assert learn(table, of(*(wide(TAKER, 9_000, later + number, by=400) for number in (5, 6))), NEVER) == []


def test_samples_that_an_adopted_rate_does_not_explain_stay() -> None:
    samples = of(exact(MAKER, 1_500, 5), exact(MAKER, 1_500, 6), exact(MAKER, 3_000, 7))
    learn(told(), samples, NEVER)
    assert samples.by_key == {MAKER: [exact(MAKER, 3_000, 7)]}


def test_three_edges_that_need_another_rate_of_a_key_mix_it() -> None:
    table = told()
    assert mix_habits(table, {RESTED: 2, MAKER: 5}, 9) == []
    assert mix_habits(table, {RESTED: 3, MAKER: 5}, 9) == [RESTED]
    assert mix_habits(table, {RESTED: 4}, 10) == []
    assert table.alternatives(RESTED) == {2_000: "mixed", 10_000: "mixed"}


# -- what decides is the same everywhere -----------------------------------------------------------------------------


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_logarithm_is_exact_to_the_hundredth(one: int, other: int) -> None:
    high, low = max(one, other), min(one, other)
    found = log2_hundredths(high, low)
    assert 2**found * low**100 <= high**100 < 2 ** (found + 1) * low**100
    with localcontext(prec=40):
        assert abs((D(high) / low).ln() / D(2).ln() * 100 - found) <= 1


@given(st.integers(-15_000, 60_000), st.integers(0, 2_000))
def test_the_shortest_rate_within_bounds_has_the_fewest_decimals(lowest: int, width: int) -> None:
    rate, decimals = shortest(lowest, lowest + width)
    assert lowest <= rate <= lowest + width
    assert decimals <= 7
    if rate:
        step = 10 ** (7 - decimals)
        assert rate % step == 0
        assert not any(each % (10 * step) == 0 for each in range(lowest, lowest + width + 1))


@st.composite
def sampled(draw: st.DrawFn) -> list[Sample]:
    """Samples of a few keys whose edges are all different."""
    numbers = draw(st.lists(st.integers(1, 40), unique=True, max_size=12))
    return [
        wide(
            draw(st.sampled_from([MAKER, TAKER, RESTED])),
            draw(st.sampled_from([1_500, 2_000, 7_500, 10_000])),
            number,
            by=draw(st.sampled_from([0, 3, 40, 400, 4_000])),
        )
        for number in numbers
    ]


@given(sampled(), st.booleans())
def test_what_is_adopted_depends_on_no_order_and_survives_a_restart(samples: list[Sample], schedule: bool) -> None:
    shuffled = sorted(samples, key=lambda each: (each.edge.seq * 7919) % 41)
    one, other = told(schedule=schedule), told(schedule=schedule)
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(of(*shuffled)), type=Samples)
    first: list[Adoption] = learn(one, of(*samples), NEVER)
    second: list[Adoption] = learn(other, stored, NEVER)
    assert first == second
    assert one == other


@given(sampled(), st.booleans())
def test_an_adopted_rate_explains_samples_of_as_many_edges_as_it_says(samples: list[Sample], schedule: bool) -> None:
    table = told(schedule=schedule)
    for each in learn(table, of(*samples), NEVER):
        own = [sample for sample in samples if sample.key == each.key and sample.lowest <= each.rate <= sample.highest]
        assert len(own) == each.evidence.edges
        assert each.since_us == min(sample.stamp_us for sample in own)
        assert table.expected(each.key, each.since_us) == each.rate


@pytest.mark.parametrize("rate", [0, 70, -250, 2_000, 10_000, 1_230])
def test_learning_ends(rate: int) -> None:
    """Asked again with the same samples, a table learns nothing more, however often it learnt before."""
    table = RateTable()
    for _ in range(6):
        if not learn(table, of(*(exact(MAKER, rate, number) for number in range(1, 5))), NEVER):
            break
    assert learn(table, of(*(exact(MAKER, rate, number) for number in range(1, 5))), NEVER) == []
    assert table.expected(MAKER, 10**9) == rate


def test_a_tier_begins_with_the_first_fill_that_fitted_no_known_rate() -> None:
    table = told(adopted={MAKER: 2_000}, schedule=False)

    def earlier(key: FeeKey, since: int, *, cheaper: bool) -> int:
        return since - 7 if cheaper and key == MAKER else since

    (adopted,) = learn(table, of(exact(MAKER, 1_500, 5), exact(MAKER, 1_500, 6)), Paid(NEVER.still, earlier))
    assert adopted.kind == "tier"
    first = min(each.stamp_us for each in (exact(MAKER, 1_500, 5), exact(MAKER, 1_500, 6)))
    assert adopted.since_us == first - 7
    assert table.expected(MAKER, first - 7) == 1_500
    assert table.expected(MAKER, first - 8) == 2_000
