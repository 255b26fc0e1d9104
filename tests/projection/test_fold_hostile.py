"""After hostile frames the fold goes on, and good frames fold as before (architecture 2.1, 2.12)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.rules import AccountRules, ContractTerms, Rules
from recon.log import events
from recon.testing import (
    ACCOUNT,
    BTC_USDT,
    PERPETUAL,
    GatewayDriver,
    OrderScript,
    Row,
    balance_row,
    is_readable,
    position_row,
    stamp,
    symbol_row,
)
from tests.support.properties import steady
from tests.support.rest_driver import RECOVERING, BackfillRun, history_row
from tests.support.skewed_clocks import clock_of_ems

D = Decimal
GOOD: Final = "KRAKEN/GOOD"
OWN: Final = (events.SESSION_OPENED, events.SESSION_CLOSED, events.SESSION_FAILED, events.TICK, events.RULES)
#: Raw JSON that no encoder of ours would write; a text of this form stands for it until the frame is rendered.
RAW: Final = (
    *("1e400", "-1e400", "1e-400", "1E+40", "-1E+40", "1e-40", "9" * 80, "9" * 5000, "-0", "0.0", "NaN", "Infinity"),
    *("-", "01", "1.", "nul", '"\\ud800"', '"\\u0000"', "[" * 300 + "]" * 300, "[" * 5000 + "]" * 5000, "{}", ""),
)
TEXTS: Final = (
    *(
        "",
        " ",
        "NaN",
        "Infinity",
        "-Infinity",
        "sNaN",
        "1e99",
        "0x10",
        "1,5",
        "A\x00B",
        "\ud7ff",
        "💶" * 50,
        "x" * 5000,
    ),
    *("c2:1", "null", "BUY", "SELL", "FILLED", "2026-01-05T09:00:00Z", "9999-12-31T23:59:59.9999999Z", "0001-"),
    *("0001-01-01T00:00:00", '["RECEIVED","2026-01-05T09:00:00Z"]', "_SPOT__", "A_PERP_B_C", "A_SPOT_B_C_D"),
)
LEAVES: Final = (
    st.none()
    | st.booleans()
    | st.integers(-(10**50), 10**50)
    | st.decimals("-1e30", "1e30", places=10).map(lambda each: f"@raw@{each:f}@")
    | st.sampled_from(TEXTS)
    | st.sampled_from(range(len(RAW))).map(lambda each: f"@raw@{RAW[each]}@")
    | st.text(max_size=5)
)
ANYTHING: Final = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["status", "time", "price", "x"]), inner)
    ),
    max_leaves=6,
)

_ORDER: Final = OrderScript("h1", [("1", "10"), ("1", "12")]).report(2)
BODIES: Final[Mapping[str, Row]] = {
    "SERVER_INFO": {"instance_guid": "g9", "is_running": True, "time": "2026-01-05T09:00:00Z", "server_version": "1"},
    "ORDER_EXEC_REPORT_UPDATE": _ORDER,
    "BALANCE_UPDATE": balance_row("BTC", "10"),
    "POSITION_UPDATE": position_row("2", "BUY"),
    "MESSAGE_REJECT": {"reject_reason": "OTHER", "message": "no", "rejected_message": '{"broken'},
    "SYMBOLS_SNAPSHOT": symbol_row(*BTC_USDT),
}
LISTS: Final = {
    "ORDER_EXEC_REPORT_SNAPSHOT": "ORDER_EXEC_REPORT_UPDATE",
    "BALANCE_SNAPSHOT": "BALANCE_UPDATE",
    "POSITION_SNAPSHOT": "POSITION_UPDATE",
    "SYMBOLS_SNAPSHOT": "SYMBOLS_SNAPSHOT",
}
TERMS: Final = {
    PERPETUAL.exchange: ContractTerms(
        multiplier=D(1),
        kind="inverse",
        settlement_asset="BTC",
        realised="close",
        method="fifo",
        balance_includes_unrealised=False,
    )
}


def rendered(message: object) -> bytes:
    """Write JSON, with raw parts as they stand."""

    def plain(value: object) -> object:
        return float(value) if isinstance(value, Decimal) else repr(value)

    text = json.dumps(message, default=plain)
    while (start := text.find('"@raw@')) >= 0:
        end = text.find('@"', start + 6)
        text = text[:start] + json.loads(text[start : end + 2])[5:-1] + text[end + 2 :]
    return text.encode("utf-8", "surrogatepass")


@st.composite
def spoilt(draw: st.DrawFn, body: Row) -> dict[str, Any]:
    """A row with some fields of its own replaced by anything, left out or added."""
    row: dict[str, Any] = dict(body)
    for name in draw(st.lists(st.sampled_from(sorted(row)), max_size=4, unique=True)):
        if draw(st.booleans()):
            row[name] = draw(ANYTHING)
        else:
            del row[name]
    return row


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """One frame of any type with anything in it."""
    kind = draw(st.sampled_from(sorted({*BODIES, *LISTS})))
    message: dict[str, Any] = {"type": kind, "exchange_id": ACCOUNT}
    if kind in LISTS and draw(st.integers(0, 3)):
        rows = draw(st.lists(spoilt(BODIES[LISTS[kind]]) | ANYTHING, max_size=3))
        message["data"] = rows if draw(st.integers(0, 3)) else draw(ANYTHING)
    elif kind in BODIES:
        message |= draw(spoilt(BODIES[kind]))
    if draw(st.integers(0, 5)) == 0:
        message[draw(st.sampled_from(["type", "exchange_id"]))] = draw(ANYTHING)
    frame = rendered(message)
    if draw(st.integers(0, 9)) == 0:
        return frame[: draw(st.integers(0, len(frame)))]
    return frame


def trading() -> GatewayDriver:
    driver = GatewayDriver(Rules(defaults=AccountRules(contracts=TERMS)))
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"), positions=[position_row("2", "BUY")])
    return driver


def go_on(driver: GatewayDriver) -> None:
    """Good frames of another account fold as if nothing had happened."""
    driver.account = GOOD
    driver.server_info()
    driver.snapshot("SYMBOLS_SNAPSHOT", [symbol_row(*BTC_USDT)])
    driver.orders()
    driver.balances(balance_row("BTC", "5"), balance_row("USDT", "700"))
    driver.wait(30)
    driver.report(OrderScript("good", [("1", "100")], placed_at=driver.now).report(1, exchange_id=GOOD))
    driver.balance("BTC", "6")
    driver.balance("USDT", "590")
    driver.wait(60)
    assert (driver.value("BTC"), driver.value("USDT")) == (D(6), D(600))
    assert [(each.unit, each.break_.amount) for each in driver.transitions("opened") if each.account == GOOD] == [
        ("USDT", D(-10))
    ]


def texts(driver: GatewayDriver) -> bytes:
    """What the fold would have stored as text."""
    changes, transitions = driver.ledger.changes, driver.reconciler.transitions
    return msgspec.json.encode(
        [
            changes.findings,
            changes.entries,
            changes.fills,
            changes.intervals,
            list(changes.orders.values()),
            [each.unit for each in changes.units.values()],
            list(changes.accounts.values()),
            list(changes.instruments.values()),
            transitions,
        ]
    )


@steady(250)
@given(st.lists(hostile(), min_size=1, max_size=12))
def test_hostile_frames_never_raise_and_the_good_ones_after_them_still_fold(frames: list[bytes]) -> None:
    driver = trading()
    for frame in frames:
        driver.frame(frame)
    driver.wait(12)
    go_on(driver)
    assert b"\\u0000" not in texts(driver)


@steady(100)
@given(st.lists(st.binary(max_size=60), max_size=10))
def test_bytes_that_are_no_message_are_findings(frames: list[bytes]) -> None:
    driver = trading()
    for frame in frames:
        driver.frame(frame)
    go_on(driver)


@steady(60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(OWN),
            ANYTHING.map(rendered).filter(is_readable) | st.binary(max_size=20),
        ),
        max_size=6,
    )
)
def test_events_of_our_own_that_have_another_shape_are_findings(told: list[tuple[str, bytes]]) -> None:
    driver = trading()
    for kind, payload in told:
        driver.event(kind, payload)
    driver.set_rules(Rules())
    driver.open_session("after")
    go_on(driver)


def orders(driver: GatewayDriver, *reports: Row) -> None:
    for report in reports:
        driver.report(report)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (events.SESSION_CLOSED, b'{"reason":"\xff"}'),
        (events.TICK, b'{"heartbeats":{"\xff":{"last_us":1}}}'),
        (events.CATCH_UP_BEGUN, b'{"run":"\xff"}'),
        (events.CATCH_UP_ENDED, b'{"run":"r","accounts":{"\xff":1}}'),
        (events.RULES, b'{"accounts":{"\xff":{}}}'),
        (events.RULES_PROPOSED, b'{"accounts":{"\xff":{}}}'),
        (events.FACT, b'{"fact":"deposit","account":"\xff"}'),
        (events.DECISION, b'{"by":{"login":"\xff"}}'),
        *((kind, b'{"x":' * 5000 + b"1" + b"}" * 5000) for kind in (*OWN[1:2], *OWN[3:], events.FACT, events.DECISION)),
        (events.FACT, b'{"fact":"deposit","account":"BINANCE","external_id":"\\u0000","unit":"BTC","amount":1}'),
        (events.DECISION, b'{"by":{"login":"x","authenticated":true},"action":"comment","text":"\\u0000"}'),
        (events.TICK, b'{"heartbeats":{"\\u0000":{"last_us":1}}}'),
        (events.CLOCK_JUMPED, b'{"clock":"\xff"}'),
        (events.TICK, b'{"heartbeats":{"BINANCE":{"last_us":99999999999999999999}}}'),
        (events.TICK, b'{"heartbeats":{"BINANCE":{"last_us":-99999999999999999999}}}'),
        (events.TICK, b'{"heartbeats":{"BINANCE":{"last_us":1,"lag_us":-99999999999999999999}}}'),
    ],
)
def test_a_payload_of_ours_that_cannot_be_taken_is_a_finding(kind: str, payload: bytes) -> None:
    driver = trading()
    driver.event(kind, payload)
    assert [finding.about for finding in driver.findings("unreadable")] == [kind]
    go_on(driver)


def test_a_session_ends_whatever_its_event_quotes() -> None:
    driver = trading()
    driver.event(events.SESSION_CLOSED, b'{"reason":"overr\\u0000un","detail":"\\u0000"}')
    assert driver.coverage() == ("gap", "overrun")
    assert not driver.findings("unreadable")


def test_a_price_of_forty_digits_does_not_stop_the_fold() -> None:
    """Within the bounds for numbers: the implied price of the second jump is."""
    driver = trading()
    script = OrderScript("a", [("1", "1"), ("1", "1")], lists_fills=False)
    orders(driver, script.report(1), script.report(2, avg_px=D("1e40")))
    go_on(driver)


def test_a_contract_of_forty_digits_does_not_stop_the_fold() -> None:
    """An inverse contract's value is quantity over price: 1e40 at 1e-40."""
    driver = trading()
    orders(
        driver, OrderScript("a", [("1e40", "1e-40")], symbol=PERPETUAL, lists_fills=False).report(1, avg_px=D("1e-40"))
    )
    go_on(driver)


def test_nothing_that_is_stored_holds_a_nul() -> None:
    """A history written as JSON text inside a string: the frame itself holds no U+0000, and is readable."""
    driver = trading()
    driver.report(OrderScript("a", [("1", "1")]).report(1, status_history='["0001-\\u0000"]'))
    assert b"\\u0000" not in texts(driver)


def test_an_id_that_looks_like_a_generation_is_an_order_of_its_own() -> None:
    driver = trading()
    orders(
        driver,
        OrderScript("1", [("1", "10")], exchange_id="X-1").report(1),
        OrderScript("1", [("2", "10")], exchange_id="X-2").report(1),
        OrderScript("1#2", [("4", "10")], exchange_id="X-3").report(1),
    )
    assert len(driver.ledger.orders) == 3
    assert driver.value("BTC") == D(17)


#: How many fills an order has in all.
MOST: Final = 3
ACTS: Final = (
    "fill",
    "tell",
    "tell old",
    "open orders",
    "no list",
    "balances",
    "gap",
    "restart",
    "silence",
    "ask",
    "log",
)


class _Reality:
    """What truly happens to the orders of two accounts, told to a driver late, twice, in part, or not at all."""

    def __init__(self, driver: GatewayDriver, ahead: timedelta) -> None:
        self.driver = driver
        self.ahead = ahead
        self.filled = dict.fromkeys(((account, key) for account in (ACCOUNT, GOOD) for key in "ab"), 0)
        self.session = 1
        self.driver.open_session()
        self.greet()
        self.driver.wait(30)
        began = self.driver.now + ahead
        self.lives = {
            (account, key): OrderScript(key, [("1", "100"), ("2", "101"), ("1", "99")], placed_at=began)
            for account, key in self.filled
        }
        for each in self.filled:
            self.tell(each, 0)

    def report(self, order: tuple[str, str], count: int) -> Row:
        return self.lives[order].report(count, exchange_id=order[0])

    def tell(self, order: tuple[str, str], count: int) -> None:
        self.driver.report(self.report(order, count))

    def greet(self, guid: str = "g1") -> None:
        """The beginning of a session, of both accounts, with what truly is."""
        for account in (ACCOUNT, GOOD):
            self.driver.server_info(guid, account=account)
            self.driver.symbols(BTC_USDT, account=account)
            self.listed(account)
            self.balances(account)

    def listed(self, account: str) -> None:
        open_ = [each for each, count in self.filled.items() if each[0] == account and count < MOST]
        rows = [self.report(each, self.filled[each]) for each in open_] if hasattr(self, "lives") else []
        self.driver.orders(*rows, account=account)

    def balances(self, account: str) -> None:
        lives = [(self.lives[each], count) for each, count in self.filled.items() if each[0] == account and count]
        bought = sum((script.filled(count) for script, count in lives), D(0))
        paid = sum((script.cash(count) for script, count in lives), D(0))
        self.driver.balances(balance_row("BTC", 10 + bought), balance_row("USDT", 10_000 - paid), account=account)

    def act(self, act: str, order: tuple[str, str]) -> None:
        driver, account = self.driver, order[0]
        match act:
            case "fill":
                self.filled[order] = min(self.filled[order] + 1, MOST)
            case "tell":
                self.tell(order, self.filled[order])
            case "tell old":
                self.tell(order, self.filled[order] // 2)
            case "open orders":
                self.listed(account)
            case "no list":
                for kind in sorted(LISTS):
                    driver.frame({"type": kind, "exchange_id": account} | ({"data": None} if order[1] == "a" else {}))
            case "balances":
                self.balances(account)
            case "gap" | "restart":
                self.session += 1
                driver.close_session()
                driver.open_session(f"s{self.session}", after=2)
                self.greet(f"g{self.session if act == 'restart' else 1}")
            case "silence":
                driver.wait(12, silent=[account])
            case _:
                self.ask(act, order)

    def ask(self, act: str, order: tuple[str, str]) -> None:
        """REST answers with a state of before, or of now."""
        row = self.report(order, self.filled[order] // 2 if order[1] == "a" else self.filled[order])
        backfill = BackfillRun.__new__(BackfillRun)
        backfill.driver, backfill.name, backfill.until = self.driver, "run", {}
        self.driver.account = order[0]
        if act == "ask":
            backfill.status(order[1], row)
        else:
            backfill.history(history_row(row, created=stamp(self.driver.now + self.ahead)))
        self.driver.account = ACCOUNT

    def go(self, acts: list[tuple[str, tuple[str, str]]]) -> None:
        driver = self.driver
        for act, order in acts:
            self.act(act, order)
            for each, count in self.filled.items():
                known = driver.ledger.orders[each[0], f"c:{each[1]}"]
                assert known.booked.amount == known.reported.amount_filled <= self.lives[each].filled(count)
                assert not known.terminal or count == MOST
            for account in driver.ledger.accounts.values():
                assert (
                    not account.coverage.observed
                    or account.snapshots.orders_session == account.snapshots.balances_session == driver.session
                )

    def end(self) -> None:
        """Everything is told at last; the books are true, and no break stays open."""
        driver = self.driver
        self.act("gap", (ACCOUNT, "a"))
        for each, count in self.filled.items():
            self.tell(each, count)
        for account in (ACCOUNT, GOOD):
            self.balances(account)
        driver.wait(400)
        for account in (ACCOUNT, GOOD):
            self.balances(account)
            mine = [(self.lives[each], count) for each, count in self.filled.items() if each[0] == account]
            assert not driver.ledger.accounts[account].coverage.missing_orders
            bought, paid = (
                sum(script.filled(count) for script, count in mine),
                sum(script.cash(count) for script, count in mine),
            )
            assert driver.unit("BTC", account=account).value == 10 + bought
            assert driver.unit("USDT", account=account).value == 10_000 - paid
        assert not driver.findings("amount_regression")
        active = [known for comparison in driver.reconciler.comparisons.values() for known in comparison.breaks]
        assert active == []


@steady(150)
@given(
    st.sampled_from([-300, -20, 0, 20, 300]),
    st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from([(a, k) for a in (ACCOUNT, GOOD) for k in "ab"]))),
)
def test_whatever_is_told_late_twice_or_not_the_books_end_true(
    skew: int, acts: list[tuple[str, tuple[str, str]]]
) -> None:
    """Both accounts, each by its own snapshots: nothing is lost, nothing is booked twice, nothing closes in silence."""
    driver = GatewayDriver(RECOVERING)
    with clock_of_ems(driver, skew / 60) as ahead:
        told = _Reality(driver, ahead)
        told.go(acts)
        told.end()
