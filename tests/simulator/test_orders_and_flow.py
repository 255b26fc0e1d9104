from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.errors import SimulationError
from recon.simulator.habits import Habits
from recon.simulator.instruments import Side
from recon.simulator.rng import stream
from recon.simulator.venue.flow import Stream, Walk, draw_lots, draw_script
from recon.simulator.venue.ledger import Effect
from recon.simulator.venue.orders import LEGAL, TERMINAL, Fill, Order, Status
from recon.simulator.venues import binance, bitmex

SPOT = binance("BINANCE", 1.0, Habits()).instruments[0]
CONTRACT = bitmex("BITMEX", 1.0, Habits()).instruments[1]
FLOW = Stream(symbol=SPOT.symbol, fills_per_second=1.0, lot=Decimal("0.01"))


def order() -> Order:
    return Order(
        account="A",
        client_id="c",
        client_id_exchange="1",
        exchange_id="x",
        instrument=SPOT,
        side=Side.BUY,
        price=Decimal(60000),
        amount=Decimal(1),
    )


def test_the_table_of_moves_is_the_protocol_s_with_what_happens_live() -> None:
    assert LEGAL[Status.RECEIVED] == {Status.REJECTED, Status.ROUTING}
    assert LEGAL[Status.PENDING_CANCEL] == {
        Status.NEW, Status.PARTIALLY_FILLED, Status.FILLED, Status.CANCELED
    }  # fmt: skip
    assert all(not LEGAL[status] for status in TERMINAL)
    assert Status.REJECTED in LEGAL[Status.ROUTING]


def test_an_illegal_move_and_an_overfill_are_errors() -> None:
    one = order()
    with pytest.raises(SimulationError, match="from None to FILLED"):
        one.move(Status.FILLED, 1)
    one.move(Status.RECEIVED, 1)
    with pytest.raises(SimulationError, match="before its last change"):
        one.move(Status.ROUTING, 1)
    with pytest.raises(SimulationError, match="is open"):
        one.fill(Fill(2, Decimal(1), Decimal(2)), ())


def test_a_report_is_frozen_and_has_no_exchange_id_before_the_venue_took_the_order() -> None:
    one = order()
    one.move(Status.RECEIVED, 1)
    first = one.report()
    one.move(Status.ROUTING, 2)
    one.move(Status.ROUTED, 3)
    one.move(Status.NEW, 4)
    assert first.history == ((Status.RECEIVED, 1),)
    assert first.exchange_order_id is None
    assert one.report().exchange_order_id == "x"


@given(st.integers(0, 10**6), st.booleans(), st.sampled_from(list(Side)))
def test_every_drawn_life_is_legal_and_fills_no_more_than_was_ordered(seed: int, varied: bool, side: Side) -> None:
    dice = stream(seed, "test")
    flow = Stream(symbol=SPOT.symbol, fills_per_second=1.0, lot=Decimal("0.01"), varied=varied)
    for each in (SPOT, CONTRACT):
        lots = draw_lots(dice, each, flow)
        script = draw_script(dice, each, lots, side=side, price=each.price, effect=Effect.NET)
        status: Status | None = None
        filled = Decimal(0)
        for step in script.steps:
            assert step.status in LEGAL[status]
            assert step.pause >= 1
            status = step.status
            if step.amount is not None:
                assert step.price is not None
                filled += step.amount
                assert step.price % each.price_step == 0
                assert step.amount % each.size_step == 0
                assert (script.price - step.price) * side.sign >= 0  # never worse than the limit
                assert not each.is_contract or step.price == script.price
        assert status in TERMINAL
        assert filled <= script.amount
        assert (filled == script.amount) == (status is Status.FILLED)


def test_equal_sizes_are_equal_and_varied_ones_are_not() -> None:
    dice = stream(1, "lots")
    equal = Stream(symbol=SPOT.symbol, fills_per_second=1.0, lot=Decimal("0.01"), varied=False)
    assert {lot for _ in range(50) for lot in draw_lots(dice, SPOT, equal)} == {Decimal("0.01")}
    assert len({lot for _ in range(50) for lot in draw_lots(dice, SPOT, FLOW)}) > 20


def test_every_kind_of_life_is_drawn() -> None:
    dice = stream(5, "kinds")
    seen: Counter[str] = Counter()
    for _ in range(600):
        lots = draw_lots(dice, SPOT, FLOW)
        script = draw_script(dice, SPOT, lots, side=Side.BUY, price=SPOT.price, effect=Effect.NET)
        statuses = [step.status for step in script.steps]
        seen[script.time_in_force] += 1
        seen[statuses[-1].value] += 1
        seen["cancel refused"] += statuses.count(Status.NEW) == 2
        seen["refused at submission"] += statuses[-2:] == [Status.ROUTING, Status.REJECTED]
        seen["post only"] += script.exec_inst == ("MAKER_OR_CANCEL",)
    wanted = {
        "IMMEDIATE_OR_CANCEL",
        "FILLED",
        "CANCELED",
        "REJECTED",
        "cancel refused",
        "refused at submission",
        "post only",
    }
    assert wanted <= {kind for kind, count in seen.items() if count}


def test_prices_walk_in_steps_within_their_band() -> None:
    dice, walk = stream(3, "walk"), Walk(SPOT)
    prices = [walk.next(dice) for _ in range(5000)]
    assert all(price % SPOT.price_step == 0 for price in prices)
    assert Decimal(57000) <= min(prices) < max(prices) <= Decimal(63000)
