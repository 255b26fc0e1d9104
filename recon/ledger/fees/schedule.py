"""A venue's fee schedule: which line holds for a fill, and at which rate. Pure (semantics 8.5)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from recon.exact import ZERO
from recon.ledger.rules import FeeRule

#: Orders that add liquidity only, and those that take it only; of any other it is not known.
_MAKER: Final = frozenset({"MAKER_OR_CANCEL", "POST_ONLY"})
_TAKER: Final = frozenset({"IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"})


def rule_of(rules: Sequence[FeeRule], symbol: str | None, instrument: str | None) -> FeeRule | None:
    """Return the first line of a schedule that matches a fill, None where it tells nothing of it."""
    for rule in rules:
        if rule.symbol is not None and rule.symbol != symbol:
            continue
        if rule.instrument is not None and rule.instrument != instrument:
            continue
        if rule.maker is not None or rule.taker is not None:
            return rule
    return None


def liquidity_of(time_in_force: str | None, exec_inst: Sequence[str] | str | None) -> str | None:
    """Tell whether an order makes or takes liquidity, None where it may do either (semantics 8.5)."""
    instructions = (exec_inst,) if isinstance(exec_inst, str) else exec_inst or ()
    if any(each in _MAKER for each in instructions):
        return "maker"
    return "taker" if time_in_force in _TAKER else None


def rates_of(rule: FeeRule, kind: str | None) -> tuple[Decimal, Decimal]:
    """Return the rate that a line names for an order's liquidity, and the other that it may have been.

    An order that may do either is taken for a maker: most of those that rest in the book are.
    """
    maker = rule.maker if rule.maker is not None else rule.taker
    taker = rule.taker if rule.taker is not None else rule.maker
    if maker is None or taker is None:
        return ZERO, ZERO
    if kind is None:
        return maker, taker
    return (maker, maker) if kind == "maker" else (taker, taker)
