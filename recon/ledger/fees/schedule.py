"""A venue's fee schedule: the line that applies to a fill, and the rate. Pure (semantics 8.5)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from recon.exact import ZERO
from recon.ledger.rules import FeeRule

#: Kinds of orders that only make, or only take liquidity; other kinds may do either.
_MAKER: Final = frozenset({"MAKER_OR_CANCEL", "POST_ONLY"})
_TAKER: Final = frozenset({"IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"})


def rule_of(rules: Sequence[FeeRule], symbol: str | None, instrument: str | None) -> FeeRule | None:
    """Return the first line of a schedule that matches a fill; None where no line matches."""
    for rule in rules:
        if rule.symbol is not None and rule.symbol != symbol:
            continue
        if rule.instrument is not None and rule.instrument != instrument:
            continue
        if rule.maker is not None or rule.taker is not None:
            return rule
    return None


def liquidity_of(time_in_force: str | None, exec_inst: Sequence[str] | str | None) -> str | None:
    """Return whether an order makes or takes liquidity; None where the order may do either (semantics 8.5)."""
    instructions = (exec_inst,) if isinstance(exec_inst, str) else exec_inst or ()
    if any(instruction in _MAKER for instruction in instructions):
        return "maker"
    return "taker" if time_in_force in _TAKER else None


def rates_of(rule: FeeRule, kind: str | None) -> tuple[Decimal, Decimal]:
    """Return the expected rate of an order's liquidity, and the alternate rate.

    An order that may do either is expected to be a maker: most orders that rest in the order book are.
    """
    maker = rule.maker if rule.maker is not None else rule.taker
    taker = rule.taker if rule.taker is not None else rule.maker
    if maker is None or taker is None:
        return ZERO, ZERO
    if kind is None:
        return maker, taker
    return (maker, maker) if kind == "maker" else (taker, taker)
