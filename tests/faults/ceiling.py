"""The ceiling of recall: which misses nobody could have told, by search over what the simulator allows.

A missed step is undecidable if the very same reports come about without it: if each report of its unit can be given a
cut, and each fill a fee, so that everything agrees. Allowed are

1. cuts that never go back, of venue times between the shortest and the longest delay before the report was received;
2. for each fill the account's own rates: of any of its tiers, and of makers or takers where the order leaves that open.

The other faults of the unit are taken as known. A unit is not judged if it has the cash of contracts, whose amounts
depend on all fills before, if fills are not listed with exact times, or if there are too many ways to try.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from recon.exact import exact
from recon.simulator.day import Gateway, play_gateway
from recon.simulator.habits import MAX_CROSSING_SECONDS, MIN_DELAY_SECONDS, STAMP_DIGITS, AveragePrice
from recon.simulator.instruments import Instrument, Side
from recon.simulator.venue.account_plan import AccountPlan
from recon.simulator.venue.fees import Cashier
from recon.simulator.venue.ledger import Ledger
from recon.testing.log import START
from tests.faults.days import QUIET_SECONDS, Day
from tests.faults.play import planted
from tests.faults.rows import Planted

#: How old the balance in a message is when it is received.
LONGEST: Final = timedelta(seconds=MAX_CROSSING_SECONDS)
SHORTEST: Final = timedelta(seconds=MIN_DELAY_SECONDS)
#: Ways to pay the fees between two reports that are tried at most.
MOST_WAYS: Final = 100_000
_TAKING: Final = {"IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"}


class Move(NamedTuple):
    """What moved a unit at a time of the venue: by how much, the ways in which its fee may have been paid included."""

    at: datetime
    amounts: tuple[Decimal, ...]


class Report(NamedTuple):
    """What a message said of a unit, and when it was received."""

    at: datetime
    value: Decimal


def agrees(reports: Sequence[Report], moves: Sequence[Move]) -> bool | None:
    """Tell whether some cuts and fees make all reports agree with these moves; None where there are too many ways."""
    ordered = sorted(moves)
    times = [move.at for move in ordered]
    cuts: set[int] | None = None
    value = Decimal(0)
    for report in reports:
        least = bisect_right(times, report.at - LONGEST)
        allowed = range(least, max(bisect_right(times, report.at - SHORTEST), least) + 1)
        if cuts is None:
            reached: set[int] | None = set(allowed)
        else:
            reached = _reached(cuts, allowed, ordered, report.value - value)
        if not reached:
            return None if reached is None else False
        cuts, value = reached, report.value
    return True


def _reached(cuts: set[int], allowed: range, moves: Sequence[Move], wanted: Decimal) -> set[int] | None:
    """Return the cuts to which the moves from one of `cuts` on may come to what is wanted."""
    found = set()
    for cut in cuts:
        sums = {Decimal(0)}
        for later in range(cut, allowed.stop):
            if later in allowed and wanted in sums:
                found.add(later)
            if later == len(moves) or later + 1 == allowed.stop:
                break
            sums = {total + each for total in sums for each in moves[later].amounts}
            if len(sums) > MOST_WAYS:
                return None
    return found


def undecidable(day: Day, missed: Planted) -> bool | None:
    """Tell whether a day's missed step is undecidable; None where it is not judged. This plays the day again."""
    plan = day.plan().gateways[0]
    account = next(each for each in plan.accounts if each.account == missed.unit.account)
    if not _is_judged(account, missed.unit.kind, missed.unit.code):
        return None
    gateway = Gateway(plan, START)
    wire = list(_messages(gateway, missed.unit.account, day.seconds))
    moves = list(_moves(account, missed.unit.code, wire))
    others = [each for each in planted(gateway) if each.unit == missed.unit and each != missed]
    moves += [Move(each.at, (each.amount,)) for each in others]
    return agrees(list(_reports(missed.unit.kind, missed.unit.code, wire)), moves)


def _is_judged(account: AccountPlan, kind: str, code: str) -> bool:
    habits = account.habits
    exact_times = habits.stamp_digits == STAMP_DIGITS and habits.fills_listed and not habits.coarse_last
    settled = {each.settlement_row for each in account.instruments if each.is_contract}
    always_listed = habits.average_price is AveragePrice.PRESENT and habits.stale_every is None
    return exact_times and always_listed and not (kind == "asset" and code in settled)


Message = Mapping[str, Any]


def _messages(gateway: Gateway, account: str, seconds: float) -> Iterator[tuple[datetime, Message]]:
    """Yield what a client received of an account, with numbers as decimals."""
    until = START + timedelta(seconds=seconds + QUIET_SECONDS)
    for each in play_gateway(gateway, START, until=until):
        if isinstance(each.payload, bytes):
            try:
                message = json.loads(each.payload, parse_float=Decimal, parse_int=Decimal)
            except ValueError:
                continue
            if isinstance(message, dict) and message.get("exchange_id") == account:
                yield each.at, message


def _rows(message: Message) -> Sequence[Message]:
    return message.get("data", [message]) or ()


def _reports(kind: str, code: str, wire: Iterable[tuple[datetime, Message]]) -> Iterator[Report]:
    topic, name = ("BALANCE", "asset_id_exchange") if kind == "asset" else ("POSITION", "symbol_id_exchange")
    for at, message in wire:
        if str(message["type"]).startswith(topic):
            for row in _rows(message):
                if row[name] == code and row.get("last_updated_by", "EXCHANGE") == "EXCHANGE":
                    yield Report(at, row["balance"] if kind == "asset" else _signed(row))


def _signed(row: Message) -> Decimal:
    quantity: Decimal = row["quantity"]
    return -quantity if row["side"] == "SELL" else quantity


def _moves(account: AccountPlan, code: str, wire: Iterable[tuple[datetime, Message]]) -> Iterator[Move]:
    """Yield what the fills that were reported moved a unit by, with each fee that the account's plan allows."""
    instruments = {each.symbol: each for each in account.instruments}
    orders: dict[str, Message] = {}
    for _, message in wire:
        if str(message["type"]).startswith("ORDER_EXEC_REPORT"):
            for row in _rows(message):
                if len(row["fills"]) >= len(orders.get(row["client_order_id"], {"fills": ()})["fills"]):
                    orders[row["client_order_id"]] = row
    for row in orders.values():
        instrument, side = instruments[row["symbol_id_exchange"]], Side(row["side"])
        for fill in row["fills"]:
            amounts = _amounts(account, instrument, side, row, fill, code)
            if amounts:
                yield Move(datetime.fromisoformat(fill["time"]), amounts)


def _amounts(
    account: AccountPlan, instrument: Instrument, side: Side, order: Message, fill: Message, code: str
) -> tuple[Decimal, ...]:
    """Return what a fill may have moved a unit by; nothing where it moves the unit not at all."""
    size, price = fill["amount"], fill["price"]
    if instrument.is_contract:
        return (size * side.sign,) if instrument.symbol == code else ()
    books = Ledger(
        account.assets, account.instruments, {},
        cash_quantum=account.habits.cash_quantum, cash_truncated=account.habits.cash_truncated,
    )  # fmt: skip
    with exact():
        entries = books.fill(instrument, side, size, price)
        moved = sum((entry.amount for entry in entries if entry.unit.code == code), Decimal(0))
        fees = _fees(account, instrument, side, order, fill, code)
        return tuple({moved - fee for fee in fees}) if moved or any(fees) else ()


def _fees(
    account: AccountPlan, instrument: Instrument, side: Side, order: Message, fill: Message, code: str
) -> set[Decimal]:
    if account.fees is None:
        return {Decimal(0)}
    cashier = Cashier(account.fees, account.assets)
    makes, takes = "MAKER_OR_CANCEL" in order["exec_inst"], order["time_in_force"] in _TAKING
    liquidities = (False,) if makes else (True,) if takes else (False, True)
    found = set()
    for tier in account.fees.tiers:
        for taking in liquidities:
            row, fee = cashier.fee(instrument, side, fill["amount"], fill["price"], taking=taking, second=tier.since)
            found.add(fee if row == code else Decimal(0))
    return found
