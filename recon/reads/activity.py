"""What happened to the books: orders, their fills, and every entry."""

from __future__ import annotations

from typing import Final

from recon.reads.filter import VALUES
from recon.reads.read import Read, with_past


def _order(*columns: str) -> str:
    """Return the condition on the beginning of an order's ids: recon's own, the client's, or the exchange's."""
    begins = " OR ".join(f"starts_with({column}, k.start)" for column in columns)
    return f"EXISTS (SELECT 1 FROM unnest({VALUES}) AS k (start) WHERE {begins})"  # noqa: S608 - names of our own


def _entry_causes() -> tuple[str, ...]:
    from recon.reconciliation.causes.registry import CAUSES  # noqa: PLC0415 - brings the causes, which few filters need

    return ("opening", "fill", "realised", "rehomed", *CAUSES)


#: The newest first: a list that is cut off shows what is of interest now.
ORDERS: Final = with_past(
    Read(
        name="orders",
        select="SELECT o.* FROM recon_exact.orders AS o",
        filters={
            "gateway": "o.gateway",
            "account": "o.account",
            "symbol": "o.symbol",
            "side": "o.side",
            "status": "o.status",
            "order": _order("o.order_key", "o.client_order_id", "o.exchange_order_id"),
            "state": f"CASE WHEN o.open THEN 'open' ELSE 'over' END = ANY({VALUES})",
            "since": "o.updated_at",
            "until": "o.updated_at",
        },
        words={"state": lambda: ("open", "over")},
        sorts={
            name: f"o.{name}"
            for name in (
                *("gateway", "account", "order_key", "client_order_id", "exchange_order_id", "symbol", "side", "price"),
                *("amount_order", "amount_filled", "amount_open", "avg_px", "status", "updated_at", "open"),
            )
        },
        order="o.updated_at DESC, o.gateway, o.account, o.order_key",
    )
)
FILLS: Final = with_past(
    Read(
        name="fills",
        select="SELECT f.* FROM recon_exact.fills AS f",
        filters={
            "gateway": "f.gateway",
            "account": "f.account",
            "symbol": "f.symbol",
            "side": "f.side",
            "unit": f"(f.symbol = ANY({VALUES}) OR f.cash_asset = ANY({VALUES}))",
            "order": _order("f.order_key"),
            "since": "f.filled_at",
            "until": "f.filled_at",
        },
        sorts={
            name: f"f.{name}"
            for name in (
                *(
                    "gateway",
                    "account",
                    "order_key",
                    "ordinal",
                    "symbol",
                    "side",
                    "price",
                    "amount",
                    "cash",
                    "cash_asset",
                ),
                *("filled_at", "seq", "source"),
            )
        },
        order="f.filled_at DESC, f.gateway, f.account, f.order_key, f.ordinal",
    )
)
ENTRIES: Final = with_past(
    Read(
        name="entries",
        select="SELECT e.* FROM recon_exact.entries AS e",
        filters={
            "gateway": "e.gateway",
            "account": "e.account",
            "unit": "e.unit",
            "cause": "e.cause",
            "certainty": "e.certainty",
            "order": _order("e.order_key"),
            "since": "e.occurred_at",
            "until": "e.occurred_at",
        },
        words={"cause": _entry_causes},
        sorts={
            name: f"e.{name}"
            for name in (
                *("gateway", "account", "unit", "entry_no", "seq", "occurred_at", "recorded_at", "cause", "certainty"),
                *("amount", "running", "order_key"),
            )
        },
        order="e.seq DESC, e.gateway, e.account, e.unit_kind, e.unit, e.entry_no DESC",
    )
)
