"""Facts from outside: their content, and what they are matched with (semantics 10.3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from recon.ledger.facts.external_fact import ExternalFact, Movement, digest_of, movements_of, parse_fact
from recon.ledger.facts.index import FactIndex
from recon.ledger.facts.matchable_fills import MatchableFills
from recon.ledger.facts.matching import (
    FEE_WITHIN_US,
    MANUAL_WITHIN_US,
    REPLACED_WITHIN_US,
    MatchableFill,
    family_of,
    is_replaceable,
    manual_duplicate_of,
    replaced_by,
)
from recon.ledger.facts.replaceable import ReplaceableEntries
from recon.ledger.units import Entry

D = Decimal
NOW = 1_767_603_600_000_000


def fact(**fields: str | None) -> ExternalFact:
    given = {"fact": "deposit", "account": "A", "external_id": "L-1", "occurred_at": "2026-01-05T09:00:00Z"}
    return parse_fact(msgspec.json.encode(given | {"unit": "USDT", "amount": "100"} | fields))


def trade(**fields: str | None) -> ExternalFact:
    return fact(fact="trade", symbol="BTCUSDT", side="BUY", quantity="1", price="100", **fields)


def entry(
    number: int,
    amount: str = "100",
    cause: str = "deposit",
    *,
    certainty: str = "inferred",
    occurred_us: int = NOW,
    order: str | None = None,
    ordinal: int | None = None,
    break_id: str | None = None,
    replaces: int | None = None,
    of_fact: str | None = None,
) -> Entry:
    return Entry(
        account="A",
        kind="asset",
        unit="USDT",
        number=number,
        seq=number,
        clock=0,
        occurred_us=occurred_us,
        recorded_us=NOW,
        cause=cause,
        certainty=certainty,
        amount=D(amount),
        running=D(0),
        order=order,
        ordinal=ordinal,
        break_id=break_id,
        replaces=replaces,
        fact=of_fact,
    )


def move(amount: str = "100", cause: str = "deposit") -> Movement:
    return Movement(account="A", kind="asset", unit="USDT", amount=D(amount), cause=cause)


def replaced(of: Movement, *entries: Entry, tolerance: str = "0", order: str | None = None) -> int | None:
    entry_replaced = replaced_by(
        of, ReplaceableEntries(entries), family_of(of.cause), occurred_us=NOW, tolerance=D(tolerance), order=order
    )
    return None if entry_replaced is None else entry_replaced.number


def test_content_is_what_moves_books() -> None:
    original = fact()
    first = digest_of(original, movements_of(original)[0])
    for equal in (fact(amount="100.00"), fact(source="another file"), fact(text="words"), fact(external_id="L-2")):
        assert digest_of(equal, movements_of(equal)[0]) == first
    for changed in (fact(amount="101"), fact(unit="USD"), fact(account="B"), fact(fact="reward")):
        assert digest_of(changed, movements_of(changed)[0]) != first
    assert digest_of(fact(occurred_at="2026-01-05T09:00:01Z"), movements_of(original)[0]) != first
    assert digest_of(fact(occurred_at="2026-01-05T10:00:00+01:00"), movements_of(original)[0]) == first, (
        "the same moment"
    )
    assert digest_of(trade()) == digest_of(trade(trade_id="9")) != digest_of(trade(fee="1", fee_asset="BNB"))


def test_a_transfer_has_two_sides_with_one_content_each() -> None:
    sent, received = movements_of(fact(fact="transfer", amount="-100", counter_account="B"))
    assert (received.account, received.amount) == ("B", D(100))
    original = fact(fact="transfer", account="B", amount="100", counter_account="A")
    assert digest_of(original, movements_of(original)[0]) == digest_of(original, received)
    assert digest_of(original, movements_of(original)[1]) == digest_of(original, sent)
    assert len(movements_of(fact(counter_account="B"))) == 1, "only a transfer has another side"


def test_the_nearest_inferred_entry_of_an_equal_amount_is_replaced() -> None:
    entries = [
        entry(1, occurred_us=NOW - 9_000_000),
        entry(2, occurred_us=NOW + 5_000_000),
        entry(3, "101"),
        entry(4, cause="interest"),
        entry(5, occurred_us=NOW - REPLACED_WITHIN_US - 1),
    ]
    assert replaced(move(), *entries) == 2
    assert replaced(move(), *entries, tolerance="5") == 3, "a share of the amount bounds the tolerance"
    assert replaced(move("101.1"), *entries, tolerance="5") == 3
    assert replaced(move("103"), *entries, tolerance="50") is None
    assert replaced(move(cause="transfer"), *entries) == 2, "of one family"
    assert replaced(move(cause="reward"), *entries) == 4


def test_a_fee_is_that_of_its_fill_whatever_was_inferred() -> None:
    fees = [
        entry(1, "-1", "fee", order="c:a", ordinal=1),
        entry(2, "-2", "fee", order="c:a", ordinal=2),
        entry(3, "-3", "fee", occurred_us=NOW + FEE_WITHIN_US + 1),
        entry(4, "-3", "fee", occurred_us=NOW + FEE_WITHIN_US),
    ]
    assert replaced(move("-1.9", "fee"), *fees, order="c:a") == 2
    assert replaced(move("-3", "fee"), *fees) == 4
    assert (
        replaced_by(
            move("-9", "fee"),
            ReplaceableEntries(fees),
            {"fee"},
            occurred_us=NOW,
            tolerance=D(0),
            order="c:a",
            ordinal=1,
        )
        == fees[0]
    )


def test_what_stands_by_itself_and_is_not_sure_may_be_replaced() -> None:
    assert is_replaceable(entry(1))
    assert is_replaceable(entry(1, certainty="exact", break_id="b")), "decided by people: a statement is surer"
    assert not is_replaceable(entry(1, certainty="exact"))
    assert not is_replaceable(entry(1, replaces=3))
    assert not is_replaceable(entry(1, of_fact="L-9"))
    assert is_replaceable(entry(1, certainty="exact", of_fact="told:1"))
    assert not is_replaceable(entry(1, certainty="exact", of_fact="told:1", replaces=3))


def test_what_was_told_by_hand_is_looked_for_within_a_day_and_among_its_kind() -> None:
    def duplicate(of: Movement, *entries: Entry, external_id: str = "L-1") -> int | None:
        match = manual_duplicate_of(of, ReplaceableEntries(entries), external_id, occurred_us=NOW, tolerance=D(1))
        return None if match is None else match.number

    def manual(number: int, **more: Any) -> Entry:
        return entry(number, certainty="exact", of_fact=f"told:{number}", **more)

    far, near = manual(1, occurred_us=NOW - MANUAL_WITHIN_US), manual(2, occurred_us=NOW + 60_000_000)
    assert duplicate(move(), far, near) == 2
    assert duplicate(move(), far) == 1
    assert duplicate(move(), manual(3, occurred_us=NOW - MANUAL_WITHIN_US - 1)) is None
    assert duplicate(move(), manual(3, amount="101.5")) is None
    assert duplicate(move(cause="transfer"), near) is None, "of one family, but not of one kind"
    assert duplicate(move(), near, external_id="told:9") is None, "a person who tells two means two"
    assert duplicate(move(), entry(4, certainty="exact", of_fact="L-9"), entry(5)) is None
    assert duplicate(move("-1", "fee"), manual(6, amount="-1", cause="fee")) is None, "fees are told by their fills"
    assert replaced(move(), near) is None


def test_what_stands_in_for_something_stays_at_hand_where_it_was_told_by_hand() -> None:
    index = FactIndex()
    for candidate in (
        entry(1),
        entry(2, "-100", replaces=1, of_fact="told:1"),
        entry(3, certainty="exact", replaces=1, of_fact="told:1"),
        entry(4, certainty="exact", replaces=0, of_fact="L-2"),
    ):
        index.add(candidate)
    assert list(index.entries_of(("A", "asset", "USDT")).numbers) == [3]
    index.add(entry(5, "-100", certainty="exact", replaces=3, of_fact="L-1"))
    index.add(entry(6, certainty="exact", replaces=3, of_fact="L-1"))
    assert index.entries_of(("A", "asset", "USDT")).numbers == {}


def test_what_was_taken_back_is_no_longer_at_hand() -> None:
    index = FactIndex()
    index.add(entry(1))
    index.add(entry(2, "-100", replaces=1))
    assert index.entries_of(("A", "asset", "USDT")).numbers == {}


def test_fills_are_like_a_trade_by_symbol_side_quantity_and_time() -> None:
    def fill(order: str, *, us: int = NOW, amount: str = "1", side: str = "BUY") -> MatchableFill:
        return MatchableFill("A", order, 1, "BTCUSDT", side, D(amount), us)

    fills = MatchableFills()
    for each in (
        fill("far", us=NOW + 4_000_000),
        fill("near", us=NOW - 1_000_000),
        fill("later", us=NOW + 5_000_001),
        fill("more", amount="2"),
        fill("sold", side="SELL"),
    ):
        fills.add(each)
    assert [like.order for like in fills.like(trade())] == ["near", "far"]
    fills.put_aside(fill("near", us=NOW - 1_000_000))
    assert [like.order for like in fills.like(trade())] == ["far"]
    fills.take_back("A", "near")
    fills.add(fill("early", us=NOW - 4_000_000))
    assert [like.order for like in fills.like(trade())] == ["near", "early", "far"], "of one distance, by order"
