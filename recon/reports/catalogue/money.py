"""Fees, and what trading earned by symbol and day. Pure."""

from __future__ import annotations

from typing import Final

from recon.reports.model import Report, day, decimal, integer, text, time

FEES: Final = Report(
    name="fees",
    title="Fees: every fee and rebate, with the rate that it comes to",
    view="recon.fees",
    recorded=("occurred_at", "recorded_at"),
    columns=(
        text("gateway"),
        text("account"),
        text("asset"),
        integer("entry_no"),
        time("occurred_at"),
        time("recorded_at"),
        integer("seq"),
        text("symbol"),
        decimal("amount"),
        text("cause"),
        text("certainty"),
        decimal("turnover"),
        decimal("rate"),
        text("order_key"),
        integer("ordinal"),
        text("break_id"),
        integer("replaces"),
        text("fact"),
    ),
    tally="cause",
    order=("gateway", "account", "asset", "entry_no"),
    filters={
        "gateway": "gateway",
        "account": "account",
        "unit": "asset",
        "symbol": "symbol",
        "cause": "cause",
        "certainty": "certainty",
        "since": "occurred_at",
        "until": "occurred_at",
    },
)
PNL: Final = Report(
    name="pnl",
    title="P&L: what was realised, paid and funded, by symbol and day",
    view="recon.pnl_daily",
    columns=(
        text("gateway"),
        text("account"),
        text("symbol"),
        day("day"),
        text("asset"),
        decimal("realised"),
        decimal("fees"),
        decimal("funding"),
        decimal("net"),
        decimal("unrealised"),
        text("unrealised_by"),
        text("method"),
        integer("fills"),
        integer("unknown_fills"),
        decimal("uncosted"),
    ),
    tally="symbol",
    order=("gateway", "account", "symbol", "day", "asset"),
    filters={
        "gateway": "gateway",
        "account": "account",
        "unit": "asset",
        "symbol": "symbol",
        "since": "day",
        "until": "day",
    },
)
