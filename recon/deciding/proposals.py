"""Proposals: what a person proposes of breaks, and what waits for a second one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from recon.db.source import Row, Source, query_rows
from recon.deciding.recording import Recorded
from recon.deciding.selection import SHORT, SelectedBreak, refuse
from recon.deciding.steps import Payload, without_none
from recon.display.figures import shown
from recon.display.ids import DIGEST
from recon.errors import ConfigError, DecisionRefused
from recon.exact import plain
from recon.ledger.facts.external_fact import SIGNS
from recon.reconciliation.breaks.decisions import joint_digest, proposal_digest


def proposal_of(
    selected: Sequence[SelectedBreak], cause: str, amount: Decimal | None, evidence: Sequence[str], text: str | None
) -> Payload:
    """Return the payload that proposes a cause for breaks, with an amount for one, or each its own.

    Errors: ConfigError where one amount is given for several breaks; DecisionRefused where the cause moves a balance
    the other way than a break.
    """
    if amount is not None and len(selected) > 1:
        raise ConfigError(
            f"--entry is for one break, not for {len(selected)}; without it, each break's own amount is proposed"
        )
    _refuse_other_way(selected, cause)
    items = list(evidence)
    entries = [each.owned if amount is None else amount for each in selected]
    digests = [proposal_digest(each.id, cause, own, items) for each, own in zip(selected, entries, strict=True)]
    return {
        "cause": cause,
        # Several breaks share no entry: the fold takes each one's amount, and the digest shows if one changed.
        "entry": plain(entries[0]) if len(entries) == 1 else None,
        "evidence": items,
        "digest": joint_digest(digests),
        **without_none(text=text),
    }


def _refuse_other_way(selected: Sequence[SelectedBreak], cause: str) -> None:
    """Refuse a cause of one sign for breaks of the other: no deposit takes anything away. Errors: DecisionRefused."""
    sign = SIGNS.get(cause)
    if sign is not None:
        is_, are = ("debit", "credits") if sign > 0 else ("credit", "debits")
        wrong = [each for each in selected if each.owned * sign < 0]
        amounts = [f"break {each.id[:SHORT]} of {shown(each.amount)} {each.unit} is a {is_}" for each in wrong]
        refuse([f"{each}, and {cause}s are {are}: propose another cause for it" for each in amounts])


def waiting_proposal(connection: Source, start: str) -> tuple[str, list[str]]:
    """Return the full digest of a waiting proposal, and the ids of its breaks.

    A proposal is that of one break, or all that one decision proposed and that still wait. Errors: ConfigError where
    no waiting proposal has such a digest, or several have; DecisionRefused where it is of one leg of a case alone.
    """
    waiting = query_rows(
        connection,
        "SELECT gateway, id, case_id, proposal ->> 'digest' AS digest, proposal ->> 'seq' AS seq"
        " FROM recon_exact.breaks WHERE state = 'proposed' ORDER BY gateway, opened_at, id",
        {},
    )
    proposals: dict[str, list[str]] = {}
    alone: list[str] = []
    for whole in _by_decision(waiting):
        joint = joint_digest([str(row["digest"]) for row in whole])
        if joint.startswith(start):
            proposals[joint] = [str(row["id"]) for row in whole]
        legs = Counter(row["case_id"] for row in whole)
        for row in whole:
            digest = str(row["digest"])
            if not digest.startswith(start):
                continue
            if legs[row["case_id"]] > 1:
                alone.append(joint)
            else:
                proposals[digest] = [str(row["id"])]
    if alone and not proposals:
        raise DecisionRefused(
            f"{start} is of one leg, and alone it would be booked by halves: all that was proposed with it has the"
            f" digest {alone[0][:DIGEST]}"
        )
    if not proposals:
        raise ConfigError(
            f"no proposal that waits for approval has a digest that starts with {start!r}: it was decided, or one of"
            " its breaks has changed and must be proposed again; see `recon break show`"
        )
    if len(proposals) > 1:
        raise ConfigError(f"several digests start with {start!r}: {', '.join(sorted(proposals))}")
    return proposals.popitem()


def _by_decision(waiting: Sequence[Row]) -> list[list[Row]]:
    """Return the breaks that wait, together with those that the same decision proposed."""
    together: dict[tuple[str, str], list[Row]] = {}
    for row in waiting:
        together.setdefault((str(row["gateway"]), str(row["seq"])), []).append(row)
    return list(together.values())


def awaiting_approval(connection: Source, recorded: Sequence[Recorded]) -> list[str]:
    """Return the digests of acceptances that wait for a second person because they are material."""
    waiting = (
        "SELECT proposal ->> 'digest' AS digest FROM recon_exact.breaks WHERE gateway = :gateway AND state = 'proposed'"
    )
    digests: list[str] = []
    for each in recorded:
        rows = query_rows(
            connection,
            f"{waiting} AND (proposal ->> 'seq')::bigint BETWEEN :first AND :last",
            {"gateway": each.gateway, "first": each.first_seq, "last": each.last_seq},
        )
        if rows:
            digests.append(joint_digest([str(row["digest"]) for row in rows]))
    return digests
