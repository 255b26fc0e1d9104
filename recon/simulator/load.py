"""A pre-rendered load for benchmarks: consistent frames without simulated time.

Each order has three reports (NEW, PARTIALLY_FILLED, FILLED) with two fills in all. A balance message of the base and of
the quote asset follows each fill. Reports and balances agree, so a comparison finds no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from recon.exact import ZERO, exact
from recon.simulator.gateway.wire import Process, Writer
from recon.simulator.habits import Habits
from recon.simulator.instruments import Asset, Instrument, Side
from recon.simulator.rng import Dice, code, guid, stream
from recon.simulator.ticks import TICKS_PER_SECOND
from recon.simulator.venue.ledger import Ledger
from recon.simulator.venue.orders import Fill, Order, Status
from recon.simulator.venues import binance

#: First time stamp of a load that is told none: 2024-03-01T00:00:00Z, in ticks since 1970.
_STARTED_AT: Final = 1_709_251_200 * TICKS_PER_SECOND
#: Opening balance of every account, sufficient for the sales of the longest load.
_HELD: Final = {
    "BTC": Decimal(5_000),
    "ETH": Decimal(50_000),
    "SOL": Decimal(500_000),
    "USDT": Decimal(900_000_000),
}
#: Steps of an order: its statuses, and time until the next order.
_STEPS: Final = 10
#: Ticks between two orders of a load that is told none: 1 ms.
_ORDER_TICKS: Final = 10_000
#: Frames per order, in addition to the snapshots.
FRAMES_PER_ORDER: Final = 7


@dataclass(frozen=True, slots=True)
class _Account:
    """One account of a load."""

    name: str
    instruments: tuple[Instrument, ...]
    assets: dict[str, Asset]
    ledger: Ledger
    writer: Writer


def _account(index: int) -> _Account:
    plan = binance(f"BINANCE/L{index:03d}", 0.0, Habits())
    return _Account(
        name=plan.account,
        instruments=plan.instruments,
        assets={asset.code: asset for asset in plan.assets},
        ledger=Ledger(plan.assets, plan.instruments, _HELD),
        writer=Writer(plan.account, plan.habits),
    )


def _snapshots(account: _Account, process: Process) -> Iterator[bytes]:
    writer = account.writer
    balance_items = account.ledger.balances.items()
    balances = [writer.balance_row(account.assets[row], amount, ZERO) for row, amount in balance_items]
    yield writer.server_info(process, process.started_at)
    for kind, rows in (
        ("SYMBOLS_SNAPSHOT", [writer.symbol_row(instrument) for instrument in account.instruments]),
        ("ORDER_EXEC_REPORT_SNAPSHOT", []),
        ("BALANCE_SNAPSHOT", balances),
        ("POSITION_SNAPSHOT", []),
    ):
        frame = writer.snapshot(kind, rows)
        if frame is not None:
            yield frame


def _order(account: _Account, dice: Dice, number: int) -> tuple[Order, Decimal]:
    instrument = account.instruments[dice.randrange(len(account.instruments))]
    lot = instrument.size_step * dice.randint(1, 20)
    # Alternate purchases and sales per account keep every balance far from zero.
    side = Side.BUY if number % 2 == 0 else Side.SELL
    order = Order(
        account=account.name,
        client_id=guid(dice),
        client_id_exchange=str(dice.randrange(10**7, 10**10)),
        exchange_id=code(dice, 18),
        instrument=instrument,
        side=side,
        price=instrument.price + instrument.price_step * dice.randint(-200, 200),
        amount=lot * 2,
    )
    return order, lot


def _frames(account: _Account, dice: Dice, number: int, at: int, pause: int) -> Iterator[bytes]:
    order, lot = _order(account, dice, number)
    writer, instrument = account.writer, order.instrument

    def report() -> bytes:
        return writer.update("ORDER_EXEC_REPORT_UPDATE", writer.report_row(order.report()))

    for turn, status in enumerate((Status.RECEIVED, Status.ROUTING, Status.ROUTED, Status.NEW)):
        order.move(status, at + turn * pause)
    yield report()
    for turn, status in enumerate((Status.PARTIALLY_FILLED, Status.FILLED), start=4):
        entries = account.ledger.fill(instrument, order.side, lot, order.price)
        order.move(status, at + turn * pause)
        order.fill(Fill(at + turn * pause, order.price, lot), entries)
        yield report()
        for row in (instrument.base_row, instrument.quote_row):
            balance = account.ledger.balances[row]
            yield writer.update("BALANCE_UPDATE", writer.balance_row(account.assets[row], balance, ZERO))


def load_frames(
    orders: int, accounts: int, seed: int, *, started_at: int = _STARTED_AT, order_ticks: int = _ORDER_TICKS
) -> Iterator[bytes]:
    """Yield a load frame by frame: every account's snapshots, then the orders, account by account in turn.

    The first time stamp is `started_at`, in ticks since 1970; an order follows every `order_ticks`.
    """
    dice = stream(seed, "load")
    process = Process(guid(dice), started_at, "SIM-LOAD")
    served = [_account(index) for index in range(accounts)]
    for account in served:
        yield from _snapshots(account, process)
    for number in range(orders):
        at = started_at + (number + 1) * order_ticks
        with exact():
            frames = list(_frames(served[number % accounts], dice, number // accounts, at, order_ticks // _STEPS))
        yield from frames


def rendered_load(orders: int, accounts: int, seed: int) -> list[bytes]:
    """Return a whole load in memory."""
    return list(load_frames(orders, accounts, seed))
