"""From observations to reports of the trellis, and which observations over REST count. Pure (semantics 4.1, 9)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.display.figures import shown
from recon.ledger.ledger import quantum_of
from recon.ledger.observations import Observation
from recon.ledger.rules import CHAIN_WINDOWS
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.trellis.column import Report

#: The weight of what passed before in the usual time between reports: the latest counts a quarter.
_BEFORE: Final = 3


def report_of(context: ComparisonContext, observation: Observation) -> Report:
    """Return an observation as the trellis needs it."""
    unit = context.unit
    quantum, tolerance = quantum_of(context.ledger, unit) or None, context.tolerance_of(observation.values[0])
    price = unit.reported.rate_usd if unit.kind == "asset" else None
    return Report(observation.seq, observation.us, observation.values, quantum, tolerance, price)


def note_observation(comparison: ComparisonState, observation: Observation, booked: Decimal | None) -> None:
    """Remember the latest report, and how often reports come; of several readings the one that is booked holds."""
    passed = observation.us - (comparison.observed_us or 0)
    if comparison.observed_seq is not None and passed > 0:
        before = comparison.gap
        comparison.gap = (_BEFORE * before + passed) // (_BEFORE + 1) if before else passed
    if observation.emptied and not (comparison.latest is not None and comparison.latest.emptied):
        comparison.emptied_seq = observation.seq
    comparison.latest = observation
    comparison.reported = booked if booked in observation.values else observation.values[0]
    comparison.inferred = observation.inferred
    comparison.observed_us, comparison.observed_seq = observation.us, observation.seq


def differs_in_quiet(context: ComparisonContext, observation: Observation) -> bool:
    """True if REST differs from the last report on the WebSocket while nothing moves: one of them is stale.

    An equal report may be an old poll. A different one during trading may be ahead of messages on their way.
    """
    comparison, unit = context.comparison, context.unit
    last, rest, backfill = comparison.reported, observation.values[0], context.account.coverage.backfill
    gap_end = 0 if backfill is None else backfill.until_seq or 0
    if last is None or (comparison.observed_seq or 0) < gap_end:
        return True  # the WebSocket has not reported it since the gap
    quiet = max(CHAIN_WINDOWS * context.window, comparison.silence(context.window))
    spoken = (comparison.observed_us or 0) > observation.us - quiet
    moved = spoken or unit.balance.last_clock > observation.clock - quiet
    if moved or last in observation.values:
        return False
    message = f"REST reports {shown(rest)}, the WebSocket last reported {shown(last)}"
    context.ledger.note_finding(unit.account, context.at, "rest_differs", unit.code, message)
    return True
