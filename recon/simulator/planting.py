"""How each fault is planted in a gateway's day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Final

from recon.exact import ONE, exact
from recon.simulator.dice import stream
from recon.simulator.faults import Fault, FaultKind
from recon.simulator.flow import Script, Step, resting
from recon.simulator.instruments import Side
from recon.simulator.ledger import Effect, Unit, quantised
from recon.simulator.orders import Status
from recon.simulator.outgoing import ControlKind
from recon.simulator.stamps import ticks

if TYPE_CHECKING:
    from recon.simulator.account import Account
    from recon.simulator.day import Gateway

#: A fault's own order is placed this long before it fills, in seconds.
_PLACED_BEFORE_SECONDS: Final = 0.7
#: Ordinary trading rests from this long before an outage, so that nothing else is on its way when it comes
#: ...
_REST_BEFORE_OUTAGE_SECONDS: Final = 2.0
#: ... a closing process says that it is going this long before it goes.
_FAREWELL_SECONDS: Final = 0.2
#: A fill follows the loss of the connection by this much.
_FILLED_INTO_OUTAGE_SECONDS: Final = 0.3
#: Fills of reordered reports are this far apart; the first report arrives last.
_REORDER_SPACING_SECONDS: Final = 0.05
_REORDER_DELAYS_SECONDS: Final = (0.3, 0.2, 0.06)
#: A fee without an amount is this share of the cash.
_FEE_SHARE: Final = Decimal("0.001")
#: Trading of a contract whose fill is hidden rests this long before and after, in seconds: what closing
#: realises depends on the average price, and further drift of the cash would follow from one lost fill.
_CONTRACT_REST_SECONDS: Final = 1.0
_UNREADABLE: Final = (
    b'{"type":"BALANCE_UPDATE","exchange_id":"',
    b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    b'{"type":"ORDER_EXEC_REPORT_UPDATE","amount_filled":0.1.2}',
    b'{"type":"BALANCE_UPDATE","balance":1,}',
    b"",
)


def plant(gateway: Gateway, fault: Fault, at: int) -> None:
    """Put a fault on the agenda at a time in ticks."""
    _PLANTERS[fault.kind](gateway, fault, at)


def _order(account: Account, fault: Fault, *fills: Step) -> Script:
    """Return an order of the fault's own at the market's price: it buys spot, and grows a position."""
    symbol = fault.symbol or ""
    each = account.market.instruments[symbol]
    side = fault.side
    if side is None:
        side = Side.SELL if each.is_contract and account.market.ledger.net(symbol) < 0 else Side.BUY
    price = account.market.marks[symbol]
    effect = Effect.OPEN if account.plan.habits.hedge and each.is_contract else Effect.NET
    got = price if each.is_contract else price - each.price_step * side.sign
    priced = (replace(step, price=got) for step in fills)
    return resting(symbol, side, price, *priced, effect=effect, fault=fault)


def _amount(account: Account, fault: Fault) -> Decimal:
    """Return the size of the fault's fill: as asked, else two lots of the symbol's trading."""
    if fault.amount is not None and fault.kind is not FaultKind.FEE:
        return fault.amount
    lots = [each.lot for each in account.plan.streams if each.symbol == fault.symbol]
    return 2 * (lots[0] if lots else account.market.instruments[fault.symbol or ""].size_step)


def _one_fill(gateway: Gateway, fault: Fault, *, lost: bool = False, delay: int | None = None) -> None:
    account = gateway.accounts[fault.account]
    each = account.market.instruments[fault.symbol or ""]
    now = gateway.agenda.now
    if each.is_contract:
        until = None if delay is None else now + delay + ticks(_CONTRACT_REST_SECONDS)
        account.pause(each.symbol, until)
    pause = ticks(_PLACED_BEFORE_SECONDS)
    fill = Step(status=Status.FILLED, pause=pause, amount=_amount(account, fault), delay=delay, lost=lost)
    account.market.place(_order(account, fault, fill))


def _lost(gateway: Gateway, fault: Fault, at: int) -> None:
    gateway.agenda.at(at - ticks(_PLACED_BEFORE_SECONDS), partial(_one_fill, gateway, fault, lost=True))


def _late(gateway: Gateway, fault: Fault, at: int) -> None:
    delay = ticks(fault.lasts)
    gateway.agenda.at(at - ticks(_PLACED_BEFORE_SECONDS), partial(_one_fill, gateway, fault, delay=delay))


def _reordered(gateway: Gateway, fault: Fault, at: int) -> None:
    def act() -> None:
        account = gateway.accounts[fault.account]
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

    gateway.agenda.at(at - ticks(_PLACED_BEFORE_SECONDS), act)
    gateway.agenda.at(at, partial(gateway.benign, fault))


def _fee(gateway: Gateway, fault: Fault, at: int) -> None:
    def act() -> None:
        account = gateway.accounts[fault.account]
        each = account.market.instruments[fault.symbol or ""]
        amount = _amount(account, fault)
        taken_in = fault.asset or (each.settlement_row if each.is_contract else each.quote_row)
        fee = fault.amount
        if fee is None:
            quantum = next(asset.quantum for asset in account.plan.assets if asset.code == taken_in)
            with exact():
                fee = quantised(amount * account.market.marks[each.symbol] * _FEE_SHARE, quantum)
        fill = Step(status=Status.FILLED, pause=ticks(_PLACED_BEFORE_SECONDS), amount=amount, fee=(taken_in, -fee))
        account.market.place(_order(account, fault, fill))

    gateway.agenda.at(at - ticks(_PLACED_BEFORE_SECONDS), act)


def _duplicate(gateway: Gateway, fault: Fault, at: int) -> None:
    def act() -> None:
        gateway.accounts[fault.account].duplicates_due += 1
        gateway.benign(fault)

    gateway.agenda.at(at, act)


def _unreadable(gateway: Gateway, fault: Fault, at: int) -> None:
    def act() -> None:
        dice = stream(gateway.plan.seed, gateway.plan.name, "unreadable", str(at))
        gateway.send(dice.choice(_UNREADABLE))
        gateway.benign(fault)

    gateway.agenda.at(at, act)


def _balance_moved(sign: int) -> Callable[[Gateway, Fault, int], None]:
    def plant_it(gateway: Gateway, fault: Fault, at: int) -> None:
        def act() -> None:
            account = gateway.accounts[fault.account]
            entry = account.market.ledger.move(fault.asset or "", abs(fault.amount or ONE) * sign)
            account.observe({entry.unit}, again=True)
            gateway.planted(fault, account.name, [entry])

        gateway.agenda.at(at, act)

    return plant_it


def _wrong_balance(gateway: Gateway, fault: Fault, at: int) -> None:
    def act() -> None:
        account = gateway.accounts[fault.account]
        entry = account.misreport(fault.asset or "", fault.amount or ONE)
        account.observe({Unit("asset", fault.asset or "")}, again=True)
        gateway.planted(fault, account.name, [entry])

    gateway.agenda.at(at, act)


def _outage(strike: Callable[[Gateway, Fault], None]) -> Callable[[Gateway, Fault, int], None]:
    """Make an outage's planter; an order of the fault's own fills meanwhile, if it names a symbol."""

    def plant_it(gateway: Gateway, fault: Fault, at: int) -> None:
        begins = at - ticks(_REST_BEFORE_OUTAGE_SECONDS)
        gateway.agenda.at(begins, partial(gateway.rest, begins))
        gateway.agenda.at(at, partial(strike, gateway, fault))
        if fault.symbol is None:
            gateway.agenda.at(at, partial(gateway.benign, fault))
        else:
            placed = at + ticks(_FILLED_INTO_OUTAGE_SECONDS - _PLACED_BEFORE_SECONDS)
            gateway.agenda.at(placed, partial(_one_fill, gateway, fault))

    return plant_it


def _drop(gateway: Gateway, fault: Fault) -> None:
    gateway.shut(fault, ControlKind.DROP)


def _restart(gateway: Gateway, fault: Fault) -> None:
    gateway.farewell()
    gateway.agenda.after(ticks(_FAREWELL_SECONDS), partial(gateway.shut, fault, ControlKind.CLOSE))


def _stall(gateway: Gateway, fault: Fault) -> None:
    gateway.mute(fault)


_PLANTERS: Final[dict[FaultKind, Callable[[Gateway, Fault, int], None]]] = {
    FaultKind.LOST_FILL: _lost,
    FaultKind.LATE_FILL: _late,
    FaultKind.DUPLICATE_REPORT: _duplicate,
    FaultKind.REORDERED_REPORTS: _reordered,
    FaultKind.DISCONNECT_WITH_FILLS: _outage(_drop),
    FaultKind.SILENT_STALL: _outage(_stall),
    FaultKind.RESTART: _outage(_restart),
    FaultKind.WRONG_BALANCE: _wrong_balance,
    FaultKind.DEPOSIT: _balance_moved(1),
    FaultKind.WITHDRAWAL: _balance_moved(-1),
    FaultKind.FEE: _fee,
    FaultKind.UNREADABLE_FRAME: _unreadable,
}
