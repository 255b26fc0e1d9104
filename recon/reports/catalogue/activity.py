"""Movements and fills: what changed the books, in the order of the ledger. Pure."""

from __future__ import annotations

from typing import Final

from recon.reports.model import Report, boolean, decimal, integer, text, time

MOVEMENTS: Final = Report(
    name="movements",
    title="Movements: every change of every unit, with its cause",
    view="recon.entries",
    past="recon.entries_as_of",
    tally="cause",
    without=("edition",),
    columns=(
        text("gateway"),
        text("account"),
        text("unit_kind"),
        text("unit"),
        integer("entry_no"),
        time("occurred_at"),
        time("recorded_at"),
        integer("seq"),
        text("cause"),
        text("certainty"),
        decimal("amount"),
        decimal("running"),
        text("order_key"),
        integer("ordinal"),
        text("break_id"),
        integer("replaces"),
        text("fact"),
    ),
    order=("gateway", "account", "unit_kind", "unit", "entry_no"),
    filters={
        "gateway": "gateway",
        "account": "account",
        "unit": "unit",
        "cause": "cause",
        "certainty": "certainty",
        "since": "occurred_at",
        "until": "occurred_at",
    },
)
FILLS: Final = Report(
    name="fills",
    title="Fills: what was booked of each order",
    view="recon.fills",
    past="recon.fills_as_of",
    tally="side",
    columns=(
        text("gateway"),
        text("account"),
        text("order_key"),
        integer("ordinal"),
        time("filled_at"),
        text("symbol"),
        text("side"),
        decimal("price"),
        boolean("price_known"),
        decimal("amount"),
        decimal("cash"),
        text("cash_asset"),
        integer("seq"),
        text("source"),
    ),
    order=("gateway", "account", "order_key", "ordinal"),
    filters={
        "gateway": "gateway",
        "account": "account",
        "symbol": "symbol",
        "side": "side",
        "since": "filled_at",
        "until": "filled_at",
    },
)
