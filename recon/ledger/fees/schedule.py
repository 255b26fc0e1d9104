"""A venue's fee schedule: the line that applies to a fill, if any. Pure (semantics 8.5)."""

from __future__ import annotations

from collections.abc import Sequence

from recon.ledger.rules import FeeRule


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
