"""Numbers are exact, and so is the fold (architecture 2.4 and 2.6, semantics 1)."""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import MAX_DIGITS
from recon.log.events import Event
from recon.projection.fold import Fold, decode_event
from recon.simulator.day import Gateway
from recon.simulator.scenarios import clean_plan, demo_plan
from recon.testing import START, GatewayDriver, OrderScript, as_stored, balance_row, new_fold, play, recorded_events
from tests.support.properties import steady

D = Decimal
#: Up to twenty digits before the point and as many behind it.
LONG = st.decimals("0.00000000000000000001", "99999999999999999999", places=20).map(lambda each: format(each, "f"))
FILLS = st.lists(st.tuples(LONG, LONG), min_size=1, max_size=4)


def fraction(driver: GatewayDriver, code: str) -> Fraction:
    value = driver.value(code)
    assert value is not None
    return Fraction(value)


@steady(50)
@given(st.lists(st.tuples(st.sampled_from(["BUY", "SELL"]), FILLS), min_size=1, max_size=3), LONG)
def test_no_digit_is_lost_whatever_the_context_outside(
    orders: Sequence[tuple[str, list[tuple[str, str]]]], opening: str
) -> None:
    """With the default context at five digits around it, sums and products of forty digits come out whole."""
    with decimal.localcontext(prec=5):
        driver = GatewayDriver()
        driver.start(balance_row("BTC", opening), balance_row("USDT", opening))
        base = quote = Fraction(opening)
        for number, (side, rows) in enumerate(orders):
            sign = 1 if side == "BUY" else -1
            for amount, price in rows:
                base += sign * Fraction(amount)
                quote -= sign * Fraction(amount) * Fraction(price)
            order = OrderScript(f"o{number}", rows, side=side, placed_at=driver.now)
            driver.report(order.report(len(rows), avg_px=None))
        assert fraction(driver, "BTC") == base
        assert fraction(driver, "USDT") == quote
        assert decimal.getcontext().prec == 5, "the fold leaves the context as it found it"


@steady(30)
@given(LONG, LONG)
def test_a_difference_in_the_last_of_forty_digits_is_seen(opening: str, step: str) -> None:
    """Within what a double can tell it is tolerated; the numbers shown are still exact."""
    with decimal.localcontext(prec=5):
        driver = GatewayDriver()
        driver.start(balance_row("BTC", opening))
        with decimal.localcontext(prec=100):
            reported = D(opening) + D(step)
        driver.poll("BTC", reported, 40)
        comparison = driver.comparison("BTC")
        assert comparison.reported == reported
        for transition in driver.transitions("opened"):
            assert Fraction(transition.break_.amount) == Fraction(step)
        told = Fraction(step) > Fraction(reported) / 2**52
        assert bool(driver.transitions("opened")) is told


def test_the_context_of_a_new_thread_does_not_matter() -> None:
    """Python rounds to 28 digits there, in silence."""
    amount, price = "12345678901234567890.12345678901234567891", "98765432109.876543210987654321"

    def run() -> Decimal | None:
        driver = GatewayDriver()
        driver.start(balance_row("BTC", "1"), balance_row("USDT", "1"))
        driver.report(OrderScript("a", [(amount, price)], placed_at=driver.now).report(1, avg_px=None))
        return driver.value("USDT")

    with ThreadPoolExecutor(1) as pool:
        value = pool.submit(run).result()
    assert value is not None
    assert Fraction(value) == 1 - Fraction(amount) * Fraction(price)


@pytest.mark.parametrize(
    "text",
    [b"1e41", b"-1e41", b"1e-41", b'"NaN"', b'"Infinity"', b'"-Infinity"', b'"sNaN"', b"9" * (MAX_DIGITS + 1)],
)
def test_semantics_1_3__what_is_not_finite_or_beyond_the_bounds_is_a_finding_never_a_value(text: bytes) -> None:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"))
    payload = b'{"type":"BALANCE_UPDATE","exchange_id":"BINANCE","asset_id_exchange":"BTC","balance":' + text + b"}"
    driver.frame(payload)
    assert driver.findings("number")
    driver.wait(40)
    assert driver.comparison("BTC").reported == D(10)
    assert not driver.transitions()


def test_semantics_1_3__the_largest_and_the_smallest_numbers_are_values() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "1e40"), balance_row("ETH", "1e-40"), balance_row("USDT", "1"))
    assert (driver.value("BTC"), driver.value("ETH")) == (D("1e40"), D("1e-40"))
    driver.report(OrderScript("a", [("1e-40", "1e40")], placed_at=driver.now).report(1, avg_px=None))
    assert fraction(driver, "BTC") == Fraction(10) ** 40 + Fraction(1, 10**40)
    assert fraction(driver, "USDT") == 0


# -- the fold is a function of the log -----------------------------------------------------------------------------


def state(fold: Fold) -> bytes:
    """Everything that a fold knows and has said, as bytes."""
    book, engine = fold.ledger, fold.reconciler
    known = {
        "clock": book.clock,
        "accounts": book.accounts,
        "orders": {" ".join(key): each for key, each in book.orders.items()},
        "units": {" ".join(key): each.unit for key, each in book.units.items()},
        "comparisons": {" ".join(key): each for key, each in engine.comparisons.items()},
        "entries": book.changes.entries,
        "fills": book.changes.fills,
        "findings": book.changes.findings,
        "intervals": book.changes.intervals,
        "transitions": engine.transitions,
    }
    return msgspec.msgpack.encode(known)


def folded(log: list[Event], cuts: list[int]) -> Fold:
    fold = new_fold("g")
    for start, end in pairwise(sorted({0, len(log), *(cut for cut in cuts if cut < len(log))})):
        fold.fold([decode_event(event) for event in log[start:end]])
    return fold


def a_log(seed: int) -> list[Event]:
    plan = demo_plan(seed, 30.0).gateways[0]
    gateway = Gateway(plan, START)
    return list(as_stored(recorded_events(demo_plan(seed, 30.0), gateway, until=START + timedelta(seconds=34))))


@pytest.mark.parametrize("seed", [1, 2])
def test_fold_1__the_same_events_give_the_same_state_however_they_are_cut_into_batches(seed: int) -> None:
    log = a_log(seed)
    whole = state(folded(log, []))
    assert state(folded(log, list(range(len(log))))) == whole
    assert state(folded(log, list(range(0, len(log), 7)))) == whole


def test_a_simulated_day_is_folded_alike_twice() -> None:
    first, second = (play(clean_plan(3, duration=30.0), after=5.0) for _ in range(2))
    assert [state(fold) for _, fold, _ in first] == [state(fold) for _, fold, _ in second]
    assert first[0][1].ledger.changes.fills, "and something happened in it"
