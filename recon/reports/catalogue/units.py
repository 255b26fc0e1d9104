"""Positions and balances: what the books hold, what is reported, and whether the two agree. Pure."""

from __future__ import annotations

from typing import Final

from recon.reports.model import Report, boolean, decimal, integer, text, time

_FIGURES: Final = (
    decimal("opening"),
    decimal("fills"),
    decimal("expected"),
    decimal("explained"),
    decimal("reported"),
    decimal("drift"),
    decimal("unexplained"),
    decimal("in_flight", past=False),
)
_JUDGED: Final = (
    text("verdict"),
    text("reason"),
    integer("open_breaks"),
    time("observed_at"),
    integer("cut_seq"),
    integer("last_seq", past=False),
    boolean("inferred", past=False),
    text("venue_account"),
    text("agreed_source", past=False),
    time("agreed_source_at", past=False),
)

POSITIONS: Final = Report(
    name="positions",
    title="Positions: held, reported, and whether the two agree",
    view="recon_exact.positions",
    printed=(
        "gateway",
        "account",
        "symbol",
        "quantity",
        "expected",
        "reported",
        "drift",
        "unexplained",
        "verdict",
        "reason",
        "open_breaks",
        "observed_at",
    ),
    past="recon_exact.positions_as_of",
    columns=(
        text("gateway"),
        text("account"),
        text("symbol"),
        text("symbol_coinapi"),
        decimal("quantity"),
        decimal("long", past=False),
        decimal("short", past=False),
        *_FIGURES,
        decimal("avg_entry_price", past=False),
        decimal("reported_avg_entry_price", past=False),
        *_JUDGED,
    ),
    tally="verdict",
    pictured=True,
    order=("gateway", "account", "symbol"),
    filters={"gateway": "gateway", "account": "account", "unit": "symbol", "symbol": "symbol", "verdict": "verdict"},
)
BALANCES: Final = Report(
    name="balances",
    title="Balances: held, reported, and whether the two agree",
    view="recon_exact.balances",
    printed=(
        "gateway",
        "account",
        "asset",
        "balance",
        "expected",
        "reported",
        "drift",
        "unexplained",
        "verdict",
        "reason",
        "open_breaks",
        "observed_at",
    ),
    past="recon_exact.balances_as_of",
    columns=(
        text("gateway"),
        text("account"),
        text("asset"),
        text("asset_coinapi"),
        decimal("balance"),
        decimal("available", past=False),
        decimal("locked", past=False),
        *_FIGURES,
        decimal("rate_usd", past=False),
        *_JUDGED,
    ),
    tally="verdict",
    pictured=True,
    order=("gateway", "account", "asset"),
    filters={"gateway": "gateway", "account": "account", "unit": "asset", "verdict": "verdict"},
)
