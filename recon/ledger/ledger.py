"""The working set of one gateway's ledger, and the changes by a fold. Pure.

1. Log time runs on `clock`, in microseconds; a hole longer than HOLE_US does not advance it (semantics 9.4).
2. All rows that a batch of events touches are in the working set before the fold; an absent row does not exist.
3. The transaction of the batch writes all rows marked changed.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Final
from weakref import WeakMethod

from recon.ems.protocol.bounds import MAX_TEXT_CHARS, cut
from recon.ems.protocol.symbols import split_account
from recon.exact import ZERO, step_of
from recon.ledger import coverage
from recon.ledger.account import REFUSED_EVENT, Account, Liveness
from recon.ledger.changes import CurrentEvent, Effects, Finding, LedgerChanges
from recon.ledger.facts.index import FactIndex
from recon.ledger.generations import Generations
from recon.ledger.instruments import Instrument, SpotSymbols
from recon.ledger.ledger_clock import LedgerClock
from recon.ledger.open_orders import OpenOrders
from recon.ledger.orders import Order
from recon.ledger.rule_changes import ProposedRules
from recon.ledger.rules import AccountRules, Rules
from recon.ledger.timeline import Timeline
from recon.ledger.units import Entry, Unit, UnitKey, UnitKind, UnitState
from recon.spelling import plain_code
from recon.times import LogTime

#: Most contracts of an account that are spelled alike; among more of them a spelling tells nothing.
MAX_SPELLED_ALIKE: Final = 16


class Ledger:
    """The working set of a gateway."""

    def __init__(self, gateway: str, clock: LedgerClock, rules: Rules) -> None:
        """Start from a stored clock and the rules in force; the store adds what a batch touches."""
        self.gateway = gateway
        self.clock = clock
        self.rules = rules
        self.proposed_rules: ProposedRules | None = None
        self.accounts: dict[str, Account] = {}
        self.units: dict[UnitKey, UnitState] = {}
        self.by_account: dict[str, dict[UnitKey, UnitState]] = {}
        #: The clock skews of all accounts with heartbeats, in order.
        self.skews_us: list[int] = []
        #: The codes of an account's contracts that have a position in the books, in alphabetical order.
        self.held_contracts: dict[str, list[str]] = {}
        #: The codes of an account's contracts, by how they are spelled without capitals and signs.
        self._plain_contracts: dict[tuple[str, str], list[str]] = {}
        self.spot_symbols = SpotSymbols()
        self._by_coinapi: dict[tuple[str, str], list[UnitState]] = {}
        #: Contracts by account and what else than its code a contract is called.
        self._called: dict[tuple[str, str], UnitState] = {}
        self.instruments: dict[tuple[str, str], Instrument] = {}
        #: Accounts whose fills wait for an instrument, by the account and symbol that would describe it.
        self.awaited_instruments: dict[tuple[str, str], dict[str, Account]] = {}
        self.orders: dict[tuple[str, str], Order] = {}
        self.by_client: dict[tuple[str, str], Generations] = {}
        self.by_exchange: dict[tuple[str, str], Generations] = {}
        self._open_orders: dict[str, OpenOrders] = {}
        self.changes = LedgerChanges()
        self.event = CurrentEvent()
        self.effects = Effects()
        #: Rows that external facts may match (semantics 10.3).
        self.fact_index = FactIndex()
        #: Who is called when a unit stops or starts being modelled.
        self._listener: Callable[[], Callable[[UnitState], None] | None] = lambda: None

    def listen(self, method: Callable[[UnitState], None]) -> None:
        """Call a method when a unit stops or starts being modelled.

        Its object is not kept alive: so books and comparisons that a failed step has spoilt go at once, where a cycle
        would wait for the collector, which looks rarely.
        """
        self._listener = WeakMethod(method)

    def on_modelling_changed(self, state: UnitState) -> None:
        """Tell that a unit stops or starts being modelled."""
        if (method := self._listener()) is not None:
            method(state)

    def rules_of(self, account: str) -> AccountRules:
        """Return the rules in force for an account."""
        rules = self.rules  # not `rules.of`: several times for each event
        return rules.accounts.get(account, rules.defaults)

    def account(self, name: str, at: LogTime) -> Account:
        """Return an account; create the account at the first event that names it."""
        account = self.accounts.get(name)
        if account is None:
            account = Account(
                name=name, started_us=at.us, liveness=Liveness(session=self.clock.session, heard_us=at.us)
            )
            rules = self.rules_of(name)
            account.rates.tell(rules.fees, rules.learn_fees_up_to)
            self.accounts[name] = self.changes.accounts[name] = account
            self.changes.intervals += coverage.reassess(account, seq=at.seq, us=at.us)
        return account

    def mark_changed(self, account: Account) -> None:
        """Mark an account changed."""
        self.changes.accounts[account.name] = account

    def mark_rates_changed(self, account: Account) -> None:
        """Mark an account changed whose fee rates changed: they are shown."""
        self.changes.accounts[account.name] = self.changes.rates[account.name] = account

    def add_account(self, account: Account) -> None:
        """Add a stored account to the working set."""
        self.accounts[account.name] = account
        if account.liveness.lag_us is not None:
            insort(self.skews_us, account.liveness.skew_us)
        for symbol in account.mappings.fills_awaiting_instrument:
            self.note_awaited(account, symbol)

    def note_lag(self, account: Account, lag_us: int) -> None:
        """Note the lag of an account's heartbeat, in microseconds."""
        liveness = account.liveness
        if liveness.lag_us is not None:
            del self.skews_us[bisect_left(self.skews_us, liveness.skew_us)]
        liveness.note_lag(lag_us)
        insort(self.skews_us, liveness.skew_us)

    def note_awaited(self, account: Account, symbol: str) -> None:
        """Note that an account has fills that wait for an instrument, of the account itself or of its exchange."""
        for name in {account.name, split_account(account.name) or account.name}:
            self.awaited_instruments.setdefault((name, symbol), {})[account.name] = account

    def add_unit(self, state: UnitState) -> None:
        """Add a stored or new unit to the working set."""
        self.units[state.key] = state
        self.by_account.setdefault(state.unit.account, {})[state.key] = state
        self._note_coinapi(state)
        if state.unit.kind == "contract":
            self._note_holding(state.unit)
            plain = (state.unit.account, plain_code(state.unit.code))
            insort(self._plain_contracts.setdefault(plain, []), state.unit.code)

    def _note_coinapi(self, state: UnitState) -> None:
        """Note the CoinAPI code of a unit, which learns it once, and all that a contract is called."""
        unit = state.unit
        if unit.kind == "contract" and unit.contract.same_as is None:
            for name in unit.names[1:]:
                known = self._called.get((unit.account, name))
                if known is None or unit.code < known.unit.code:
                    self._called[unit.account, name] = state
        if unit.kind == "asset" and unit.coinapi is not None:
            self._by_coinapi.setdefault((unit.account, unit.coinapi), []).append(state)

    def add_instrument(self, account: str, symbol: str, instrument: Instrument) -> None:
        """Add a stored or new instrument to the working set, in the place of an earlier one."""
        self.spot_symbols.replace(account, self.instruments.get((account, symbol)), instrument)
        self.instruments[account, symbol] = instrument

    def unit(self, account: str, kind: UnitKind, code: str, coinapi: str | None = None) -> UnitState:
        """Return a unit; create the unit when first named."""
        key: UnitKey = (account, kind, code)
        state = self.units.get(key)
        if state is None:
            state = UnitState(Unit(account=account, kind=kind, code=code, coinapi=coinapi), Timeline())
            self.add_unit(state)
            if self.accounts[account].coverage.refused_events:
                state.unit.withhold(REFUSED_EVENT, on=True)
            self.changes.units[key] = state
            update_modelling(self, self.accounts[account], state)
        elif coinapi is not None and state.unit.coinapi is None:
            state.unit.coinapi = coinapi
            self._note_coinapi(state)
            self.changes.units[key] = state
            update_modelling(self, self.accounts[account], state)
        return state

    def known_contract(self, account: str, symbol: str, coinapi: str | None = None) -> UnitState | None:
        """Return the contract that a symbol names in any spelling; CoinAPI's id says which are one (semantics 3.1)."""
        own = self.units.get((account, "contract", symbol))
        if own is not None and own.unit.contract.same_as is None:
            return own
        found = self._called.get((account, symbol))
        return found if found is not None or coinapi is None else self._called.get((account, coinapi))

    def call(self, state: UnitState, names: Iterable[str]) -> None:
        """Let names stand for a contract: those of another one that it turned out to be."""
        for name in names:
            if name not in state.unit.names:
                state.unit.contract.note_spelling(name)
            self._called[state.unit.account, name] = state

    def contract(self, account: str, symbol: str, coinapi: str | None, at: LogTime) -> UnitState:
        """Return a contract's unit, created when first named; another spelling of its symbol is a finding."""
        known, why = self.known_contract(account, symbol, coinapi), f"both are {coinapi}"
        listed = self.instrument(account, coinapi or symbol)
        if known is None:
            known, why = self._spelled_alike(account, symbol, coinapi), "they are spelled alike"
        if known is not None:
            code, coinapi = known.unit.code, coinapi or (None if listed is None else listed.symbol_coinapi)
        else:
            code = symbol if listed is None else listed.symbol
        state = self.unit(account, "contract", code, coinapi)
        if symbol not in state.unit.names:
            state.unit.contract.note_spelling(symbol)
            self._note_coinapi(state)
            self.changes.units[state.key] = state
            message = f"{symbol} is {code}, because {why}; it is kept under {code}"
            self.note_finding(account, at, "symbol_spelled", code, message)
        return state

    def _spelled_alike(self, account: str, symbol: str, coinapi: str | None) -> UnitState | None:
        """Return the one contract whose symbol differs by capitals and signs alone; two that are listed are two."""
        codes = self._plain_contracts.get((account, plain_code(symbol)), ())
        if not 0 < len(codes) <= MAX_SPELLED_ALIKE:
            return None
        listed = self.instrument(account, symbol) is not None
        states = [self.units[account, "contract", code] for code in codes]
        own = [
            state
            for state in states
            if state.unit.contract.same_as is None
            and not (coinapi and state.unit.coinapi)
            and not (listed and self.instrument(account, state.unit.code) is not None)
        ]
        return own[0] if len(own) == 1 else None

    def units_of(self, account: str) -> list[UnitState]:
        """Return an account's units in a fixed order."""
        return list(self.by_account.get(account, {}).values())

    def assets_of(self, account: str, codes: Iterable[str], coinapis: Iterable[str]) -> list[UnitState]:
        """Return an account's assets with one of these codes or CoinAPI codes, in alphabetical order."""
        keys: list[UnitKey] = [(account, "asset", code) for code in codes]
        found = [self.units[key] for key in keys if key in self.units]
        found += [state for coinapi in coinapis for state in self._by_coinapi.get((account, coinapi), ())]
        return [self.units[key] for key in sorted({state.key for state in found})]

    def add_order(self, order: Order) -> None:
        """Add a stored or new order to the working set, under all ids."""
        self.orders[order.account, order.key] = order
        for index, key in self._aliases(order):
            alike = index.get(key)
            if alike is None:
                alike = index[key] = Generations()
            alike.add(order)
        self.note_open(order)

    def note_open(self, order: Order) -> None:
        """Note whether an order is open, after its state or its flags changed; one without any report is not, yet."""
        known = self.open_orders_of(order.account)
        if order.finished or order.flags.missing or order.reported.nothing_yet:
            known.remove(order.key)
        else:
            known.note(order)

    def open_orders_of(self, account: str) -> OpenOrders:
        """Return the orders of an account that a snapshot may show to be missing."""
        known = self._open_orders.get(account)
        if known is None:
            known = self._open_orders[account] = OpenOrders()
        return known

    def forget_order(self, order: Order) -> None:
        """Drop an order from the working set; the store has the order."""
        self.orders.pop((order.account, order.key), None)
        self.open_orders_of(order.account).remove(order.key)
        for index, key in self._aliases(order):
            alike = index.get(key)
            if alike is not None:
                alike.remove(order)
                if not alike:
                    del index[key]

    def related_orders(self, order: Order) -> list[Order]:
        """Return an order and all that share an id with it, directly or through others."""
        found = {order.key: order}
        waiting, followed = [order], set()
        while waiting:
            for index, key in self._aliases(waiting.pop()):
                if (id(index), key) not in followed:
                    followed.add((id(index), key))
                    fresh = [other for other in index.get(key, ()) if other.key not in found]
                    found |= {other.key: other for other in fresh}
                    waiting += fresh
        return list(found.values())

    def _aliases(self, order: Order) -> Iterator[tuple[dict[tuple[str, str], Generations], tuple[str, str]]]:
        """Yield each index that an order stands in, with its key there."""
        if order.identity.client_order_id is not None:
            yield self.by_client, (order.account, order.identity.client_order_id)
        if order.identity.exchange_order_id is not None:
            yield self.by_exchange, (order.account, order.identity.exchange_order_id)

    def instrument(self, account: str, symbol: str) -> Instrument | None:
        """Return the instrument of a symbol: the account's own, else the exchange's (semantics 3.2)."""
        instrument = self.instruments.get((account, symbol))
        if instrument is not None:
            return instrument
        bare = split_account(account)
        return None if bare is None or bare == account else self.instruments.get((bare, symbol))

    def clock_of_fill(self, account: str, occurred_us: int, at: LogTime) -> int:
        """Return the log time at which a fill counts as booked: before the end of a gap that hid the fill."""
        until_us = self.end_of_gap(account)
        if until_us is not None and occurred_us <= until_us:
            return at.clock - self.rules_of(account).settlement_window_us - 1
        return at.clock

    def end_of_gap(self, account: str) -> int | None:
        """Return the end of the gap that hid what REST brings now, in microseconds; None where there is no such gap."""
        backfill = self.accounts[account].coverage.backfill if self.event.from_rest else None
        return None if backfill is None else backfill.until_us

    def note_finding(self, account: str | None, at: LogTime, kind: str, about: str, message: str) -> None:
        """Record a finding, its texts bounded; a NUL is replaced, because Postgres rejects NUL in text."""
        about, message = (
            cut(text.replace("\0", "\N{REPLACEMENT CHARACTER}"), MAX_TEXT_CHARS) for text in (about, message)
        )
        self.changes.findings.append(Finding(account=account, seq=at.seq, kind=kind, about=about, message=message))

    def record_entry(self, entry: Entry, state: UnitState) -> None:
        """Record an entry just posted to a unit."""
        self.changes.entries.append(entry)
        self.changes.units[state.key] = state
        self.effects.posted[state.key] = state
        if state.unit.kind == "contract":
            self._note_holding(state.unit)
        if entry.certainty != "exact" or entry.break_id is not None or entry.fact is not None:
            self.fact_index.add(entry)

    def _note_holding(self, contract: Unit) -> None:
        """Keep the list of held contracts: a break asks for the first ones, and there may be thousands of both."""
        held = self.held_contracts.setdefault(contract.account, [])
        place = bisect_left(held, contract.code)
        is_listed = place < len(held) and held[place] == contract.code
        if contract.value and not is_listed:
            held.insert(place, contract.code)
        elif is_listed and not contract.value:
            del held[place]


def update_modelling(ledger: Ledger, account: Account, state: UnitState) -> None:
    """Mark an asset as modelled, or as unmodelled with a reason (semantics 3.5)."""
    unit = state.unit
    if unit.kind != "asset":
        return
    reason = account.mappings.unmodelled_assets.reason_of(unit.code, unit.coinapi)
    if reason != unit.unmodelled:
        unit.unmodelled = reason
        ledger.changes.units[unit.key] = state
        ledger.on_modelling_changed(state)


def quantum_of(ledger: Ledger, unit: Unit) -> Decimal:
    """Return a balance's smallest step: configured, else the finest scale in its reports; 0 while unknown."""
    configured = ledger.rules_of(unit.account).quantum_of(unit.code)
    if configured is not None:
        return configured
    digits = unit.reported.scale
    return ZERO if digits is None else step_of(digits)
