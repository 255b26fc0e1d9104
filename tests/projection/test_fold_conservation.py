"""Conservation: reported = opening + fills + explained + unexplained, after every event (architecture 2.7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.rules import AccountRules, ContractTerms, FeeRule, Rules
from recon.ledger.units import OF_FILLS, Entry, UnitKey
from recon.testing import BTC_USDT, ETH_USDT, PERPETUAL, GatewayDriver, OrderScript, Row, balance_row, position_row
from tests.support.claims import claimed, residual
from tests.support.properties import steady

D = Decimal
TERMS: Final = ContractTerms(
    multiplier=D(1),
    kind="linear",
    settlement_asset="USDT",
    realised="close",
    method="average",
    balance_includes_unrealised=False,
)
#: Where rates are not known, drift beside a fill may be a fee.
FREE: Final = FeeRule(maker=D(0), taker=D(0))
OPENINGS: Final = {"BTC": D(20), "ETH": D(300), "USDT": D(5_000_000)}


class Auditor:
    """Reads the entries that the fold writes, and nothing else of its books, and holds what it shows against them."""

    def __init__(self, driver: GatewayDriver) -> None:
        self.driver = driver
        self.read = 0
        self.entries: dict[UnitKey, list[Entry]] = defaultdict(list)
        #: What the wire said of each unit, ever.
        self.told: dict[str, set[Decimal]] = defaultdict(lambda: {D(0)})

    def check(self) -> None:
        changes = self.driver.ledger.changes.entries
        for entry in changes[self.read :]:
            self.entries[entry.account, entry.kind, entry.unit].append(entry)
        self.read = len(changes)
        for key, held in self.driver.ledger.units.items():
            own = self.entries[key]
            assert [each.number for each in own] == list(range(1, len(own) + 1))
            running = D(0)
            for each in own:
                running += each.amount
                assert each.running == running, "running adds up in the order of knowledge"
            openings = [each.amount for each in own if each.cause == "opening"]
            assert openings == ([] if held.unit.balance.opening is None else [held.unit.balance.opening]), (
                "once, and never moved"
            )
            if openings:
                assert held.unit.value == running
            self._cut(key)

    def _cut(self, key: UnitKey) -> None:
        held = self.driver.ledger.units[key]
        comparison = self.driver.comparison(key[2], key[1])
        if comparison.reported is None or held.unit.balance.opening is None or held.unit.unmodelled:
            return
        flow = [each for each in self.entries[key] if each.cause != "opening"]
        explained = sum((each.amount for each in flow if each.cause not in OF_FILLS), D(0))
        fills = [each for each in flow if each.cause in OF_FILLS]
        assert comparison.cut_explained == explained, "no fee is left out that is booked after its fill"
        assert comparison.reported in self.told[key[2]]
        # What is not in the cut is the latest by the venue's time.
        left_out = sum((each.amount for each in fills), D(0)) - (comparison.cut_total - comparison.cut_explained)
        late = sorted(fills, key=lambda each: each.occurred_us, reverse=True)
        assert left_out in {sum((each.amount for each in late[:count]), D(0)) for count in range(len(late) + 1)}


class Flow:
    """Random trading at a venue that keeps its own balances, told late, out of order and with a gap now and then."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.driver = GatewayDriver(Rules(defaults=AccountRules(contracts={PERPETUAL.exchange: TERMS}, fees=[FREE])))
        self.driver.start(
            *(balance_row(code, amount) for code, amount in OPENINGS.items()),
            positions=[position_row("0", "BUY", price=None)],
        )
        self.auditor = Auditor(self.driver)
        self.venue = dict(OPENINGS)
        self.position, self.cost = D(0), D(0)
        self.drift: dict[str, Decimal] = defaultdict(Decimal)
        self.waiting: list[Row] = []
        for code, amount in OPENINGS.items():
            self.auditor.told[code].add(amount)

    def trade(self, number: int) -> None:
        of = self.data.draw(st.sampled_from([BTC_USDT, ETH_USDT]))
        side = self.data.draw(st.sampled_from(["BUY", "SELL"]))
        rows = self.data.draw(
            st.lists(
                st.tuples(st.decimals("0.001", "0.9", places=3).map(str), st.decimals("10", "900", places=1).map(str)),
                min_size=1,
                max_size=3,
            )
        )
        order = OrderScript(f"o{number}", rows, side=side, symbol=of, placed_at=self.driver.now)
        self.driver.wait(3 + len(rows))  # until the venue's time of its last fill
        sign = 1 if side == "BUY" else -1
        self.venue[of[2]] += sign * order.filled(len(rows))
        self.venue["USDT"] -= sign * order.cash(len(rows))
        self.waiting += [order.report(count) for count in range(len(rows) + 1)]

    def grow(self, number: int) -> None:
        """A position is opened or grows, and half of it is closed at another price."""
        order = OrderScript(f"p{number}", [("2", "100")], symbol=PERPETUAL, placed_at=self.driver.now)
        half = OrderScript(f"q{number}", [("1", "103")], symbol=PERPETUAL, side="SELL", placed_at=self.driver.now)
        self.tell()
        self.driver.wait(4)
        self.driver.report(order.report(1))
        self.position, self.cost = self.position + 2, self.cost + 200
        self.driver.report(half.report(1))
        leaves = self.cost / self.position
        self.venue["USDT"] += 103 - leaves
        self.position, self.cost = self.position - 1, self.cost - leaves

    def tell(self) -> None:
        """Deliver what waits, in any order."""
        for row in self.data.draw(st.permutations(self.waiting)):
            self.driver.report(row)
            self.auditor.check()
        self.waiting = []

    def poll(self, *codes: str) -> None:
        for code in codes or tuple(OPENINGS):
            amount = self.venue[code] + self.drift[code]
            self.auditor.told[code].add(amount)
            self.driver.balance(code, amount)
            self.auditor.check()
        self.auditor.told[PERPETUAL.exchange].add(self.position)
        price = str(self.cost / self.position) if self.position else None
        self.driver.position(position_row(self.position, "BUY", price=price))
        self.auditor.check()

    def step(self, what: str, number: int) -> None:
        match what:
            case "trade":
                self.trade(number)
            case "tell":
                self.tell()
            case "poll":
                self.poll(self.data.draw(st.sampled_from(sorted(OPENINGS))))
            case "grow":
                self.grow(number)
            case "drift":
                code = self.data.draw(st.sampled_from(sorted(OPENINGS)))
                self.drift[code] += self.data.draw(st.sampled_from([D("0.5"), D(-3), D(40)]))
            case "wait":
                self.driver.wait(self.data.draw(st.integers(1, 12)))
            case "gap":
                self.driver.close_session()
                self.driver.wait(2, silent=[self.driver.account])
                self.driver.open_session(f"s{number}")
                self.driver.server_info()
                self.driver.orders()
                rows = [balance_row(code, self.venue[code] + self.drift[code]) for code in OPENINGS]
                for code in OPENINGS:
                    self.auditor.told[code].add(self.venue[code] + self.drift[code])
                self.driver.balances(*rows)
        self.auditor.check()


STEPS = st.lists(
    st.sampled_from(["trade", "trade", "tell", "poll", "poll", "wait", "grow", "drift", "gap"]), max_size=25
)


def quiet(flow: Flow) -> Iterator[str]:
    """Everything is told and polled until nothing more can change; the units in the end."""
    flow.tell()
    for _ in range(45):
        flow.poll()
        flow.driver.wait(1)
    yield from OPENINGS


@steady(50)
@given(STEPS, st.data())
def test_reported_is_opening_and_fills_and_explained_and_unexplained(steps: list[str], data: st.DataObject) -> None:
    """At every unit's cut, after every event; and in the end unexplained is just what nobody reported."""
    flow = Flow(data)
    for number, what in enumerate(steps):
        flow.step(what, number)
    for code in quiet(flow):
        unit, comparison = flow.driver.unit(code), flow.driver.comparison(code)
        assert unit.balance.opening == OPENINGS[code]
        value = unit.value
        assert value is not None
        off = D("1e-9")  # the realised cash is a division, and average prices have twelve digits
        assert abs(value - flow.venue[code]) <= off, "books are what the venue would hold without drift"
        assert comparison.reported is not None
        assert abs(comparison.reported - value - flow.drift[code]) <= off
        left = residual(flow.driver, code)
        assert abs(left - flow.drift[code]) <= off, "the cut holds all fills"
        assert abs(claimed(comparison) - left) <= off, "and the open breaks own all of it"
    assert flow.driver.value(PERPETUAL.exchange, "contract") == flow.position


@steady(25)
@given(STEPS, st.data())
def test_facts_told_of_breaks_are_conserved_too(steps: list[str], data: st.DataObject) -> None:
    flow = Flow(data)
    for number, what in enumerate(["drift", *steps, "drift"]):
        flow.step(what, number)
    list(quiet(flow))
    for each in flow.driver.transitions("opened", "cleared", "offset"):
        facts = each.snapshot
        if facts.opening is None or facts.reported is None or facts.unexplained is None:
            continue
        assert facts.expected is not None
        assert facts.explained is not None
        assert facts.reported == facts.expected + facts.explained + facts.unexplained
        assert facts.drift == facts.reported - facts.expected
