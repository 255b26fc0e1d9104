"""The posting of what a fact tells, with the fact's certainty. Pure (semantics 10.3)."""

from __future__ import annotations

from decimal import Decimal

from recon.ledger.facts.external_fact import ExternalFact
from recon.ledger.units import FillRef, Posting


def told_posting(
    amount: Decimal,
    cause: str,
    fact: ExternalFact,
    *,
    fill: FillRef | None = None,
    break_id: str | None = None,
    replaces: int | None = None,
) -> Posting:
    """Return the posting of an amount that a fact tells, as of the fact's time."""
    return Posting(
        amount,
        cause,
        fact.occurred_us,
        fact.certainty,
        fill=fill,
        break_id=break_id,
        replaces=replaces,
        fact=fact.external_id,
        told=True,
    )
