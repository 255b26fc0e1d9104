"""The client's view of a played day, written independently of the simulator's own books."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from recon.simulator.day import Gateway, play_gateway
from recon.simulator.gateway.outgoing import Control, Outgoing
from recon.simulator.instruments import Instrument, Kind
from recon.simulator.plan import GatewayPlan

START = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)
Message = dict[str, Any]


@dataclass
class Played:
    gateway: Gateway
    outgoing: list[Outgoing]

    def messages(self, *kinds: str, account: str | None = None) -> Iterator[tuple[float, Message]]:
        for each in self.outgoing:
            if isinstance(each.payload, Control):
                continue
            message = decoded(each.payload)
            if message is None or (kinds and message["type"] not in kinds):
                continue
            if account is None or message["exchange_id"] == account:
                yield (each.at - START).total_seconds(), message

    def controls(self) -> list[tuple[float, str]]:
        return [
            ((each.at - START).total_seconds(), each.payload.kind.value)
            for each in self.outgoing
            if isinstance(each.payload, Control)
        ]

    def raw(self) -> list[bytes]:
        return [each.payload for each in self.outgoing if isinstance(each.payload, bytes)]


def decoded(frame: bytes) -> Message | None:
    try:
        message = json.loads(frame, parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def played(plan: GatewayPlan, seconds: float, *, reconnect_after: float = 0.5) -> Played:
    gateway = Gateway(plan, START)
    until = START + timedelta(seconds=seconds)
    return Played(gateway, list(play_gateway(gateway, START, until=until, reconnect_after=reconnect_after)))


def reports(day: Played, account: str) -> Iterator[tuple[float, Message]]:
    """Yield every execution report to a client, from updates and snapshots, in order of arrival."""
    for at, message in day.messages("ORDER_EXEC_REPORT_UPDATE", "ORDER_EXEC_REPORT_SNAPSHOT", account=account):
        rows = message["data"] or [] if "data" in message else [message]
        for row in rows:
            yield at, row


@dataclass
class Leg:
    """A net position by the average method, in fractions: positive long, negative short."""

    position: Fraction = Fraction(0)
    cost: Fraction = Fraction(0)

    def trade(self, each: Instrument, signed: Fraction, price: Fraction) -> Fraction:
        """Return the realised profit, in the settlement asset."""
        worth = price if each.kind is Kind.LINEAR else 1 / price
        gain = Fraction(0)
        closing = Fraction(0)
        if self.position * signed < 0:
            closing = -signed if abs(signed) <= abs(self.position) else self.position
            entry = self.cost / self.position
            gain = closing * (worth - entry)
            self.cost -= closing * entry
            self.position -= closing
        rest = signed + closing
        self.position += rest
        self.cost += rest * worth
        gain *= Fraction(each.multiplier)
        return gain if each.kind is Kind.LINEAR else -gain


@dataclass
class Explained:
    """The changes that the reports explain: per unit, with the time of each."""

    changes: dict[tuple[str, str], list[tuple[float, Fraction]]] = field(default_factory=lambda: defaultdict(list))
    fills: int = 0

    def total(self, kind: str, code: str) -> Fraction:
        return sum((amount for _, amount in self.changes[kind, code]), Fraction(0))


def explained(
    day: Played,
    account: str,
    instruments: Sequence[Instrument],
    legs: Iterable[tuple[str, Fraction, Fraction]] = (),
) -> Explained:
    """Merge the reports of a day without open orders at its start, and book them."""
    known = {each.symbol: each for each in instruments}
    held = {symbol: Leg() for symbol in known}
    for symbol, signed, price in legs:
        held[symbol].trade(known[symbol], signed, price)
    filled: dict[str, Fraction] = defaultdict(Fraction)
    cash: dict[str, Fraction] = defaultdict(Fraction)
    books = Explained()
    for at, row in reports(day, account):
        key = row["exchange_order_id"] or row["client_order_id"]
        now = Fraction(row["amount_filled"])
        if now <= filled[key]:
            continue
        sign = 1 if row["side"] == "BUY" else -1
        total = Fraction(row["avg_px"]) * now
        amount, value = now - filled[key], total - cash[key]
        filled[key], cash[key] = now, total
        books.fills += 1
        each = known[row["symbol_id_exchange"]]
        if each.is_contract:
            books.changes["contract", each.symbol].append((at, sign * amount))
            gain = held[each.symbol].trade(each, sign * amount, value / amount)
            if gain:
                books.changes["asset", each.settlement_row].append((at, gain))
        else:
            books.changes["asset", each.base_row].append((at, sign * amount))
            books.changes["asset", each.quote_row].append((at, -sign * value))
    return books


def observations(day: Played, account: str) -> Iterator[tuple[float, tuple[str, str], Fraction]]:
    """Yield every authoritative balance, and every position of an account in one-way mode."""
    for at, message in day.messages(account=account):
        kind = message["type"]
        rows = message["data"] or [] if "data" in message else [message]
        for row in rows:
            if kind.startswith("BALANCE") and "balance" in row and row["last_updated_by"] == "EXCHANGE":
                yield at, ("asset", row["asset_id_exchange"]), Fraction(row["balance"])
            elif kind.startswith("POSITION"):
                sign = 1 if row["side"] == "BUY" else -1
                yield at, ("contract", row["symbol_id_exchange"]), sign * Fraction(row["quantity"])


def last_reported(day: Played, account: str) -> dict[tuple[str, str], Fraction]:
    return {unit: value for _, unit, value in observations(day, account)}
