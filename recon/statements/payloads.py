"""The facts of one row: a movement and its fee, or a trade. Pure.

1. A row that cannot be read raises ValueError with the problem; it never becomes another fact.
2. Numbers are read exactly; no float is involved.
"""

from __future__ import annotations

from decimal import Decimal

from recon.config.imports import BALANCE_ROW
from recon.exact import ZERO, plain
from recon.ledger.facts.external_fact import OPENING_HELD, SIGNS
from recon.statements.row import Row

Payload = dict[str, str | bool]


def payloads_of(row: Row) -> list[Payload]:
    """Return the facts of a row that is no part of a larger trade."""
    kind = row.kind
    if kind == "ignore":
        return []
    if kind == BALANCE_ROW:
        raise ValueError("it is a balance, which moves nothing: import the file with --as-balances")
    common = row.common(row.text("id") or row.own_id)
    return [_trade(row, common)] if kind == "trade" else _movements(row, kind, common)


def _movements(row: Row, kind: str, common: Payload) -> list[Payload]:
    payloads: list[Payload] = []
    cost, fee_asset = row.fee
    asset = row.asset
    if kind != "only_fee":
        amount = _signed(row, kind, row.number("amount").number)
        if row.given.net and (fee_asset or asset) == asset:
            amount += cost
        if amount or kind == OPENING_HELD:
            other = {"counter_account": row.counter_account} if row.counter_account else {}
            payloads.append({"fact": kind, **common, "unit": asset, "amount": plain(amount), **other})
    if cost:
        fact = "fee" if cost > 0 else "rebate"
        fee_id = f"{common['external_id']}/fee"
        of_fee = common | {"external_id": fee_id, "fact": fact, "unit": fee_asset or asset, "amount": plain(-cost)}
        payloads.append(of_fee | (_of_trade(row) if kind == "only_fee" else {}))
    return payloads


def _of_trade(row: Row) -> Payload:
    """Return the keys of a fee whose trade another row or statement tells, or nobody."""
    trade_id = row.text("trade_id")
    return {"of_trade": True} | ({"trade_id": trade_id} if trade_id else {})


def _trade(row: Row, common: Payload) -> Payload:
    pair = _pair_of(row)
    quantity = row.number("quantity", pair.bases)
    payload: Payload = {
        "fact": "trade",
        **common,
        "symbol": pair.symbol,
        "side": _side(row, quantity.number),
        "quantity": plain(abs(quantity.number)),
    }
    for key in ("price", "cash"):
        if row.text(key):
            payload[key] = plain(abs(row.number(key, pair.quotes).number))
    if pair.base and pair.quote:
        payload |= {"base": row.code(pair.base), "quote": row.code(pair.quote)}
    if row.text("fee"):
        payload |= fee_keys(row, pair)
    for key in ("order_id", "trade_id"):
        if value := row.text(key):
            payload[key] = value
    return payload


class Pair:
    """What a trade's row says of its pair: a symbol, or the two assets that its numbers carry, or both."""

    __slots__ = ("base", "bases", "quote", "quotes", "symbol")

    def __init__(self, symbol: str, base: str, quote: str) -> None:
        """Take what is known; an asset that is not known is empty."""
        self.base, self.quote = base, quote
        self.symbol = symbol or f"{base}/{quote}"
        self.bases = (base,) if base else ()
        self.quotes = (quote,) if quote else ()


def _pair_of(row: Row) -> Pair:
    """Return the pair of a trade's row. Raise ValueError where nothing tells it."""
    written = row.text("symbol")
    symbol = row.mapping.symbols.get(written, written)
    base = quote = ""
    if row.mapping.units:
        base, quote = _split(row, written) if written else ("", "")
        base = base or row.number("quantity").unit
        quote = quote or next((row.number(key).unit for key in ("cash", "price") if row.text(key)), "")
    if not symbol and not (base and quote):
        raise ValueError("the row names neither a symbol nor the two assets of the trade")
    return Pair(symbol, base, quote)


def _split(row: Row, pair: str) -> tuple[str, str]:
    """Return base and quote of a pair without a separator, as the units of its numbers say."""
    key = "cash" if row.text("cash") else "price"
    quantity, cash = row.text("quantity"), row.text(key)
    for end in range(1, len(pair)):
        base, quote = pair[:end], pair[end:].lstrip("-/_")
        if quantity.endswith(base) and cash.endswith(quote):
            both = row.number("quantity", (base,)).unit, row.number(key, (quote,)).unit
            if both == (base, quote):
                return both
    return "", ""


def fee_keys(row: Row, pair: Pair) -> Payload:
    """Return the keys of a trade's fee. Raise ValueError where nothing tells its asset."""
    cost, asset = row.fee
    place = {"base": pair.base, "quote": pair.quote}.get(row.mapping.fee_in or "", "")
    asset = asset or (row.code(place) if place else "")
    keys: Payload = {"fee": plain(cost)}
    if asset or row.given.asset:
        return keys | {"fee_asset": asset or row.code(row.given.asset or "")}
    if row.mapping.fee_in is not None:
        return keys | {"fee_in": row.mapping.fee_in}
    if not cost:
        return {}
    raise ValueError("the row names no asset of its fee; give --asset, or set fee_asset")


def _side(row: Row, quantity: Decimal) -> str:
    if row.mapping.side_by_sign:
        return "BUY" if quantity > 0 else "SELL"
    side = row.text("side")
    return row.mapping.sides.get(side, side.upper())


def _signed(row: Row, kind: str, amount: Decimal) -> Decimal:
    sign = SIGNS.get(kind)
    if row.mapping.sign == "signed" or sign is None:
        return amount
    return abs(amount) * sign


def signed_leg(row: Row) -> tuple[str, Decimal, str, Decimal]:
    """Return the asset and amount of a part of a trade, and the asset and amount of its fee, both as debits are signed.

    The amount is without the fee.
    """
    asset, amount = row.asset, row.number("amount").number
    cost, fee_asset = row.fee
    fee_asset = fee_asset or asset
    if row.given.net and fee_asset == asset:
        amount += cost
    return asset, amount or ZERO, fee_asset, cost
