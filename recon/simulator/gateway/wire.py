"""Frames in the format of the EMS (protocol 3 to 10): UTF-8 JSON, one object per message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ZERO, divide, plain, scale
from recon.simulator.habits import Empty, Habits, Numbers
from recon.simulator.instruments import Asset, Instrument, Kind, Side
from recon.simulator.ticks import coarse_text, text
from recon.simulator.venue.ledger import quantised
from recon.simulator.venue.orders import Fill, Report

Row = dict[str, object]

_encode: Final = msgspec.json.Encoder().encode
#: Digits of `avg_entry_price`, enough that realised profit does not depend on its rounding.
_ENTRY_PRICE_DIGITS: Final = 16
_LEVERAGE: Final = Decimal(10)
#: Fills that a last report may list as one.
_MERGED: Final = 2


@dataclass(frozen=True, slots=True)
class Process:
    """The server process that sends the messages."""

    guid: str
    started_at: int
    server: str


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A position at the time of a message; `quantity` is never negative."""

    instrument: Instrument
    side: Side
    quantity: Decimal
    entry_price: Decimal


def liquidation_price(position: PositionRow) -> Decimal:
    """Return the price that exhausts the position's margin, in whole steps; 0 when flat."""
    margin = divide(position.entry_price, _LEVERAGE)
    return quantised(position.entry_price - margin * position.side.sign, position.instrument.price_step)


def number(value: Decimal, digits: int, numbers: Numbers) -> msgspec.Raw:
    """Return a number with at least these digits after the point, or as the nearest double.

    Only here a quantity becomes a float, because such gateways do the same.
    """
    if numbers is Numbers.DOUBLE:
        return msgspec.Raw(repr(float(value)).encode())
    short = digits - scale(value)
    if short <= 0:
        return msgspec.Raw(plain(value).encode())
    written = plain(value)
    return msgspec.Raw((written + ("" if "." in written else ".") + "0" * short).encode())


class Writer:
    """Renders one account's messages by its habits."""

    def __init__(self, account: str, habits: Habits) -> None:
        self._account = account
        self._habits = habits

    def _number(self, value: Decimal, digits: int) -> msgspec.Raw:
        return number(value, digits, self._habits.numbers)

    def _message(self, kind: str, row: Row) -> bytes:
        return _encode({"type": kind, "exchange_id": self._account, **row})

    def snapshot(self, kind: str, rows: Iterable[Row]) -> bytes | None:
        """Return a snapshot; None if the habit omits empty snapshots."""
        data = list(rows)
        empty = self._habits.empty
        if data or empty is Empty.LIST:
            return self._message(kind, {"data": data})
        if empty is Empty.UNSENT:
            return None
        return self._message(kind, {"data": None} if empty is Empty.NULL else {})

    def update(self, kind: str, row: Row) -> bytes:
        """Render a flat update."""
        return self._message(kind, row)

    def server_info(self, process: Process, at: int, *, running: bool = True) -> bytes:
        """Render a heartbeat."""
        return _encode(
            {
                "type": "SERVER_INFO",
                "time": text(at),
                "instance_guid": process.guid,
                "exchange_id": self._account,
                "server_version": "1.4077",
                "server_name": process.server,
                "dns_name": f"{process.server.lower()}.example",
                "is_running": running,
                "time_server_start": text(process.started_at),
            }
        )

    def symbol_row(self, instrument: Instrument) -> Row:
        """Render a row of SYMBOLS_SNAPSHOT; the precisions are step sizes."""
        return {
            "symbol_id_coinapi": instrument.coinapi,
            "symbol_id_exchange": instrument.symbol,
            "asset_id_base_exchange": instrument.base,
            "asset_id_quote_exchange": instrument.quote,
            "asset_id_base_coinapi": instrument.base_coinapi,
            "asset_id_quote_coinapi": instrument.quote_coinapi,
            "price_precision": self._number(instrument.price_step, 9),
            "size_precision": self._number(instrument.size_step, 9),
        }

    def balance_row(self, asset: Asset, balance: Decimal, locked: Decimal, by: str = "EXCHANGE") -> Row:
        """Return a balance row; one habit omits `balance` for one asset."""
        row: Row = {"id": asset.code} if self._habits.row_ids else {}
        row["asset_id_exchange"] = asset.code
        row["asset_id_coinapi"] = asset.coinapi
        if asset.code != self._habits.row_without_balance:
            row["balance"] = self._number(balance, asset.scale)
        row["available"] = self._number(balance - locked, asset.scale)
        row["locked"] = self._number(locked, asset.scale)
        row["traded"] = self._number(ZERO, asset.scale)
        row["last_updated_by"] = by
        row["rate_usd"] = None if asset.rate_usd is None else self._number(asset.rate_usd, 2)
        return row

    def position_row(self, position: PositionRow, mark: Decimal) -> Row:
        """Return a position row, with profit at the last price."""
        instrument = position.instrument
        entry = position.entry_price
        if scale(entry) > _ENTRY_PRICE_DIGITS:
            entry = quantised(entry, Decimal(1).scaleb(-_ENTRY_PRICE_DIGITS)).normalize()
        row: Row = {"id": instrument.symbol} if self._habits.row_ids else {}
        row |= {
            "symbol_id_exchange": instrument.symbol,
            "symbol_id_coinapi": instrument.coinapi,
            "avg_entry_price": self._number(entry, scale(instrument.price_step)),
            "quantity": self._number(position.quantity, scale(instrument.size_step)),
            "side": position.side.value,
            self._habits.pnl_spelling: self._number(_unrealised(position, mark), 8),
            "leverage": self._number(_LEVERAGE, 1),
            "cross_margin": True,
            "liquidation_price": self._number(
                liquidation_price(position) if self._habits.liquidation_prices else ZERO, 1
            ),
        }
        return row

    def report_row(self, report: Report, *, priced: bool = True) -> Row:
        """Return an execution report; without `priced`, as it is before the average price is known."""
        order, instrument = report.order, report.order.instrument
        size = scale(instrument.size_step)
        prices = scale(instrument.price_step)
        row: Row = {"id": order.client_id} if self._habits.row_ids else {}
        row |= {
            "client_order_id_format_exchange": order.client_id_exchange,
            "exchange_order_id": report.exchange_order_id,
            "amount_open": self._number(max(order.amount - report.filled, ZERO), size),
            "amount_filled": self._number(report.filled, size),
            "status": report.status.value,
            "status_history": [(status.value, self._time(at)) for status, at in report.history],
            "error_message": report.error,
            "fills": self._fills(report, size, prices) if priced and self._lists_fills(report) else [],
            "exchange_id": self._account,
            "client_order_id": order.client_id,
            "symbol_id_exchange": instrument.symbol,
            "symbol_id_coinapi": instrument.coinapi,
            "amount_order": self._number(order.amount, size),
            "price": self._number(order.price, prices),
            "avg_px": self._number(self._average(report), prices),
            "side": order.side.value,
            "order_type": "LIMIT",
            "time_in_force": order.time_in_force,
            "expire_time": None,
            "exec_inst": order.exec_inst,
        }
        if not priced:
            self._unprice(row)
        return row

    def _time(self, at: int) -> str:
        return coarse_text(at, self._habits.stamp_digits)

    def _is_coarse(self, report: Report) -> bool:
        return self._habits.coarse_last and report.is_final and not report.order.instrument.is_contract

    def _lists_fills(self, report: Report) -> bool:
        return self._habits.fills_listed and not self._is_coarse(report)

    def _fills(self, report: Report, size: int, prices: int) -> list[Row]:
        return [
            {
                "time": self._time(fill.at),
                "price": self._number(fill.price, prices),
                "amount": self._number(fill.amount, size),
            }
            for fill in self._listed(report)
        ]

    def _listed(self, report: Report) -> Sequence[Fill]:
        """Return the fills as they are listed: of a last report perhaps the last two as one."""
        merges = self._habits.merged_last and report.is_final and not report.order.instrument.is_contract
        if not merges or len(report.fills) < _MERGED:
            return report.fills
        *before, one, two = report.fills
        amount, cash = one.amount + two.amount, one.amount * one.price + two.amount * two.price
        return [*before, Fill(two.at, self._rounded(cash, amount), amount)]

    def _average(self, report: Report) -> Decimal:
        if not report.filled:
            return ZERO
        digits = self._habits.average_price_digits
        if self._is_coarse(report):
            digits = min(digits, scale(report.order.instrument.price_step))
        return self._rounded(report.cash, report.filled, digits)

    def _rounded(self, cash: Decimal, amount: Decimal, digits: int | None = None) -> Decimal:
        """Return an average price, with at most so many digits after the point; else with those of the habit."""
        digits = self._habits.average_price_digits if digits is None else digits
        average = divide(cash, amount).normalize()
        return average if scale(average) <= digits else quantised(average, Decimal(1).scaleb(-digits))

    def _unprice(self, row: Row) -> None:
        habit = self._habits.average_price.value
        if habit == "absent_first":
            del row["avg_px"]
        else:
            row["avg_px"] = 0 if habit == "zero_first" else None


def reject(reason: str, message: str, rejected: str, exchange_id: str | None = None) -> bytes:
    """Render MESSAGE_REJECT."""
    row: Row = {"type": "MESSAGE_REJECT", "reject_reason": reason}
    if exchange_id is not None:
        row["exchange_id"] = exchange_id
    return _encode(row | {"message": message, "rejected_message": rejected})


def answer(request: str, accounts: Mapping[str, object]) -> bytes:
    """Return the refusal of a client's request: a planned day takes no orders."""
    try:
        message: object = msgspec.json.decode(request)
    except msgspec.DecodeError:
        return reject("JSON_ERROR", "The message is not JSON.", request)
    kind = message.get("type") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(kind, str) or not kind.startswith("ORDER_"):
        return reject("INVALID_TYPE", "The message has no known type.", request)
    account = message.get("exchange_id")
    if not isinstance(account, str) or account not in accounts:
        return reject("OTHER", f"No such exchange here: {account!r}.", request)
    if kind == "ORDER_CANCEL_SINGLE_REQUEST":
        order_id = message.get("client_order_id") or message.get("exchange_order_id")
        return reject("ORDER_ID_NOT_FOUND", f"Order with ID: {order_id} not found", request, account)
    return reject("METHOD_NOT_SUPPORTED", "The simulator plays a planned day and takes no orders.", request, account)


def _unrealised(position: PositionRow, mark: Decimal) -> Decimal:
    instrument, sign = position.instrument, position.side.sign
    if not position.quantity or not position.entry_price:
        return ZERO
    if instrument.kind is Kind.LINEAR:
        gain = (mark - position.entry_price) * position.quantity
    else:
        gain = divide(position.quantity, position.entry_price) - divide(position.quantity, mark)
    return quantised(gain * instrument.multiplier * sign, Decimal("0.00000001"))
