"""Injection of faults that move money and positions without an order of ours."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Final

from recon.exact import ONE, ZERO, divide, exact
from recon.simulator.fault import Fault
from recon.simulator.faults.fault_context import FaultContext
from recon.simulator.faults.observer import usd_price
from recon.simulator.gateway.account import Account
from recon.simulator.gateway.wire import PositionRow, liquidation_price
from recon.simulator.instruments import Instrument, Side
from recon.simulator.ticks import ticks
from recon.simulator.venue.fees import cash_of
from recon.simulator.venue.ledger import Effect, Entry, Unit, quantised

Injector = Callable[[FaultContext, Fault, int], None]

#: Default funding, as a share of the position's value.
_FUNDING_RATE: Final = Decimal("0.0005")
#: The spread of a conversion, as a share.
_SPREAD: Final = Decimal("0.002")
#: Seconds without trading in a contract before its position moves.
_REST_SECONDS: Final = 1.0


def _report_and_record(context: FaultContext, fault: Fault, account: Account, entries: tuple[Entry, ...]) -> None:
    """Report the changed balances at once, and record the entries."""
    account.observe({entry.unit for entry in entries}, again=True)
    context.planted(fault, account.name, entries)


def balance_moved(sign: int | None) -> Injector:
    """Return an injector that moves one balance up or down; None uses the amount's own sign."""

    def plant_it(context: FaultContext, fault: Fault, at: int) -> None:
        def act() -> None:
            account = context.accounts[fault.account]
            amount = fault.amount or ONE
            _report_and_record(
                context, fault, account, (account.market.ledger.move(fault.asset or "", _signed(amount, sign)),)
            )

        context.queue.at(at, act)

    return plant_it


def _signed(amount: Decimal, sign: int | None) -> Decimal:
    return amount if sign is None else abs(amount) * sign


def _hold(account: Account, asset: str, amount: Decimal) -> None:
    holds = account.market.holds
    holds[asset] = holds.get(asset, ZERO) + amount


def _free(account: Account, asset: str, amount: Decimal) -> None:
    _hold(account, asset, -amount)
    account.observe({Unit("asset", asset)}, again=True)


def deposit(context: FaultContext, fault: Fault, at: int) -> None:
    """Credit a deposit; a fault that lasts locks it for that time."""
    balance_moved(1)(context, fault, at)
    if fault.lasts:
        account, asset, amount = context.accounts[fault.account], fault.asset or "", abs(fault.amount or ONE)
        context.queue.at(at, partial(_hold, account, asset, amount))
        context.queue.at(at + ticks(fault.lasts), partial(_free, account, asset, amount))


def withdrawal(context: FaultContext, fault: Fault, at: int) -> None:
    """Debit a withdrawal; a fault that lasts locks the amount before it leaves."""
    account, asset, amount = context.accounts[fault.account], fault.asset or "", abs(fault.amount or ONE)
    if fault.lasts:
        context.queue.at(at, partial(_free, account, asset, -amount))
        context.queue.at(at + ticks(fault.lasts), partial(_hold, account, asset, -amount))
    balance_moved(-1)(context, fault, at + ticks(fault.lasts))


def transfer(context: FaultContext, fault: Fault, at: int) -> None:
    """Move a coin from one account to another, less the network fee."""

    def leave() -> None:
        account = context.accounts[fault.account]
        _report_and_record(
            context, fault, account, (account.market.ledger.move(fault.asset or "", -abs(fault.amount or ONE)),)
        )

    def arrive() -> None:
        account = context.accounts[fault.to]
        row = same_coin(context.accounts[fault.account], fault.asset or "", account)
        gained = abs(fault.amount or ONE) - fault.network_fee
        _report_and_record(context, fault, account, (account.market.ledger.move(row, gained),))

    context.queue.at(at, leave)
    context.queue.at(at + ticks(fault.lasts), arrive)


def same_coin(one: Account, asset: str, other: Account) -> str:
    """Return the balance row of the same coin in another account."""
    coins = {row.coin for row in one.plan.assets if row.code == asset}
    return next(row.code for row in other.plan.assets if row.coin in coins)


def conversion(context: FaultContext, fault: Fault, at: int) -> None:
    """Convert one asset into another at the USD rates, less a spread."""

    def act() -> None:
        account = context.accounts[fault.account]
        sold, bought, amount = fault.asset or "", fault.into or "", abs(fault.amount or ONE)
        quantum = next(asset.quantum for asset in account.plan.assets if asset.code == bought)
        with exact():
            proceeds = divide(amount * usd_price(account, sold) * (ONE - _SPREAD), usd_price(account, bought))
            ledger = account.market.ledger
            _report_and_record(
                context, fault, account, (ledger.move(sold, -amount), ledger.move(bought, quantised(proceeds, quantum)))
            )

    context.queue.at(at, act)


def funding(context: FaultContext, fault: Fault, at: int) -> None:
    """Settle funding at the next time of the grid; by default, longs pay."""
    account = context.accounts[fault.account]
    every = ticks(account.plan.funding_every or 1.0)
    instrument = account.market.instruments[fault.symbol or ""]

    def act() -> None:
        quantum = next(asset.quantum for asset in account.plan.assets if asset.code == instrument.settlement_row)
        with exact():
            net = account.market.ledger.net(instrument.symbol)
            worth = cash_of(instrument, net, account.market.marks[instrument.symbol])
            paid = fault.amount if fault.amount is not None else quantised(worth * _FUNDING_RATE, quantum)
            if paid:
                _report_and_record(
                    context, fault, account, (account.market.ledger.move(instrument.settlement_row, -paid),)
                )

    # The epoch began at midnight UTC, and the interval divides the day.
    context.queue.at(-(-at // every) * every, act)


def external_order(context: FaultContext, fault: Fault, at: int) -> None:
    """Trade at the market price, outside the EMS."""
    account = context.accounts[fault.account]
    instrument = account.market.instruments[fault.symbol or ""]

    def act() -> None:
        side = fault.side or Side.BUY
        lots = [flow.lot for flow in account.plan.streams if flow.symbol == instrument.symbol]
        amount = fault.amount or 2 * (lots[0] if lots else instrument.size_step)
        _report_and_record(
            context, fault, account, _trade(account, instrument, side, amount, account.market.marks[instrument.symbol])
        )

    _rest(context, account, instrument, at)
    context.queue.at(at, act)


def _trade(account: Account, instrument: Instrument, side: Side, amount: Decimal, price: Decimal) -> tuple[Entry, ...]:
    """Book a fill without an order, with the venue's fee."""
    market = account.market
    market.marks[instrument.symbol] = price
    closes = account.plan.habits.hedge and instrument.is_contract
    with exact():
        account.uncertainty.record(account.now, instrument, side, amount, price, None)
        entries = market.ledger.fill(instrument, side, amount, price, Effect.CLOSE if closes else Effect.NET)
        return (*entries, *market.charge(instrument, side, amount, price, taking=True))


def _rest(context: FaultContext, account: Account, instrument: Instrument, at: int) -> None:
    """Stop trading in a contract shortly before its position moves, because realised profit depends on it.

    Open orders are cancelled: an order without a final report would seem to be the cause of the move.
    """
    if instrument.is_contract:
        context.queue.at(at - ticks(_REST_SECONDS), partial(account.retire, instrument.symbol))


def position_closed(share: Decimal, *, liquidated: bool = False) -> Injector:
    """Return an injector that closes a share of a position, at the market price or its liquidation price."""

    def plant_it(context: FaultContext, fault: Fault, at: int) -> None:
        account = context.accounts[fault.account]
        instrument = account.market.instruments[fault.symbol or ""]

        def act() -> None:
            position = account.largest(instrument.symbol)
            if not position.quantity:
                return
            price = liquidation_price(position) if liquidated else account.market.marks[instrument.symbol]
            amount = position.quantity if share == ONE else _share_of_position(position, share)
            _report_and_record(context, fault, account, _close(account, position, amount, price))

        _rest(context, account, instrument, at)
        context.queue.at(at, act)

    return plant_it


def _share_of_position(position: PositionRow, share: Decimal) -> Decimal:
    """Return a share of a position in whole size steps, at least one."""
    step = position.instrument.size_step
    with exact():
        return max(quantised(divide(position.quantity * share, step), ONE) * step, step)


def _close(account: Account, position: PositionRow, amount: Decimal, price: Decimal) -> tuple[Entry, ...]:
    """Close part of a position without a fee."""
    account.market.marks[position.instrument.symbol] = price
    effect = Effect.CLOSE if account.plan.habits.hedge else Effect.NET
    return account.market.ledger.fill(position.instrument, position.side.opposite, amount, price, effect)


def misread(context: FaultContext, fault: Fault, at: int) -> None:
    """Report a balance in another unit, or a position on the other side, from now on; its trading stops."""

    def act() -> None:
        account = context.accounts[fault.account]
        if fault.symbol is not None:
            entry = account.flip(fault.symbol)
        else:
            entry = account.misread(fault.asset or "", fault.amount or ONE)
        _report_and_record(context, fault, account, (entry,))

    account = context.accounts[fault.account]
    for instrument in account.plan.instruments:
        rows = {instrument.base_row, instrument.quote_row, instrument.settlement_row}
        if instrument.symbol == fault.symbol or (fault.symbol is None and fault.asset in rows):
            context.queue.at(at - ticks(_REST_SECONDS), partial(account.retire, instrument.symbol))
    context.queue.at(at, act)


def wrong_balance(context: FaultContext, fault: Fault, at: int) -> None:
    """Report one asset with an error from now on."""

    def act() -> None:
        account = context.accounts[fault.account]
        _report_and_record(context, fault, account, (account.misreport(fault.asset or "", fault.amount or ONE),))

    context.queue.at(at, act)
