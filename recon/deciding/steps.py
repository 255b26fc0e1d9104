"""A step on breaks: the decisions that it is, and what became of each break."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Final, TypeAlias

from recon.db.source import Row, Source, query_rows
from recon.deciding import selection
from recon.deciding.recording import Decision, Recorded
from recon.deciding.selection import SelectedBreak
from recon.display.ids import without_digest
from recon.reconciliation.model.lifecycle import PersonStep

#: The keys of a decision beside its action and its breaks.
Payload: TypeAlias = Mapping[str, object]

#: The outcome of an event that is not folded yet.
NOT_FOLDED: Final = "recorded, not folded yet"


def without_none(**keys: str | None) -> dict[str, object]:
    """Return the keys that have a value."""
    return {key: value for key, value in keys.items() if value is not None}


def decisions_of(
    step: PersonStep, payload: Payload | Callable[[Sequence[SelectedBreak]], Payload], selected: Sequence[SelectedBreak]
) -> list[Decision]:
    """Return the decisions: one for each gateway. A payload may be made from the breaks of each."""
    decisions: list[Decision] = []
    for gateway, group in groupby(selected, key=lambda break_: break_.gateway):
        ours = list(group)
        accounts = {break_.account for break_ in ours}
        keys = payload(ours) if callable(payload) else payload
        event = {"action": step, "breaks": [break_.id for break_ in ours], **keys}
        decisions.append(Decision(gateway, event, accounts.pop() if len(accounts) == 1 else None))
    return decisions


def outcomes(
    connection: Source,
    step: str,
    selected: Sequence[SelectedBreak],
    recorded: Sequence[Recorded],
    refused: Sequence[Row],
    *,
    folded: bool,
) -> list[Row]:
    """Return the outcome for each break: its state before and now, and the reason in its history."""
    states = {break_.id: break_.state for break_ in selection.by_ids(connection, [break_.id for break_ in selected])}
    reasons: dict[str, str] = {}
    for each in recorded:
        for row in query_rows(
            connection,
            "SELECT id, reason FROM recon_exact.break_history WHERE gateway = :gateway AND seq BETWEEN :first AND :last"
            " ORDER BY seq, number",
            {"gateway": each.gateway, "first": each.first_seq, "last": each.last_seq},
        ):
            reasons[str(row["id"])] = without_digest(str(row["reason"]))
    reasons |= {str(row["about"]): f"refused: {row['message']}" for row in refused}
    places = {each.gateway: each.last_seq for each in recorded}
    return [
        {
            "gateway": break_.gateway,
            "id": break_.id,
            "account": break_.account,
            "unit": break_.unit,
            "amount": break_.amount,
            "step": step,
            "was": break_.state,
            "state": states.get(break_.id) if folded else None,
            "seq": places[break_.gateway],
            "outcome": reasons.get(break_.id) if folded else NOT_FOLDED,
        }
        for break_ in selected
    ]
