from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import combinations, pairwise

import pytest

from recon.simulator.day import Gateway, play
from recon.simulator.gateway.outgoing import Control, Outgoing
from recon.simulator.habits import Habits
from recon.simulator.plan import GatewayPlan
from recon.simulator.scenarios import clean_plan, demo_plan
from recon.simulator.venue.orders import LEGAL, Status
from tests.support.observers import START, decoded, explained, last_reported, observations, played, reports

KINDS = {
    "SERVER_INFO",
    "SYMBOLS_SNAPSHOT",
    "ORDER_EXEC_REPORT_SNAPSHOT",
    "BALANCE_SNAPSHOT",
    "POSITION_SNAPSHOT",
}


def clean(seed: int, *, duration: float = 30.0, rate: float = 2.0, **more: object) -> GatewayPlan:
    plan = clean_plan(seed, duration=duration, fills_per_second=rate, **more)  # type: ignore[arg-type]  # passed through
    return plan.gateways[0]


def from_nothing(plan: GatewayPlan) -> GatewayPlan:
    """Without trading before the first connection, so that openings are the plan's."""
    return replace(plan, warm_up=0.0)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    def bytes_of(seed: int) -> list[Outgoing]:
        return list(play(demo_plan(seed, 40).gateways[1], START, until=START + timedelta(seconds=45)))

    assert bytes_of(3) == bytes_of(3)
    assert bytes_of(3) != bytes_of(4)


def test_how_often_the_day_is_advanced_changes_nothing() -> None:
    fine, coarse = (Gateway(clean(9), START) for _ in range(2))
    assert fine.connect() == coarse.connect()
    in_steps = [out for step in range(1, 1201) for out in fine.advance(START + timedelta(seconds=step / 40))]
    assert in_steps == coarse.advance(START + timedelta(seconds=30))
    assert len(in_steps) > 300


def test_a_connection_is_greeted_with_every_snapshot_of_every_account_in_some_order() -> None:
    gateway = Gateway(clean(2), START)
    orders = set()
    for _ in range(8):
        frames = [decoded(frame) for frame in gateway.connect()]
        kinds: dict[str, list[str]] = {}
        for frame in frames:
            assert frame is not None
            kinds.setdefault(frame["exchange_id"], []).append(frame["type"])
        assert set(kinds) == {"KRAKEN/JOHN", "BINANCE", "BITMEX"}
        assert all(set(each) == KINDS and len(each) == 5 for each in kinds.values())
        orders.add(tuple(kinds["BITMEX"]))
    assert len(orders) > 1


def test_heartbeats_come_each_second_for_each_account_and_go_on_after_the_day() -> None:
    day = played(clean(4, duration=5.0), 12.0)
    for account in day.gateway.accounts:
        beats = [at for at, _ in day.messages("SERVER_INFO", account=account)][1:]
        assert len(beats) == 12
        assert {round(later - sooner, 3) for sooner, later in pairwise(beats)} == {1.0}
    guids = {message["instance_guid"] for _, message in day.messages("SERVER_INFO")}
    assert len(guids) == 1


def test_lives_on_the_wire_are_legal_and_end_once() -> None:
    day = played(clean(6, duration=60.0, habits=Habits(early_reports=True)), 65.0)
    ended: set[str] = set()
    endings = set()
    for _, row in reports(day, "BINANCE"):
        statuses = [Status(status) for status, _ in row["status_history"]]
        assert all(after in LEGAL[before] for before, after in zip([None, *statuses], statuses, strict=False))
        stamps = [stamp for _, stamp in row["status_history"]]
        assert stamps == sorted(set(stamps))
        assert all(len(stamp) == len("2024-03-01T09:00:00.1234567Z") for stamp in stamps)
        assert row["status"] == statuses[-1]
        assert row["client_order_id"] not in ended
        assert sum(fill["amount"] for fill in row["fills"]) == row["amount_filled"]
        assert row["amount_open"] == row["amount_order"] - row["amount_filled"]
        if not LEGAL[statuses[-1]]:
            ended.add(row["client_order_id"])
            endings.add(statuses[-1])
    assert endings == {Status.FILLED, Status.CANCELED, Status.REJECTED}


def test_after_the_day_no_order_is_open() -> None:
    day = played(clean(6, duration=10.0), 12.0)
    for message in map(decoded, day.gateway.connect()):
        assert message is not None
        if message["type"] == "ORDER_EXEC_REPORT_SNAPSHOT":
            assert message["data"] == []


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("equal_sizes", [False, True])
def test_a_clean_day_is_explained_by_its_reports(seed: int, equal_sizes: bool) -> None:
    day = played(from_nothing(clean(seed, equal_sizes=equal_sizes)), 33.0)
    assert day.gateway.truth == []
    for account in day.gateway.plan.accounts:
        legs = [
            (held.symbol, Fraction(held.quantity) * held.side.sign, Fraction(held.entry_price))
            for held in account.positions
        ]
        books = explained(day, account.account, account.instruments, legs)
        assert books.fills > 20
        opening = {("contract", symbol): signed for symbol, signed, _ in legs}
        opening |= {("asset", code): Fraction(held) for code, held in account.balances.items()}
        for unit, value in last_reported(day, account.account).items():
            expected = opening.get(unit, Fraction(0)) + books.total(*unit)
            # avg_px is cut at 10 digits; a contract's cash is rounded to 8 each time.
            assert abs(value - expected) < Fraction(len(books.changes[unit]) + 1, 10**8), unit


def fits_some_moment(changes: list[tuple[float, Fraction]], opening: Fraction, at: float, value: Fraction) -> bool:
    """Tell whether what was long known, and some of what came within 0.35 s, makes the reported value."""
    settled = opening + sum((amount for when, amount in changes if when < at - 0.35), Fraction(0))
    near = [amount for when, amount in changes if at - 0.35 <= when <= at + 0.35]
    some = (sum(chosen, settled) for n in range(len(near) + 1) for chosen in combinations(near, n))
    return any(abs(held - value) < Fraction(1, 10**6) for held in some)


@pytest.mark.parametrize("polled", [None, 1.5])
def test_messages_cross_both_ways_by_at_most_a_third_of_a_second(polled: float | None) -> None:
    """What an engine relies on: a balance tells of all fills reported long before, and of none reported long after."""
    day = played(from_nothing(clean(11, duration=40.0, polled=polled)), 43.0)
    early = late = 0
    for plan in day.gateway.plan.accounts[:2]:
        books = explained(day, plan.account, plan.instruments)
        for at, unit, value in observations(day, plan.account):
            opening = Fraction(plan.balances.get(unit[1], 0))
            changes = books.changes[unit]
            assert fits_some_moment(changes, opening, at, value), (at, unit)
            now = opening + sum((amount for when, amount in changes if when <= at), Fraction(0))
            later = any(at < when <= at + 0.35 for when, _ in changes)
            early += later and abs(now - value) > Fraction(1, 10**6)
            late += not later and abs(now - value) > Fraction(1, 10**6)
    assert early > 5
    assert polled is not None or late > 5


def test_rates_are_as_asked() -> None:
    plan = from_nothing(clean(1, duration=300.0, rate=2.0))
    day = played(plan, 303.0)
    kraken = plan.accounts[0]
    books = explained(day, "KRAKEN/JOHN", kraken.instruments)
    assert 1.6 < len(books.changes["asset", "ZUSD"]) / 300 < 2.4
    assert 0.7 < len(books.changes["asset", "XXBT"]) / 300 < 1.3


def test_nobody_hears_what_is_sent_while_nobody_is_connected_and_a_return_shows_what_became_of_it() -> None:
    gateway = Gateway(from_nothing(clean(5)), START)
    before = {frame for frame in gateway.connect() if b"BALANCE_SNAPSHOT" in frame}
    gateway.disconnect()
    assert not [out for out in gateway.advance(START + timedelta(seconds=20)) if not isinstance(out.payload, Control)]
    after = {frame for frame in gateway.connect() if b"BALANCE_SNAPSHOT" in frame}
    assert before != after
    missed = [fault for fault in gateway.truth if fault.must_flag]
    assert {fault.kind.value for fault in missed} == {"missed_while_away"}
    assert {fault.account for fault in missed} == {"KRAKEN/JOHN", "BINANCE", "BITMEX"}
