"""How long the page takes to write a long list: rows as the database gives them, to HTML."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Final

from recon.db.source import Row
from recon.web.rendering import environment
from recon.web.screens import units
from recon.web.truth import GatewayTruth, Truth
from tests.bench.figures import Figures

NOW: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ACCOUNTS: Final = 25


def measure(figures: Figures, rows: int, repeats: int) -> None:
    """Measure the list of units."""
    given = [_unit(number) for number in range(rows)]
    template = environment(lambda name: f"/static/{name}").get_template("units.html")

    def write() -> str:
        values = units.values_of(given, {})
        return template.render(**_frame(), **values, more=False, fields=[], asked="")

    figures.add(
        "units_list",
        f"{rows:,} units as HTML",
        _best(write, repeats) * 1000,
        "ms",
        "rows to text, processor time of one thread",
    )


def _best(work: Callable[[], str], repeats: int) -> float:
    times = []
    for _ in range(repeats + 1):
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return median(times[1:])


def _unit(number: int) -> Row:
    amount = Decimal(f"{number * 7919 + 13}.{number:08d}")
    drift = Decimal(number % 3) * Decimal("-0.125")
    return {
        "gateway": "prod-eu",
        "account": f"VENUE{number % ACCOUNTS:02d}/DESK",
        "unit_kind": "asset",
        "unit": f"COIN{number // ACCOUNTS:03d}",
        "reported": amount + drift,
        "expected": amount,
        "drift": drift,
        "in_flight": Decimal(0),
        "rate_usd": Decimal("3012.25"),
        "verdict": "break" if drift else "agreed",
        "reason": None,
        "coinapi": None,
        "observed_at": NOW - timedelta(seconds=number % 60),
    }


def _frame() -> Mapping[str, object]:
    """Return what every screen has around it."""
    truth = Truth(at=NOW, gateways=[GatewayTruth("prod-eu", 1205, 0)], accounts=1, covered=1, cases=0, stale=[])
    return {
        "theme": None, "viewer": "alice", "csrf": None, "truth": truth, "strip": None, "menu": [], "keys": [],
        "address": "/units", "title": "Units", "question": "", "sql": "", "count": None, "notes": [],
        "changes_with": "", "why_not": None, "not_kept": "", "past": False, "of_the_past": True,
        "times": [], "asked_times": {}, "file": None,
        "kept": [], "path": "/units", "moved": False,
    }  # fmt: skip
