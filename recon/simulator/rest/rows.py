"""Rows in the shape of REST (protocol 11): order reports, positions, and changes in the order log. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import msgspec

from recon.simulator.gateway.order_log import LoggedReport
from recon.simulator.gateway.wire import Row
from recon.simulator.instruments import Side
from recon.simulator.rest_habits import Arrays, RestHabits
from recon.simulator.ticks import text, ticks, to_datetime

_encode: Final = msgspec.json.Encoder().encode
#: An order without an expiry shows one this many seconds after it began.
_EXPIRES_SECONDS: Final = 86_400.0
_SIDES: Final = {Side.BUY.value: 1, Side.SELL.value: 2}


def order_row(row: Row, habits: RestHabits) -> Row:
    """Return a report in the shape of REST."""
    answer: Row = {"type": "ORDER_EXEC_REPORT_UPDATE"} if habits.typed_rows else {}
    answer |= row
    answer["exchange_order_id"] = _id(row["exchange_order_id"], habits)
    if habits.deep_history:
        answer["status_history"] = [[row["status_history"]]]
    return answer


def position_row(row: Row) -> Row:
    """Return a position in the shape of REST, with `z` in the PnL's spelling and a raw text of the venue."""
    answer = {("unrealized_pnl" if name == "unrealised_pnl" else name): value for name, value in row.items()}
    answer["raw_data"] = f'["{row["symbol_id_exchange"]}"]'
    return answer


def history_row(row: Row, learning: LoggedReport, habits: RestHabits, apikey: str) -> Row:
    """Return a change in the shape of the order log: camelCase, flat, with the key that placed the order."""
    history = cast("Sequence[tuple[str, str]]", row["status_history"])
    fills = cast("Sequence[Row]", row["fills"])
    error = row["error_message"]
    failed = error is not None
    return {
        "apikey": apikey,
        "exchangeId": row["exchange_id"],
        "clientOrderId": row["client_order_id"],
        "symbolIdExchange": row["symbol_id_exchange"],
        "symbolIdCoinapi": row["symbol_id_coinapi"],
        "amountOrder": row["amount_order"],
        "price": row["price"],
        "side": _SIDES[str(row["side"])] if habits.side_as_number else row["side"],
        "orderType": row["order_type"],
        "timeInForce": row["time_in_force"],
        "expireTime": _expiry(learning) if habits.shows_expiry else None,
        "execInst": _array(cast("Sequence[object]", row["exec_inst"]), habits.arrays),
        "clientOrderIdFormatExchange": row["client_order_id_format_exchange"],
        "exchangeOrderId": _id(row["exchange_order_id"], habits),
        "amountOpen": row["amount_open"],
        "amountFilled": row["amount_filled"],
        "avgPx": row["avg_px"],
        "status": row["status"],
        "statusHistoryStatus": _array([status for status, _ in history], habits.arrays),
        "statusHistoryTime": _array([at for _, at in history], habits.arrays),
        "errorMessageResult": "error" if failed else None,
        "errorMessageReason": "Rejected" if failed else None,
        "errorMessageMessage": error,
        "fillsTime": _array([fill["time"] for fill in fills], habits.arrays),
        "fillsPrice": _array([fill["price"] for fill in fills], habits.arrays),
        "fillsAmount": _array([fill["amount"] for fill in fills], habits.arrays),
        "createdTime": text(learning.at),
    }


def _expiry(learning: LoggedReport) -> str:
    return f"{to_datetime(learning.report.history[0][1] + ticks(_EXPIRES_SECONDS)):%Y-%m-%dT%H:%M:%S}"


def _id(exchange_order_id: object, habits: RestHabits) -> object:
    if habits.ids_as_numbers and isinstance(exchange_order_id, str) and exchange_order_id.isdecimal():
        return msgspec.Raw(exchange_order_id.encode())
    return exchange_order_id


def _array(values: Sequence[object], arrays: Arrays) -> object:
    match arrays:
        case Arrays.FLAT:
            return list(values)
        case Arrays.NESTED:
            return [list(values)]
        case Arrays.TEXT:
            return _encode(list(values)).decode()
        case Arrays.TEXT_IN_LIST:
            return [_encode(list(values)).decode()]
