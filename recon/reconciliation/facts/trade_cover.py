"""What a statement's trade is already in the books as: fills of orders, or a trade that another statement told. Pure.

1. By its order id a trade belongs to that order. Else the nearest fill of its symbol, side and quantity is its, else
   the order whose near fills come to its quantity, else as much of the near fills as it takes: statements are coarser
   than the EMS or finer, and quantities come out right. Prices must agree, but for one fill of equal quantity.
2. An order covers the trades of one statement up to what was reported or told of it. Several statements tell the same
   trades, so each counts for itself.
3. What remains is missing: no report and no other statement contained it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Final, NamedTuple

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.facts.external_fact import ExternalFact, cash_of
from recon.ledger.facts.matchable_fills import MatchableFills
from recon.ledger.facts.matching import MatchableFill
from recon.ledger.generations import MAX_COMPARED, NONE_KNOWN
from recon.ledger.ledger import Ledger
from recon.ledger.orders import Order
from recon.ledger.told import told_by, told_most
from recon.ledger.told_ahead import ToldTrade, prices_agree

#: Most fills near a trade that are added up to find the order that the trade is.
MAX_ADDED: Final = 64


class Part(NamedTuple):
    """A part of a trade, as an order's or as another statement's; `ordinal`: the fill, where one alone is it."""

    of: Order | ToldTrade
    quantity: Decimal
    ordinal: int | None = None


class Cover(NamedTuple):
    """What covers a trade, and the quantity that nothing does. `order`: the trade's own, also where it has no room."""

    parts: list[Part]
    missing: Decimal
    order: Order | None = None

    @property
    def key(self) -> str | None:
        """Return the key that the trade's entries bear; None where nothing covers it."""
        if self.order is not None:
            return self.order.key
        return self.parts[0].of.key if self.parts else None

    @property
    def ordinal(self) -> int | None:
        """Return the fill that the trade is, where it is one alone."""
        return self.parts[0].ordinal if len(self.parts) == 1 and not self.missing else None


def cover_of(ledger: Ledger, account: Account, fact: ExternalFact) -> Cover:
    """Return what covers a trade."""
    quantity = fact.quantity or ZERO
    order = None if fact.order_id is None else _order_of(ledger, account, fact, fact.order_id)
    if order is not None:
        part = min(quantity, room_of(order, fact.statement))
        return Cover([Part(order, part)] if part else [], quantity - part, order)
    parts = list(_parts(ledger, account, fact))
    return Cover(parts, quantity - sum((part.quantity for part in parts), ZERO))


def room_of(order: Order, statement: str) -> Decimal:
    """Return the quantity of an order that was reported, or told by others, and that a statement did not tell yet."""
    told = order.booked.told
    known = max(order.reported.amount_filled, told_most(told, but=statement))
    return max(known - told_by(told, statement), ZERO)


def _order_of(ledger: Ledger, account: Account, fact: ExternalFact, order_id: str) -> Order | None:
    numbered = ledger.by_exchange.get((account.name, order_id))
    if numbered:
        latest = islice(reversed(numbered), MAX_COMPARED)
        return max(latest, key=lambda order: _agrees(order, fact))
    generations = ledger.by_client.get((account.name, order_id), NONE_KNOWN)
    return next((order for order in reversed(generations) if order.identity.side == fact.side), None)


def _agrees(order: Order, fact: ExternalFact) -> tuple[bool, bool]:
    """Return whether symbol and side of an order are those of a trade: several orders may have one number."""
    identity = order.identity
    return fact.symbol in {identity.symbol, identity.symbol_coinapi}, fact.side == identity.side


def _parts(ledger: Ledger, account: Account, fact: ExternalFact) -> Iterator[Part]:
    """Yield what covers a trade without an order of its own."""
    index_new_fills(ledger)
    fills, quantity = ledger.fact_index.fills_of(fact.statement), fact.quantity or ZERO
    told = [
        trade
        for trade in account.told_ahead.like(
            fact.symbol or "", fact.side or "", fact.occurred_us, fact.step_us, fact.trade_id
        )
        if trade.room_of(fact.statement)
    ]
    same = next((trade for trade in told if fact.trade_id is not None and trade.trade_id == fact.trade_id), None)
    if same is None and fact.order_id is None:
        one = _equal_fill(ledger, fills, fact) or _whole_order(ledger, fills, fact)
        if one is not None:
            yield one
            return
    same = same or next((trade for trade in told if trade.room_of(fact.statement) == quantity), None)
    if same is not None:
        part = min(quantity, same.room_of(fact.statement))
        yield Part(same, part)
        quantity -= part
    if fact.order_id is None:
        for part_of_fill in _near_fills(ledger, fills, fact, quantity):
            quantity -= part_of_fill.quantity
            yield part_of_fill
    for trade in told:
        if quantity and trade is not same and _price_agrees(fact, trade.cash, trade.quantity):
            part = min(quantity, trade.room_of(fact.statement))
            quantity -= part
            yield Part(trade, part)


def _equal_fill(ledger: Ledger, fills: MatchableFills, fact: ExternalFact) -> Part | None:
    """Return the nearest fill of a trade's quantity whose order has room for it."""
    found, used_up, quantity = None, list[MatchableFill](), fact.quantity or ZERO
    for fill in fills.like(fact):
        order = ledger.orders.get((fill.account, fill.order))
        coarse = order is not None and fact.step_us and not _agrees_in_price(order, fact)
        if order is not None and not coarse and room_of(order, fact.statement) >= quantity:
            found = Part(order, quantity, fill.ordinal)
            break
        if order is None or not room_of(order, fact.statement):
            used_up.append(fill)
    for fill in used_up:
        fills.put_aside(fill)
    return found


def _whole_order(ledger: Ledger, fills: MatchableFills, fact: ExternalFact) -> Part | None:
    """Return the order that a trade is as a whole, or by its fills near it: a statement may have one row an order."""
    sums: dict[str, Decimal] = {}
    for fill in islice(fills.near(fact), MAX_ADDED):
        sums[fill.order] = sums.get(fill.order, ZERO) + fill.amount
    for key, amount in sums.items():
        order = ledger.orders.get((fact.account, key))
        if order is None or fact.quantity not in {amount, order.reported.amount_filled}:
            continue
        if _agrees_in_price(order, fact) and room_of(order, fact.statement) >= (fact.quantity or ZERO):
            return Part(order, fact.quantity or ZERO)
    return None


def _near_fills(ledger: Ledger, fills: MatchableFills, fact: ExternalFact, quantity: Decimal) -> list[Part]:
    """Return as much of the fills near a trade as it takes, the nearest first; put aside those without room."""
    taken: dict[str, Decimal] = {}
    parts: list[Part] = []
    used_up: list[MatchableFill] = []
    for fill in fills.near(fact):
        if not quantity:
            break
        order = ledger.orders.get((fill.account, fill.order))
        room = ZERO if order is None else room_of(order, fact.statement) - taken.get(fill.order, ZERO)
        part = min(quantity, fill.amount, room)
        if order is None or not room:
            used_up.append(fill)
            continue
        if not _agrees_in_price(order, fact):
            continue
        taken[fill.order] = taken.get(fill.order, ZERO) + part
        quantity -= part
        parts.append(Part(order, part, fill.ordinal))
    for fill in used_up:
        if fill.order not in taken:
            fills.put_aside(fill)
    return parts


def _agrees_in_price(order: Order, fact: ExternalFact) -> bool:
    """True if a trade may be a part of an order by its price, or if either price is not known."""
    return _price_agrees(fact, order.reported.cash_total, order.reported.amount_filled)


def _price_agrees(fact: ExternalFact, cash: Decimal | None, quantity: Decimal) -> bool:
    own = fact.quantity or ZERO
    return prices_agree(cash_of(fact, own), own, cash, quantity)


def index_new_fills(ledger: Ledger) -> None:
    """Index the fills of this batch; those before the last trade are indexed already."""
    index, fills = ledger.fact_index, ledger.changes.fills
    for booked in fills[index.indexed :]:
        order, fill = booked.order, booked.fill
        index.add_fill(
            MatchableFill(
                account=order.account,
                order=order.key,
                ordinal=fill.ordinal,
                symbol=booked.symbol,
                side=booked.side,
                amount=fill.amount,
                occurred_us=fill.occurred_us,
            )
        )
    index.indexed = len(fills)
