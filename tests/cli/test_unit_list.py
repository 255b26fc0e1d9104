"""A unit that agrees although it drifts: the list says why."""

from __future__ import annotations

from decimal import Decimal

from recon.cli.unit_list import BALANCES, units_screen


def _legend(verdict: str, drift: str | None, explained: str | None) -> str:
    figures = {"drift": drift, "explained": explained}
    row: dict[str, object] = {
        "gateway": "g",
        "account": "A",
        "asset": "BTC",
        "verdict": verdict,
        "reason": None,
        "cases": None,
    }
    row |= {name: None if text is None else Decimal(text) for name, text in figures.items()}
    return " ".join(units_screen([row], [row], BALANCES, "asset", moment="now", empty="none").legend)


def test_a_drift_that_entries_explain_is_said_to_be() -> None:
    assert "entries such as fees and facts explain it" in _legend("agreed", "5", "5")


def test_nothing_is_said_where_nothing_is_explained() -> None:
    for verdict, drift, explained in (("agreed", "0", "0"), ("break", "5", "3"), ("unobserved", None, None)):
        assert "explain it" not in _legend(verdict, drift, explained)
