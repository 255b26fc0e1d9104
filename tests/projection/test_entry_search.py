"""Searches for replaceable entries are joined where they overlap; together they find the same."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from recon.projection.store.entry_search import EntrySearch, joined

SEARCHES = st.lists(
    st.builds(
        lambda account, low, width, first, span: EntrySearch(
            account, "fee", Decimal(low), Decimal(low + width), first, first + span
        ),
        st.sampled_from(["A", "B"]),
        st.integers(-20, 20),
        st.integers(0, 5),
        st.integers(0, 40),
        st.integers(0, 6),
    ),
    max_size=12,
)


def finds(search: EntrySearch, account: str, amount: int, us: int) -> bool:
    return search.account == account and search.low <= amount <= search.high and search.first_us <= us <= search.last_us


@given(SEARCHES, st.sampled_from(["A", "B"]), st.integers(-25, 30), st.integers(-5, 50))
def test_joined_searches_find_all_and_no_entry_twice(
    searches: list[EntrySearch], account: str, amount: int, us: int
) -> None:
    found = sum(finds(search, account, amount, us) for search in joined(searches))
    assert found <= 1
    assert found or not any(finds(search, account, amount, us) for search in searches)


def test_facts_of_one_amount_are_one_search() -> None:
    many = [EntrySearch("A", "fee", Decimal(1), Decimal(2), us, us + 10) for us in range(0, 1000, 5)]
    assert list(joined(many)) == [EntrySearch("A", "fee", Decimal(1), Decimal(2), 0, 1005)]
