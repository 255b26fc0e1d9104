"""Injection of faults that trade, and of outages; `inject_transfers` has the other faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Final

from recon.exact import ONE, exact
from recon.simulator.fault import HARMLESS, Fault, FaultKind
from recon.simulator.faults import inject_transfers
from recon.simulator.faults.fault_context import FaultContext
from recon.simulator.faults.inject_transfers import Injector
from recon.simulator.gateway.account import Account
from recon.simulator.gateway.outgoing import ControlKind
from recon.simulator.instruments import Side
from recon.simulator.rng import stream
from recon.simulator.ticks import ticks
from recon.simulator.venue.account_plan import AccountPlan
from recon.simulator.venue.flow import Script, Step, resting
from recon.simulator.venue.ledger import Effect, quantised
from recon.simulator.venue.orders import Status

#: Seconds between the placement of a fault's own order and its fill.
_PLACED_BEFORE_SECONDS: Final = 0.7
#: Ordinary trading rests from this long before an outage, so that nothing else is on its way when it comes
#: ...
_REST_BEFORE_OUTAGE_SECONDS: Final = 2.0
#: ... a closing process announces its stop this long in advance.
_FAREWELL_SECONDS: Final = 0.2
#: Seconds between the loss of the connection and the fill.
_FILLED_INTO_OUTAGE_SECONDS: Final = 0.3
#: Seconds between fills whose reports are reordered; the first report arrives last.
_REORDER_SPACING_SECONDS: Final = 0.05
_REORDER_DELAYS_SECONDS: Final = (0.3, 0.2, 0.06)
#: A fee without an amount is this share of the cash.
_FEE_SHARE: Final = Decimal("0.001")
#: Seconds without trading before and after a hidden fill of a contract. Realised profit depends on the
#: average price, so later trades would turn one lost fill into further drift of the cash.
_CONTRACT_REST_SECONDS: Final = 1.0
#: The relative error of an inconsistent report's average price.
_MISPRICED_SHARE: Final = Decimal("0.005")
#: Faults on one unit within this many seconds appear as one step.
TOGETHER_SECONDS: Final = 2.0
_UNREADABLE: Final = (
    b'{"type":"BALANCE_UPDATE","exchange_id":"',
    b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    b'{"type":"ORDER_EXEC_REPORT_UPDATE","amount_filled":0.1.2}',
    b'{"type":"BALANCE_UPDATE","balance":1,}',
    b"",
)


def inject(context: FaultContext, fault: Fault, at: int) -> None:
    """Schedule a fault at a time in ticks."""
    _PLANTERS[fault.kind](context, fault, at)


def touched(fault: Fault, plan: AccountPlan) -> frozenset[str]:
    """Return the balance rows and contracts that a fault moves in an account (source or target of a transfer)."""
    if fault.kind in HARMLESS:
        return frozenset()
    units: set[str | None] = {fault.asset, fault.into}
    for instrument in plan.instruments:
        if instrument.symbol == fault.symbol:
            units |= (
                {instrument.symbol, instrument.settlement_row}
                if instrument.is_contract
                else {instrument.base_row, instrument.quote_row}
            )
    if fault.to == plan.account:
        units = {asset.code for asset in plan.assets}
    return frozenset(row for row in units if row)


def _order(account: Account, fault: Fault, *fills: Step) -> Script:
    """Return a fault's own order at the market price; by default it buys spot and grows a position."""
    symbol = fault.symbol or ""
    instrument = account.market.instruments[symbol]
    side = fault.side
    if side is None:
        side = Side.SELL if instrument.is_contract and account.market.ledger.net(symbol) < 0 else Side.BUY
    price = account.market.marks[symbol]
    effect = Effect.OPEN if account.plan.habits.hedge and instrument.is_contract else Effect.NET
    got = price if instrument.is_contract else price - instrument.price_step * side.sign
    priced = (replace(step, price=got) for step in fills)
    return resting(symbol, side, price, *priced, effect=effect, fault=fault)


def _amount(account: Account, fault: Fault) -> Decimal:
    """Return the fault's amount, or by default two lots of the symbol's trading."""
    if fault.amount is not None and fault.kind is not FaultKind.FEE:
        return fault.amount
    lots = [flow.lot for flow in account.plan.streams if flow.symbol == fault.symbol]
    return 2 * (lots[0] if lots else account.market.instruments[fault.symbol or ""].size_step)


def _one_fill(context: FaultContext, fault: Fault, *, lost: bool = False, delay: int | None = None) -> None:
    account = context.accounts[fault.account]
    instrument = account.market.instruments[fault.symbol or ""]
    now = context.queue.now
    if instrument.is_contract:
        until = None if delay is None else now + delay + ticks(_CONTRACT_REST_SECONDS)
        account.pause(instrument.symbol, until)
    pause = ticks(_PLACED_BEFORE_SECONDS)
    fill = Step(status=Status.FILLED, pause=pause, amount=_amount(account, fault), delay=delay, lost=lost)
    account.market.place(_order(account, fault, fill))


def _lost(context: FaultContext, fault: Fault, at: int) -> None:
    context.queue.at(at - ticks(_PLACED_BEFORE_SECONDS), partial(_one_fill, context, fault, lost=True))


def _late(context: FaultContext, fault: Fault, at: int) -> None:
    delay = ticks(fault.lasts)
    context.queue.at(at - ticks(_PLACED_BEFORE_SECONDS), partial(_one_fill, context, fault, delay=delay))


def _reordered(context: FaultContext, fault: Fault, at: int) -> None:
    def act() -> None:
        account = context.accounts[fault.account]
        lot = _amount(account, fault)
        spacing = ticks(_REORDER_SPACING_SECONDS)
        first, second, last = (ticks(delay) for delay in _REORDER_DELAYS_SECONDS)
        account.market.place(
            _order(
                account,
                fault,
                Step(
                    status=Status.PARTIALLY_FILLED,
                    pause=ticks(_PLACED_BEFORE_SECONDS),
                    amount=lot,
                    delay=first,
                ),
                Step(status=Status.PARTIALLY_FILLED, pause=spacing, amount=lot, delay=second),
                Step(status=Status.FILLED, pause=spacing, amount=lot, delay=last),
            )
        )

    context.queue.at(at - ticks(_PLACED_BEFORE_SECONDS), act)
    context.queue.at(at, partial(context.benign, fault))


def _fee(context: FaultContext, fault: Fault, at: int) -> None:
    def act() -> None:
        account = context.accounts[fault.account]
        instrument = account.market.instruments[fault.symbol or ""]
        amount = _amount(account, fault)
        taken_in = fault.asset or (instrument.settlement_row if instrument.is_contract else instrument.quote_row)
        fee = fault.amount
        if fee is None:
            quantum = next(asset.quantum for asset in account.plan.assets if asset.code == taken_in)
            with exact():
                fee = quantised(amount * account.market.marks[instrument.symbol] * _FEE_SHARE, quantum)
        fill = Step(status=Status.FILLED, pause=ticks(_PLACED_BEFORE_SECONDS), amount=amount, fee=(taken_in, -fee))
        account.market.place(_order(account, fault, fill))

    context.queue.at(at - ticks(_PLACED_BEFORE_SECONDS), act)


def _duplicate(context: FaultContext, fault: Fault, at: int) -> None:
    def act() -> None:
        context.accounts[fault.account].duplicates_due += 1
        context.benign(fault)

    context.queue.at(at, act)


def _unreadable(context: FaultContext, fault: Fault, at: int) -> None:
    def act() -> None:
        dice = stream(context.plan.seed, context.plan.name, "unreadable", str(at))
        context.send(dice.choice(_UNREADABLE))
        context.benign(fault)

    context.queue.at(at, act)


def _lost_twin(context: FaultContext, fault: Fault, at: int) -> None:
    """Let two orders fill identically at the same moment, and lose the report of one."""

    def act() -> None:
        _one_fill(context, fault)
        _one_fill(context, fault, lost=True)

    context.queue.at(at - ticks(_PLACED_BEFORE_SECONDS), act)


def _twins(context: FaultContext, fault: Fault, at: int) -> None:
    account = context.accounts[fault.account]
    fill = Step(status=Status.FILLED, pause=ticks(_PLACED_BEFORE_SECONDS), amount=_amount(account, fault), twins=True)
    context.queue.at(at - ticks(_PLACED_BEFORE_SECONDS), lambda: account.market.place(_order(account, fault, fill)))
    context.queue.at(at, partial(context.benign, fault))


def _overfill(context: FaultContext, fault: Fault, at: int) -> None:
    def act() -> None:
        account = context.accounts[fault.account]
        lot = _amount(account, fault)
        fill = Step(status=Status.FILLED, pause=ticks(_PLACED_BEFORE_SECONDS), amount=2 * lot, beyond=True)
        account.market.place(replace(_order(account, fault, fill), amount=lot))

    context.queue.at(at - ticks(_PLACED_BEFORE_SECONDS), act)


def _regression(context: FaultContext, fault: Fault, at: int) -> None:
    """Fill an order in three lots; between the second and the third, a report removes the second."""

    def act() -> None:
        account = context.accounts[fault.account]
        lot, spacing = _amount(account, fault), ticks(_PLACED_BEFORE_SECONDS)
        account.market.place(
            _order(
                account,
                fault,
                Step(status=Status.PARTIALLY_FILLED, pause=spacing, amount=lot),
                Step(status=Status.PARTIALLY_FILLED, pause=spacing, amount=lot),
                Step(status=Status.PARTIALLY_FILLED, pause=spacing, takes_back=True),
                Step(status=Status.FILLED, pause=ticks(fault.lasts), amount=lot),
            )
        )

    context.queue.at(at - 3 * ticks(_PLACED_BEFORE_SECONDS), act)


def _inconsistent(context: FaultContext, fault: Fault, at: int) -> None:
    def act() -> None:
        account = context.accounts[fault.account]
        fill = Step(
            status=Status.FILLED,
            pause=ticks(_PLACED_BEFORE_SECONDS),
            amount=_amount(account, fault),
            misprices=_MISPRICED_SHARE,
        )
        account.market.place(_order(account, fault, fill))

    context.queue.at(at - ticks(_PLACED_BEFORE_SECONDS), act)


def _transfer(context: FaultContext, fault: Fault, at: int) -> None:
    """Transfer; with a symbol, an order of the first account fills in the same moment."""
    inject_transfers.transfer(context, fault, at)
    if fault.symbol is not None:
        traded = replace(fault, amount=None)
        context.queue.at(at - ticks(_PLACED_BEFORE_SECONDS), partial(_one_fill, context, traded))


def _outage(strike: Callable[[FaultContext, Fault], None]) -> Injector:
    """Return an injector of an outage; if it names a symbol, an order of the fault's own fills during it."""

    def plant_it(context: FaultContext, fault: Fault, at: int) -> None:
        begins = at - ticks(_REST_BEFORE_OUTAGE_SECONDS)
        context.queue.at(begins, partial(context.pause_trading, begins))
        context.queue.at(at, partial(strike, context, fault))
        if fault.symbol is None:
            context.queue.at(at, partial(context.benign, fault))
        else:
            placed = at + ticks(_FILLED_INTO_OUTAGE_SECONDS - _PLACED_BEFORE_SECONDS)
            context.queue.at(placed, partial(_one_fill, context, fault))

    return plant_it


def _drop(context: FaultContext, fault: Fault) -> None:
    context.shut(fault, ControlKind.DROP)


def _restart(context: FaultContext, fault: Fault) -> None:
    context.announce_stop()
    context.queue.after(ticks(_FAREWELL_SECONDS), partial(context.shut, fault, ControlKind.CLOSE))


def _stall(context: FaultContext, fault: Fault) -> None:
    context.mute(fault)


_PLANTERS: Final[dict[FaultKind, Injector]] = {
    FaultKind.LOST_FILL: _lost,
    FaultKind.LATE_FILL: _late,
    FaultKind.DUPLICATE_REPORT: _duplicate,
    FaultKind.REORDERED_REPORTS: _reordered,
    FaultKind.DISCONNECT_WITH_FILLS: _outage(_drop),
    FaultKind.SILENT_STALL: _outage(_stall),
    FaultKind.RESTART: _outage(_restart),
    FaultKind.LOST_TWIN: _lost_twin,
    FaultKind.TWIN_FILLS: _twins,
    FaultKind.OVERFILL: _overfill,
    FaultKind.AMOUNT_REGRESSION: _regression,
    FaultKind.INCONSISTENT_REPORT: _inconsistent,
    FaultKind.EXTERNAL_ORDER: inject_transfers.external_order,
    FaultKind.WRONG_BALANCE: inject_transfers.wrong_balance,
    FaultKind.DEPOSIT: inject_transfers.deposit,
    FaultKind.WITHDRAWAL: inject_transfers.withdrawal,
    FaultKind.INTEREST: inject_transfers.balance_moved(None),
    FaultKind.REWARD: inject_transfers.balance_moved(1),
    FaultKind.CONVERSION: inject_transfers.conversion,
    FaultKind.TRANSFER: _transfer,
    FaultKind.FUNDING: inject_transfers.funding,
    FaultKind.LIQUIDATION: inject_transfers.position_closed(ONE, liquidated=True),
    FaultKind.ADL: inject_transfers.position_closed(Decimal("0.5")),
    FaultKind.EXPIRY: inject_transfers.position_closed(ONE),
    FaultKind.UNIT_OR_SIDE: inject_transfers.misread,
    FaultKind.FEE: _fee,
    FaultKind.UNREADABLE_FRAME: _unreadable,
}
