"""Trades that a statement tells in several rows: what was paid, what was received, and the fee. Pure.

1. Rows with the same texts in the columns of `group` are one trade, wherever they stand in the file.
2. A trade moves two assets, in opposite directions. Anything else is reported with its lines, and becomes no fact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from recon.exact import ZERO, plain
from recon.statements.payloads import Payload, signed_leg
from recon.statements.row import Row
from recon.statements.table import digest_of

#: Assets that a pair is usually quoted in, the surest first; where no symbol tells, the earlier one is the quote.
_QUOTES: Final = (
    *("USD", "ZUSD", "EUR", "ZEUR", "GBP", "ZGBP", "CHF", "JPY", "ZJPY", "CAD", "ZCAD", "AUD", "ZAUD", "TRY", "BRL"),
    *("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "DAI", "BTC", "XBT", "XXBT", "ETH", "XETH", "BNB"),
)
#: Longest id of a trade that is written out; a longer one is a digest.
_MAX_ID: Final = 80


class JoinedTrades:
    """Rows of trades by what they have in common."""

    def __init__(self) -> None:
        """Begin without any."""
        self._rows: dict[tuple[str, ...], list[Row]] = {}

    def add(self, row: Row) -> int:
        """Add a part of a trade; return the line of the trade's first row."""
        rows = self._rows.setdefault(row.group, [])
        rows.append(row)
        return rows[0].line

    def __iter__(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield the id and the rows of each trade."""
        for group, rows in self._rows.items():
            written = "/".join(group[1:])
            yield f"rows:{written if len(written) <= _MAX_ID else digest_of(iter(group))}", rows


def joined_payloads(external_id: str, rows: Sequence[Row]) -> list[Payload]:
    """Return the facts of a trade's rows. Raise ValueError where they do not make one trade."""
    legs, fees = _sums(rows)
    first = min(rows, key=lambda row: row.at)
    common = first.common(external_id)
    if not legs:
        told = {text for row in rows if (text := row.text("trade_id"))}
        of_trade: Payload = {"of_trade": True} | ({"trade_id": told.pop()} if len(told) == 1 else {})
        return [_fee(common, external_id, asset, cost) | of_trade for asset, cost in fees.items() if cost]
    base, quote = _pair(first, legs)
    payload: Payload = {
        "fact": "trade",
        **common,
        "symbol": _symbol(first) or f"{base}/{quote}",
        "base": base,
        "quote": quote,
        "side": "BUY" if legs[base] > 0 else "SELL",
        "quantity": plain(abs(legs[base])),
        "cash": plain(abs(legs[quote])),
    }
    for key in ("order_id", "trade_id"):
        told = {text for row in rows if (text := row.text(key))}
        if len(told) == 1:
            payload[key] = told.pop()
    payloads = [payload]
    for place, (asset, cost) in enumerate((asset, cost) for asset, cost in fees.items() if cost):
        if place:
            payloads.append(_fee(common, f"{external_id}/fee/{asset}", asset, cost))
        else:
            payload |= {"fee": plain(cost), "fee_asset": asset}
    return payloads


def _sums(rows: Sequence[Row]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Return what each asset moved, and the fees by asset, positive where they are debits."""
    legs: dict[str, Decimal] = {}
    fees: dict[str, Decimal] = {}
    for row in rows:
        asset, amount, fee_asset, cost = signed_leg(row)
        if row.kind == "trade_fee":
            fees[asset] = fees.get(asset, ZERO) - amount
        else:
            if amount and legs.get(asset, ZERO) * amount < 0:
                raise ValueError(f"{_lines(rows)}: {asset} is both paid and received; they are several trades")
            legs[asset] = legs.get(asset, ZERO) + amount
        if cost:
            fees[fee_asset] = fees.get(fee_asset, ZERO) + cost
    return {asset: amount for asset, amount in legs.items() if amount}, fees


def _pair(first: Row, legs: dict[str, Decimal]) -> tuple[str, str]:
    """Return base and quote. Raise ValueError where the rows do not move two assets in opposite directions."""
    if len(legs) != 2:
        what = f"only {', '.join(legs)}" if len(legs) < 2 else f"{len(legs)} assets ({', '.join(legs)})"
        raise ValueError(f"the rows of its trade move {what}; a trade moves two")
    (one, paid), (other, received) = legs.items()
    if paid * received > 0:
        raise ValueError(f"the rows of its trade move {one} and {other} in the same direction")
    symbol = first.text("symbol").casefold()
    ranks = {asset: _rank(asset, symbol, legs[asset]) for asset in legs}
    quote = min(legs, key=lambda asset: ranks[asset])
    return (other if quote == one else one), quote


def _rank(asset: str, symbol: str, amount: Decimal) -> tuple[int, int, bool]:
    """Return how likely an asset is the quote of its pair; less is likelier."""
    place = 1
    if symbol:
        place = 0 if symbol.endswith(asset.casefold()) else 2 if symbol.startswith(asset.casefold()) else 1
    return place, _QUOTES.index(asset) if asset in _QUOTES else len(_QUOTES), amount > 0


def _symbol(row: Row) -> str:
    written = row.text("symbol")
    return row.mapping.symbols.get(written, written)


def _fee(common: Payload, external_id: str, asset: str, cost: Decimal) -> Payload:
    fact = "fee" if cost > 0 else "rebate"
    return common | {"external_id": external_id, "fact": fact, "unit": asset, "amount": plain(-cost)}


def _lines(rows: Sequence[Row]) -> str:
    return f"lines {', '.join(str(row.line) for row in rows[:10])}"
