"""The fee rates of an account (recon/ledger/fees/rate_table.py, rules 1 to 4)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.exact import exact
from recon.ledger.account import Account
from recon.ledger.fees.fee_key import LONG_AGO, RATES, FeeKey
from recon.ledger.fees.rate_table import (
    MAX_KEYS,
    MAX_LINES,
    MAX_MIXED,
    MAX_TIERS,
    TIERS_WITHIN_US,
    Evidence,
    RateTable,
    rate_of,
)
from recon.ledger.rules import FeeRule

D = Decimal
MAKER = FeeKey("quote", 1, "post_only", "SPOT")
TAKER = FeeKey("quote", -1, "immediate", "SPOT")
RESTED = FeeKey("quote", 1, "rested", "SPOT")
BASE = FeeKey("base", 1, "rested", "SPOT")
SPOT = FeeRule(instrument="SPOT", maker=D("0.0002"), taker=D("0.001"))
SURE = Evidence(2, 1500)
DAY = TIERS_WITHIN_US


def told(*rules: FeeRule) -> RateTable:
    """A table with a schedule."""
    table = RateTable()
    table.tell(rules)
    return table


# -- what is known ---------------------------------------------------------------------------------------------------


def test_nothing_is_known_of_a_new_account() -> None:
    table = RateTable()
    assert table.expected(MAKER, 5) is None
    assert table.alternatives(RESTED) == {}
    assert table.latest(MAKER) is None
    assert table.range_of_rates(MAKER) is None
    assert not table.moved(LONG_AGO)


def test_a_rate_is_known_from_its_stamp_on_until_the_next_one() -> None:
    table = RateTable()
    assert table.adopt(MAKER, 1000, 50, SURE)
    assert table.adopt(MAKER, 800, 90, SURE)
    assert [table.expected(MAKER, stamp) for stamp in (49, 50, 89, 90, 900)] == [None, 1000, 1000, 800, 800]
    assert table.moved(90)
    assert not table.moved(91)


def test_a_first_rate_is_no_change() -> None:
    table = RateTable()
    table.adopt(MAKER, 1000, 50, SURE)
    assert not table.moved(LONG_AGO)
    assert table.changed == {}


@pytest.mark.parametrize(
    ("asset", "paying"),
    [
        ("quote", {("quote", 1), ("quote", -1)}),
        ("base", {("base", 1), ("base", -1)}),
        ("received", {("quote", 1), ("base", 1)}),
        ("BNB", {("third:BNB", 0)}),
    ],
)
def test_a_line_tells_what_each_side_of_a_fill_pays(asset: str, paying: set[tuple[str, int]]) -> None:
    table = told(FeeRule(maker=D("0.0002"), taker=D("0.001"), asset=asset))
    sides = [("quote", 1), ("quote", -1), ("base", 1), ("base", -1), ("third:BNB", 0), ("third:OKB", 0)]
    for role, side in sides:
        pays = (role, side) in paying
        assert table.expected(FeeKey(role, side, "immediate", "any"), 0) == (10_000 if pays else 0)
        assert table.expected(FeeKey(role, side, "other", "any"), 0) == (2_000 if pays else 0)


def test_a_line_with_one_rate_tells_it_of_both() -> None:
    table = told(FeeRule(taker=D("0.001")))
    assert table.told_rates(FeeKey("quote", 1, "rested", "any")) == (10_000, 10_000)


def test_of_two_lines_for_the_same_fills_the_first_with_a_rate_applies() -> None:
    table = told(FeeRule(instrument="SPOT"), SPOT, FeeRule(instrument="SPOT", maker=D(1)))
    assert table.expected(MAKER, 0) == 2_000


def test_a_market_without_a_line_is_not_told() -> None:
    assert told(SPOT).expected(FeeKey("quote", 1, "rested", "OPTION"), 0) is None


def test_a_told_rate_holds_since_ever_and_a_new_tier_from_its_stamp_on() -> None:
    table = told(SPOT)
    table.adopt(MAKER, 1500, 70, SURE)
    assert [table.expected(MAKER, stamp) for stamp in (LONG_AGO, 69, 70)] == [2_000, 2_000, 1_500]
    assert table.moved(70)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40))
def test_a_share_of_any_size_becomes_a_rate_that_can_be_stored(share: Decimal) -> None:
    with exact():
        rate = rate_of(share)
    assert -RATES <= rate <= RATES
    if abs(share) <= 1:
        assert abs(share * RATES - rate) <= D("0.5")


# -- what may hold beside it -----------------------------------------------------------------------------------------


def test_an_order_that_rested_may_have_taken_and_a_class_had_other_rates() -> None:
    table = RateTable()
    table.adopt(RESTED, 2_000, 0, SURE)
    table.adopt(RESTED, 1_500, 10, SURE)
    table.adopt(TAKER, 10_000, 0, SURE)
    assert table.alternatives(RESTED) == {2_000: "same_class", 1_500: "same_class", 10_000: "taker"}
    assert table.alternatives(TAKER) == {10_000: "same_class"}


def test_takers_of_another_market_or_role_are_no_alternative() -> None:
    table = RateTable()
    table.adopt(RESTED, 2_000, 0, SURE)
    table.adopt(TAKER._replace(market="OPTION"), 10_000, 0, SURE)
    table.adopt(TAKER._replace(role="base"), 10_000, 0, SURE)
    assert table.alternatives(RESTED) == {2_000: "same_class"}


def test_what_a_schedule_tells_is_an_alternative_only_where_either_may_be() -> None:
    table = told(SPOT)
    assert table.alternatives(RESTED) == {2_000: "same_class", 10_000: "same_class"}
    assert table.alternatives(MAKER) == {2_000: "same_class"}
    assert table.alternatives(BASE) == {0: "same_class"}


def test_mixed_rates_are_alternatives_until_a_new_tier() -> None:
    table = RateTable()
    table.adopt(RESTED, 2_000, 0, SURE)
    assert table.mix(RESTED, 7_000, 20, SURE)
    assert not table.mix(RESTED, 7_000, 30, SURE)
    assert table.alternatives(RESTED) == {2_000: "mixed", 7_000: "mixed"}
    assert table.expected(RESTED, 40) == 2_000
    table.adopt(RESTED, 1_000, 50, SURE)
    assert table.alternatives(RESTED) == {2_000: "same_class", 1_000: "same_class"}


def test_at_most_three_rates_mix_by_samples() -> None:
    table = RateTable()
    table.adopt(RESTED, 1, 0, SURE)
    assert [table.mix(RESTED, rate, 0, SURE) for rate in (2, 3, 4)] == [True, True, False]


def test_nothing_mixes_with_a_rate_that_is_not_known() -> None:
    table = RateTable()
    assert not table.mix(RESTED, 1, 0, SURE)
    assert not table.mix_alternatives(RESTED, 0, 3)
    assert table == RateTable()


def test_all_alternatives_mix_by_habit_and_once() -> None:
    table = told(SPOT)
    assert table.mix_alternatives(RESTED, 10, 3)
    assert not table.mix_alternatives(RESTED, 20, 3)
    assert table.alternatives(RESTED) == {2_000: "mixed", 10_000: "mixed"}
    assert [each.edges for each in table.mixed[RESTED]] == [0, 3]
    assert not table.mix_alternatives(MAKER, 10, 3)


def test_a_rate_is_familiar_in_its_class_in_the_account_or_not_at_all() -> None:
    table = told(SPOT)
    table.adopt(FeeKey("base", 1, "rested", "OPTION"), 555, 0, SURE)
    assert table.familiarity(RESTED, 555) == "class"
    assert table.familiarity(MAKER, 555) == "account"
    assert table.familiarity(MAKER, 556) == "unknown"
    assert table.familiarity(MAKER, 10_000) == "account"
    assert table.range_of_rates(MAKER) == (555, 10_000)


def test_that_one_asset_pays_nothing_says_nothing_of_another() -> None:
    table = told(SPOT)
    unpaid = MAKER._replace(role="base")
    assert table.familiarity(unpaid, 0) == "class"
    assert table.range_of_rates(unpaid) == (0, 10_000)
    assert table.familiarity(MAKER, 0) == "unknown"
    table.adopt(FeeKey("base", 1, "rested", "OPTION"), 0, 0, SURE)
    assert table.familiarity(MAKER, 0) == "unknown"
    table.adopt(FeeKey(MAKER.role, 1, "rested", "OPTION"), 0, 0, SURE)
    assert table.familiarity(MAKER, 0) == "account"


def test_a_sure_change_elsewhere_is_seen_near_its_stamp() -> None:
    table = told(SPOT)
    table.adopt(MAKER, 1_500, 70, SURE)
    assert table.changes_elsewhere(TAKER, 60, 70)
    assert not table.changes_elsewhere(TAKER, 71, 90)
    assert not table.changes_elsewhere(MAKER, 60, 70)
    table.adopt(TAKER, 9_000, 80, SURE, sure=False)
    assert not table.changes_elsewhere(MAKER, 0, 90)


# -- a schedule that changes -----------------------------------------------------------------------------------------


def test_a_changed_line_fixes_the_rates_of_its_market_and_of_no_other() -> None:
    option = RESTED._replace(market="OPTION")
    table = told(SPOT)
    table.adopt(RESTED, 1_500, 70, SURE)
    table.mix(RESTED, 9_000, 70, SURE)
    table.adopt(option, 1_500, 70, SURE)
    before = table.revision
    assert not table.tell([SPOT])
    assert table.revision == before
    assert table.tell([FeeRule(instrument="SPOT", maker=D("0.0003"), taker=D("0.001"))])
    assert table.revision > before
    assert table.expected(RESTED, 900) == 3_000
    assert table.alternatives(RESTED) == {3_000: "same_class", 10_000: "same_class"}
    assert table.expected(option, 900) == 1_500
    assert not table.moved(LONG_AGO)


def test_a_schedule_that_is_withdrawn_leaves_its_markets_unknown() -> None:
    table = told(SPOT)
    assert table.expected(MAKER, 0) == 2_000
    table.adopt(MAKER, 1_500, 70, SURE)
    table.tell([])
    assert table.expected(MAKER, 100) is None


# -- bounds ----------------------------------------------------------------------------------------------------------


def test_what_is_known_already_is_no_change() -> None:
    table = told(SPOT)
    before = table.revision
    assert not table.adopt(MAKER, 2_000, 70, SURE)
    table.adopt(MAKER, 1_500, 70, SURE)
    table.adopt(MAKER, 1_400, 90, SURE)
    assert not table.adopt(MAKER, 1_500, 80, SURE)
    assert table.revision == before + 2


def test_rates_that_change_too_often_are_no_tiers_and_old_tiers_are_forgotten() -> None:
    table = RateTable()
    stamps = [number * DAY // 10 for number in range(MAX_TIERS)]
    assert all(table.adopt(MAKER, 100 + number, stamp, SURE) for number, stamp in enumerate(stamps))
    assert not table.adopt(MAKER, 50, stamps[-1] + 1, SURE)
    assert table.adopt(MAKER, 50, 2 * DAY, SURE)
    assert len(table.known[MAKER]) == MAX_TIERS
    assert table.expected(MAKER, 0) is None
    assert table.expected(MAKER, stamps[1]) == 101


def test_a_table_is_bounded_in_every_direction() -> None:
    table = told(*(FeeRule(symbol=str(number), maker=D(0)) for number in range(MAX_LINES + 9)))
    assert len(table.told) == MAX_LINES
    for number in range(MAX_KEYS + 20):
        key = RESTED._replace(market=f"market {number}")
        table.adopt(key, 1_000, number, SURE)
        table.adopt(key, 2_000, number + 5, SURE)
        table.mix(key, 3_000, number + 5, SURE)
        table.expected(key._replace(side=-1), 0)
        table.alternatives(key)
    assert len(table.known) == len(table.mixed) == len(table.changed) == MAX_KEYS
    assert table.expected(RESTED._replace(market="market 0"), 100) is None
    assert table.expected(RESTED._replace(market=f"market {MAX_KEYS + 19}"), 10_000) == 2_000


def test_a_habit_mixes_a_bounded_number_of_rates_the_class_s_own_first() -> None:
    table = RateTable()
    table.adopt(RESTED, 5_000, 0, SURE)
    for side in (1, -1, 0):
        for number in range(MAX_TIERS):
            table.adopt(TAKER._replace(side=side), 100 * (number + 1) + side, number, SURE)
    assert table.mix_alternatives(RESTED, 10, 3)
    assert len(table.mixed[RESTED]) == MAX_MIXED
    assert table.mixed[RESTED][0].rate == 5_000


# -- storing ---------------------------------------------------------------------------------------------------------

KEYS = st.builds(
    FeeKey,
    st.sampled_from(["quote", "base", "third:BNB"]),
    st.sampled_from([1, 0, -1]),
    st.sampled_from(["post_only", "immediate", "rested", "other"]),
    st.sampled_from(["SPOT", "PERPETUAL"]),
)
RATE = st.sampled_from([-500, 0, 1_000, 2_000, 10_000])
STAMP = st.integers(0, 3 * DAY)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("adopt"), KEYS, RATE, STAMP),
        st.tuples(st.just("mix"), KEYS, RATE, STAMP),
        st.tuples(st.just("habit"), KEYS, RATE, STAMP),
        st.tuples(st.just("tell"), KEYS, RATE, STAMP),
    ),
    max_size=30,
)


def change(table: RateTable, what: str, key: FeeKey, rate: int, stamp: int) -> bool:
    """Change a table in one of the ways there are."""
    if what == "adopt":
        return table.adopt(key, rate, stamp, SURE)
    if what == "mix":
        return table.mix(key, rate, stamp, SURE)
    if what == "habit":
        return table.mix_alternatives(key, stamp, 3)
    return table.tell([FeeRule(instrument=key.market, maker=D(rate) / RATES, taker=D("0.001"))])


def answers(table: RateTable) -> list[object]:
    """All that a table answers of some keys."""
    keys = [
        FeeKey(role, side, order_class, market)
        for role in ("quote", "base", "third:BNB")
        for side in (1, 0, -1)
        for order_class in ("post_only", "immediate", "rested", "other")
        for market in ("SPOT", "PERPETUAL")
    ]
    return [
        [[table.expected(key, stamp) for stamp in (LONG_AGO, 0, DAY, 5 * DAY)] for key in keys],
        [table.alternatives(key) for key in keys],
        [table.moved(stamp) for stamp in (LONG_AGO, 0, DAY)],
        [table.familiarity(key, 2_000) for key in keys],
        [table.range_of_rates(key) for key in keys],
        table.revision,
    ]


@settings(deadline=None)  # what it takes depends on the machine
@given(CHANGES, st.data())
def test_a_stored_table_answers_and_changes_as_before(
    changes: list[tuple[str, FeeKey, int, int]], data: st.DataObject
) -> None:
    """What is cached agrees with what is stored: a table read back has no cache."""
    table = RateTable()
    asked = data.draw(st.lists(st.booleans(), min_size=len(changes), max_size=len(changes)))
    stored = msgspec.msgpack.Encoder().encode(table)
    for ask, each in zip(asked, changes, strict=True):
        if ask:
            answers(table)
        again = msgspec.msgpack.decode(stored, type=RateTable)
        before = table.revision
        changed = change(table, *each)
        assert changed == change(again, *each)
        assert (table.revision > before) == changed
        assert answers(again) == answers(table)
        stored = msgspec.msgpack.Encoder().encode(table)


def test_an_account_stored_before_rates_were_kept_has_an_empty_table() -> None:
    account = Account(name="A", started_us=5)
    old = msgspec.to_builtins(account)
    del old["rates"]
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=Account)
    assert read == account
    read.rates.adopt(MAKER, 1_000, 5, SURE)
    assert Account(name="B", started_us=5).rates == RateTable()


def test_an_account_keeps_its_rates() -> None:
    account = Account(name="A", started_us=5)
    account.rates.tell([SPOT])
    account.rates.adopt(MAKER, 1_000, 5, SURE)
    account.rates.mix(RESTED, 9_000, 5, SURE)
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(account), type=Account)
    assert read == account
    assert answers(read.rates) == answers(account.rates)
