"""Every inbound EMS message in one tolerant normal form (protocol sections 3 to 10). Pure.

Numbers are `Decimal | None`, texts `str | None`: None is unknown, zero is a known zero (semantics 1.4).
Enums stay open strings, because the protocol's lists are incomplete. `account` is the EMS `exchange_id`, tag
included, exactly as sent; `symbol` is `symbol_id_exchange` and `asset` is `asset_id_exchange`.

The structs carry the wire's names as aliases, so the common case is one typed decode; `gc=False` is safe,
because no message can hold a reference to itself.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias

from msgspec import Struct

SERVER_INFO: Final = "SERVER_INFO"
ORDER_EXEC_REPORT_SNAPSHOT: Final = "ORDER_EXEC_REPORT_SNAPSHOT"
ORDER_EXEC_REPORT_UPDATE: Final = "ORDER_EXEC_REPORT_UPDATE"
BALANCE_SNAPSHOT: Final = "BALANCE_SNAPSHOT"
BALANCE_UPDATE: Final = "BALANCE_UPDATE"
POSITION_SNAPSHOT: Final = "POSITION_SNAPSHOT"
POSITION_UPDATE: Final = "POSITION_UPDATE"
SYMBOLS_SNAPSHOT: Final = "SYMBOLS_SNAPSHOT"
MESSAGE_REJECT: Final = "MESSAGE_REJECT"

#: The inbound half of the protocol's message catalogue (protocol 3).
INBOUND_TYPES: Final = frozenset(
    {
        SERVER_INFO,
        ORDER_EXEC_REPORT_SNAPSHOT,
        ORDER_EXEC_REPORT_UPDATE,
        BALANCE_SNAPSHOT,
        BALANCE_UPDATE,
        POSITION_SNAPSHOT,
        POSITION_UPDATE,
        SYMBOLS_SNAPSHOT,
        MESSAGE_REJECT,
    }
)

#: Statuses after which an order does not change any more (protocol 6).
TERMINAL_STATUSES: Final = frozenset({"FILLED", "CANCELED", "REJECTED"})


class Finding(Struct, frozen=True, gc=False):
    """A contradiction found in a message: data, never an exception.

    `kind` is one of `unreadable` (no JSON object), `account`, `data` (the wrapper), `row`, `number`, `field`,
    `history`, `long_text` (see `bounds`) and `more` (too many to list). `about` names the thing: an order, an asset, a
    symbol, a type.
    """

    kind: str
    about: str
    message: str


class ServerInfo(Struct, frozen=True, gc=False, rename={"account": "exchange_id"}):
    """The heartbeat that one edge sends each second (protocol 4).

    `instance_guid` is a random id per server process; it is kept out of the repr, since it may be sensitive.
    """

    account: str | None = None
    time: str | None = None
    instance_guid: str | None = None
    server_version: str | None = None
    server_name: str | None = None
    is_running: bool | None = None
    time_server_start: str | None = None
    dns_name: str | None = None

    def __repr__(self) -> str:
        return (
            f"ServerInfo(account={self.account!r}, time={self.time!r}, "
            f"server_version={self.server_version!r}, is_running={self.is_running!r})"
        )


class StatusStep(Struct, frozen=True, gc=False, array_like=True, forbid_unknown_fields=True):
    """One `[status, time]` pair of an order's history; the time is the text as sent (100 ns stamps)."""

    status: str
    time: str | None = None


class FillRow(Struct, frozen=True, gc=False):
    """One row of a report's list of fills, which is detail: `amount_filled` is the authority (protocol 5)."""

    time: str | None = None
    price: Decimal | None = None
    amount: Decimal | None = None


class OrderReport(
    Struct,
    frozen=True,
    gc=False,
    rename={
        "account": "exchange_id",
        "symbol": "symbol_id_exchange",
        "symbol_coinapi": "symbol_id_coinapi",
        "history": "status_history",
    },
):
    """An order execution report: the whole state of one order, not a delta (protocol 5).

    An id that is an empty string is None. A numeric `exchange_order_id` keeps its text.
    """

    account: str | None = None
    client_order_id: str | None = None
    exchange_order_id: str | None = None
    symbol: str | None = None
    symbol_coinapi: str | None = None
    amount_order: Decimal | None = None
    amount_open: Decimal | None = None
    amount_filled: Decimal | None = None
    price: Decimal | None = None
    avg_px: Decimal | None = None
    side: str | None = None
    order_type: str | None = None
    time_in_force: str | None = None
    exec_inst: tuple[str, ...] | str | None = None
    status: str | None = None
    history: tuple[StatusStep, ...] = ()
    fills: tuple[FillRow, ...] = ()
    error_message: str | None = None


class BalanceRow(
    Struct, frozen=True, gc=False, rename={"asset": "asset_id_exchange", "asset_coinapi": "asset_id_coinapi"}
):
    """The balance of one asset, absolute (protocol 8)."""

    asset: str | None = None
    asset_coinapi: str | None = None
    balance: Decimal | None = None
    available: Decimal | None = None
    locked: Decimal | None = None
    last_updated_by: str | None = None
    rate_usd: Decimal | None = None


class PositionRow(
    Struct,
    frozen=True,
    gc=False,
    rename={"symbol": "symbol_id_exchange", "symbol_coinapi": "symbol_id_coinapi"},
):
    """The position in one contract, absolute (protocol 9); `quantity` has the sign it was sent with."""

    symbol: str | None = None
    symbol_coinapi: str | None = None
    quantity: Decimal | None = None
    side: str | None = None
    avg_entry_price: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    liquidation_price: Decimal | None = None
    leverage: Decimal | None = None


class SymbolRow(
    Struct,
    frozen=True,
    gc=False,
    rename={
        "symbol": "symbol_id_exchange",
        "symbol_coinapi": "symbol_id_coinapi",
        "base": "asset_id_base_exchange",
        "quote": "asset_id_quote_exchange",
        "base_coinapi": "asset_id_base_coinapi",
        "quote_coinapi": "asset_id_quote_coinapi",
        "price_step": "price_precision",
        "size_step": "size_precision",
    },
):
    """The facts of one instrument (protocol 10); the wire's precisions are step sizes, not digit counts."""

    symbol: str | None = None
    symbol_coinapi: str | None = None
    base: str | None = None
    quote: str | None = None
    base_coinapi: str | None = None
    quote_coinapi: str | None = None
    price_step: Decimal | None = None
    size_step: Decimal | None = None


class OrderReports(Struct, frozen=True, gc=False):
    """Execution reports: one (an update) or all of an account (a snapshot).

    `snapshot`: the message replaces everything known of the account. `complete`: its list came and every row could be
    attributed, so that a missing row is information. `nothing`: the snapshot came without any list, its `data` null or
    missing (protocol 3).
    """

    account: str | None
    rows: tuple[OrderReport, ...]
    snapshot: bool
    complete: bool
    nothing: bool = False


class Balances(Struct, frozen=True, gc=False):
    """Balances of one account; `snapshot`, `complete` and `nothing` as in `OrderReports`."""

    account: str | None
    rows: tuple[BalanceRow, ...]
    snapshot: bool
    complete: bool
    nothing: bool = False


class Positions(Struct, frozen=True, gc=False):
    """Positions of one account; `snapshot`, `complete` and `nothing` as in `OrderReports`."""

    account: str | None
    rows: tuple[PositionRow, ...]
    snapshot: bool
    complete: bool
    nothing: bool = False


class Symbols(Struct, frozen=True, gc=False):
    """The instruments of one account; `complete` as in `OrderReports`."""

    account: str | None
    rows: tuple[SymbolRow, ...]
    complete: bool


class Reject(Struct, frozen=True, gc=False, rename={"account": "exchange_id", "reason": "reject_reason"}):
    """A request that was refused (protocol 10); `rejected_message` may itself be broken JSON."""

    account: str | None = None
    reason: str | None = None
    message: str | None = None
    rejected_message: str | None = None


class Unknown(Struct, frozen=True, gc=False):
    """A message of a type that the protocol does not list, or no message at all, then with a finding."""

    type: str | None
    account: str | None


Message: TypeAlias = OrderReports | Balances | Positions | Symbols | ServerInfo | Reject | Unknown


class Decoded(Struct, frozen=True, gc=False):
    """The message in one payload, and its contradictions with itself or the protocol."""

    message: Message
    findings: tuple[Finding, ...] = ()


class Envelope(Struct, frozen=True, gc=False):
    """The type and account of a frame, which the recorder needs.

    `type` is as sent, but an execution report without one gets `ORDER_EXEC_REPORT_UPDATE` (protocol 16).
    """

    type: str | None
    account: str | None
    is_object: bool
