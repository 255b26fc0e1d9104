"""A venue's fee schedule: the line that applies to a fill, if any. Pure (semantics 8.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from recon.ledger.rules import FeeRule

#: What a line's `instrument` selects: types of CoinAPI's ids.
TYPES_OF: Final = {
    "SPOT": frozenset({"SPOT"}),
    "PERPETUAL": frozenset({"PERP", "DPERP"}),
    "FUTURES": frozenset({"FTS", "FTSCMB"}),
    "OPTION": frozenset({"OPT", "OPTCMB"}),
}


def rule_of(rules: Sequence[FeeRule], symbol: str | None, instrument: str | None) -> FeeRule | None:
    """Return the first line of a schedule that matches a fill; None where no line matches.

    `instrument` is the type in the symbol's CoinAPI id, as in PERP.
    """
    for rule in rules:
        if not selects(rule, symbol, instrument):
            continue
        if rule.maker is not None or rule.taker is not None:
            return rule
    return None


def selects(rule: FeeRule, symbol: str | None, instrument: str | None) -> bool:
    """True if a line of a schedule is for a symbol and its type, whatever rates it names."""
    if rule.symbol is not None and rule.symbol != symbol:
        return False
    return rule.instrument is None or instrument in TYPES_OF.get(rule.instrument, {rule.instrument})
