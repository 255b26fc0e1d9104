"""The tables of orders and their fills; the migrations create them. Every key begins with the edition."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, Numeric, Text

from recon.ledger.changes import BookedFill
from recon.ledger.orders import Order
from recon.projection.store.folded_table import FoldedTable, Moment, column, key, nullable, packed

orders: Final = FoldedTable[Order](
    "orders",
    key("account", Text, lambda order: order.account),
    key("order_key", Text, lambda order: order.key),
    nullable("client_order_id", Text, lambda order: order.identity.client_order_id),
    nullable("exchange_order_id", Text, lambda order: order.identity.exchange_order_id),
    nullable("symbol", Text, lambda order: order.identity.symbol),
    nullable("symbol_coinapi", Text, lambda order: order.identity.symbol_coinapi),
    nullable("side", Text, lambda order: order.identity.side),
    nullable("price", Numeric, lambda order: order.reported.price),
    nullable("amount_order", Numeric, lambda order: order.reported.amount_order),
    column("amount_filled", Numeric, lambda order: order.reported.amount_filled),
    nullable("amount_open", Numeric, lambda order: order.reported.amount_open),
    nullable("avg_px", Numeric, lambda order: order.reported.avg_px),
    column("status", Text, lambda order: order.reported.status),
    column("first_seq", BigInteger, lambda order: order.reported.first_seq),
    column("last_seq", BigInteger, lambda order: order.reported.last_seq),
    column("updated_at", Moment, lambda order: order.reported.updated_us),
    column("open", Boolean, lambda order: order.flags.awaiting_instrument or not order.finished),
    column("data", LargeBinary, packed),
)


def _signed_cash(booked: BookedFill) -> Decimal | None:
    """Return the change of the cash asset: a purchase is negative. None: not known, or not modelled."""
    if booked.fill.cash is None or booked.cash_asset is None:
        return None
    return booked.fill.cash if booked.side == "SELL" else -booked.fill.cash


fills: Final = FoldedTable[BookedFill](
    "fills",
    key("account", Text, lambda booked: booked.order.account),
    key("order_key", Text, lambda booked: booked.order.key),
    key("ordinal", Integer, lambda booked: booked.fill.ordinal),
    nullable("symbol", Text, lambda booked: booked.symbol),
    nullable("side", Text, lambda booked: booked.side),
    nullable("price", Numeric, lambda booked: booked.fill.price),
    column("price_known", Boolean, lambda booked: booked.fill.price_known),
    column("amount", Numeric, lambda booked: booked.fill.amount),
    nullable("cash", Numeric, _signed_cash),
    nullable("cash_asset", Text, lambda booked: booked.cash_asset),
    column("filled_at", Moment, lambda booked: booked.fill.occurred_us),
    column("seq", BigInteger, lambda booked: booked.seq),
    column("source", Text, lambda booked: booked.fill.source),
)
