"""Decisions of people about breaks: the payload of a decision event, and its effects. Pure (semantics 10).

1. A decision is an event; its effects are derived, and are the same on every rebuild.
2. A step that the lifecycle does not allow is refused by a finding that lists the allowed steps.
3. An approval binds to the digest of the proposal. A material approval needs a second, authenticated login.
4. A material acceptance is a proposal until a second person approves it: it silences as much as an entry does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from recon.display.figures import shown
from recon.exact import ZERO, plain
from recon.ledger.actor import Actor
from recon.ledger.documents import Identifier, reader
from recon.ledger.units import OF_FILLS, OPENING, Posting
from recon.reconciliation.breaks import approval
from recon.reconciliation.breaks.resolution import explain, reopen
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Acceptance, Break, Evidence, Proposal
from recon.reconciliation.model.lifecycle import PERSON_STEPS, PersonStep, allowed, next_state
from recon.times import microseconds, to_datetime

Action = (
    PersonStep
    | Literal[
        "settle_order",
        "settle_gap",
        "approve_rules",
        "reject_rules",
        "approve_facts",
        "reject_facts",
        "sign_close",
        "countersign_close",
    ]
)

#: Stands in the place of a cause if the proposal is to accept the break.
ACCEPTANCE: Final = "acceptance"
#: Names that a cause can have, and names that mean something else.
_CAUSE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RESERVED: Final = OF_FILLS | {OPENING, ACCEPTANCE}


#: Most waiting facts in one decision, as the database allows.
MAX_FACTS: Final = 500
#: A log position, as the database stores it.
Position = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


class Decision(msgspec.Struct, frozen=True):
    """The payload of a decision event, with only the keys that its action needs. Times are UTC."""

    by: Actor
    action: Action
    breaks: tuple[Identifier, ...] = ()
    text: str | None = None
    assignee: Identifier | None = None
    cause: str | None = None
    entry: Decimal | None = None
    evidence: tuple[str, ...] = ()
    digest: str | None = None
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    amount: Decimal | None = None
    account: Identifier | None = None
    order: str | None = None
    from_seq: int | None = None
    outcome: str | None = None
    rules_digest: str | None = None
    #: Log positions of the waiting facts that are meant.
    facts: Annotated[tuple[Position, ...], msgspec.Meta(max_length=MAX_FACTS)] = ()


class Target(NamedTuple):
    """A break that a decision names, with the context of its unit."""

    context: ComparisonContext
    break_: Break


_read: Final = reader(Decision)


def parse_decision(payload: bytes) -> Decision:
    """Return the decision of a payload. Raise DocumentRefused if it has another shape or is beyond its bounds."""
    return _read(payload)


def proposal_digest(break_id: str, cause: str, entry: Decimal, evidence: Iterable[str]) -> str:
    """Return the digest that binds an approval to the proposal for one break."""
    return hashlib.sha256("\x1f".join([break_id, cause, plain(entry), *evidence]).encode()).hexdigest()


def acceptance_digest(break_id: str, acceptance: Acceptance) -> str:
    """Return the digest that binds an approval to the acceptance of one break."""
    return proposal_digest(break_id, ACCEPTANCE, acceptance.amount, [str(acceptance.until_us)])


def joint_digest(digests: Sequence[str]) -> str:
    """Return the digest of the proposals for several breaks; the digest of a single one is its own."""
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("\x1f".join(sorted(digests)).encode()).hexdigest()


def decide(decision: Decision, targets: Sequence[Target]) -> None:
    """Apply a decision to its breaks; a refused break gets a finding, and stays as it is."""
    step, apply = decision.action, _APPLY[decision.action]
    permitted: list[Target] = []
    for target in targets:
        state = target.break_.state
        if next_state(step, state) is not None:
            permitted.append(target)
        else:
            steps = ", ".join(name for name in allowed(state) if name in PERSON_STEPS)
            _refuse(decision, target, f"it is {state}; allowed now: {steps}")
    refused = _approvals_refused(decision, permitted) if step == "approve" else {}
    material = _material_acceptances(decision, permitted) if step == "accept" else {}
    for target in permitted:
        break_id = target.break_.id
        if break_id in material:
            reason = _propose_acceptance(decision, target, material[break_id])
        else:
            reason = refused.get(break_id) or apply(decision, target)
        if reason is not None:
            _refuse(decision, target, reason)


def expire(context: ComparisonContext) -> None:
    """End the acceptances that have expired, and those whose drift exceeds the accepted amount."""
    breaks = context.comparison.breaks
    for break_ in breaks:
        acceptance = break_.acceptance
        if acceptance is None:
            continue
        later_amounts = (
            other.amount for other in breaks if other.owns_residual and other.opened_us > acceptance.since_us
        )
        drift = abs(sum(later_amounts, break_.amount))
        if context.at.us >= acceptance.until_us:
            reason = "what it was accepted until has come"
        elif drift > acceptance.amount:
            reason = f"the drift is {shown(drift)} now, accepted up to {shown(acceptance.amount)}"
        else:
            continue
        break_.state, break_.acceptance = "open", None
        context.emit(break_, "expired", reason)


def _approvals_refused(decision: Decision, targets: list[Target]) -> dict[str, str]:
    proposals = [target.break_.proposal for target in targets]
    digests = [proposal.digest for proposal in proposals if proposal is not None]
    if digests and decision.digest != joint_digest(digests):
        reason = f"what is proposed now has the digest {joint_digest(digests)}, not {decision.digest}"
        return {target.break_.id: reason for target in targets}
    return approval.refusals(decision.by, targets)


def _refuse(decision: Decision, target: Target, reason: str) -> None:
    context, break_ = target
    message = f"{decision.by.label} asked to {decision.action} break {break_.id}, refused: {reason}"
    context.ledger.note_finding(context.unit.account, context.at, "decision_refused", break_.id, message)


def _take_step(decision: Decision, target: Target, words: str, step: str | None = None) -> None:
    """Move a break along its lifecycle, by the step of the decision or another one, with the actor's reason."""
    context, break_ = target
    step = step or decision.action
    break_.state = next_state(step, break_.state) or break_.state
    if break_.state != "accepted":
        break_.acceptance = None
    context.emit(break_, step, _reason(decision, words), decision.by.label)


def _reason(decision: Decision, words: str) -> str:
    sentence = f"{decision.by.label} {words}"
    return f"{sentence}: {decision.text}" if decision.text else sentence


def _assign(decision: Decision, target: Target) -> str | None:
    if not decision.assignee:
        return "it names nobody to assign to"
    target.break_.assignee = decision.assignee
    _take_step(decision, target, f"assigns {decision.assignee}")
    return None


def _comment(decision: Decision, target: Target) -> str | None:
    if not decision.text:
        return "it says nothing"
    _take_step(decision, target, "comments")
    return None


def _investigate(decision: Decision, target: Target) -> str | None:
    _take_step(decision, target, "investigates")
    return None


def _propose(decision: Decision, target: Target) -> str | None:
    break_ = target.break_
    cause, entry = decision.cause, decision.entry
    if entry is None:
        entry = break_.amount if break_.owns_residual else ZERO
    if cause is None or not _CAUSE.fullmatch(cause) or cause in _RESERVED:
        return f"{cause!r} does not name a cause"
    if not break_.owns_residual and entry:
        return "a contradiction of reports is no part of the drift: only an entry of 0 can be proposed"
    if break_.owns_residual and (not entry or (entry > 0) != (break_.amount > 0) or abs(entry) > abs(break_.amount)):
        return f"an entry explains at most the break's {shown(break_.amount)}, and {shown(entry)} does not"
    digest = proposal_digest(break_.id, cause, entry, decision.evidence)
    if len(decision.breaks) == 1 and decision.digest not in (None, digest):
        return f"what is proposed has the digest {digest}, not {decision.digest}; the break has changed meanwhile"
    by = decision.by
    seq = target.context.at.seq
    break_.proposal = Proposal(digest, cause, entry, decision.evidence, by.login, by.authenticated, seq)
    _take_step(decision, target, f"proposes {cause} of {shown(entry)}, digest {digest}")
    return None


def _approve(decision: Decision, target: Target) -> str | None:
    context, break_ = target
    proposal = break_.proposal
    if proposal is None:
        return "nothing is proposed"
    if proposal.until_us is not None:
        return _accept_until(
            decision, target, Acceptance(proposal.until_us, proposal.entry, context.at.us), "approves to accept it"
        )
    if abs(proposal.entry) > abs(break_.amount):
        return f"only {shown(break_.amount)} is left of it, and {shown(proposal.entry)} is proposed"
    seq = context.at.seq
    break_.evidence = [*break_.evidence, *(Evidence(text, proposal.seq) for text in proposal.evidence)]
    break_.evidence = [*break_.evidence, Evidence(f"approved by {decision.by.label}", seq, proposal.entry)]
    reason = _reason(decision, f"approves {proposal.cause} of {shown(proposal.entry)}")
    approval.add_to_daily_total(context, proposal.entry)
    posting = Posting(proposal.entry, proposal.cause, break_.seen_us)
    explain(context, break_, posting, step="approve", reason=reason, actor=decision.by.label)
    return None


def _reject(decision: Decision, target: Target) -> str | None:
    proposal = target.break_.proposal
    if proposal is not None and len(decision.breaks) == 1 and decision.digest not in (None, proposal.digest):
        return f"what is proposed now has the digest {proposal.digest}, not {decision.digest}"
    target.break_.proposal = None
    _take_step(decision, target, "rejects the proposal")
    return None


def _accept(decision: Decision, target: Target) -> str | None:
    return _accept_until(decision, target, _acceptance(decision, target), "accepts it")


def _acceptance(decision: Decision, target: Target) -> Acceptance | None:
    """Return the acceptance that a decision asks for, None if it has no end."""
    if decision.until is None:
        return None
    amount = abs(target.break_.amount) if decision.amount is None else decision.amount
    return Acceptance(microseconds(decision.until), amount, target.context.at.us)


def _material_acceptances(decision: Decision, targets: list[Target]) -> dict[str, str]:
    """Return, by break, why its acceptance is material, if it is; acceptances that are refused anyhow are left out."""
    acceptances = ((context, break_, _acceptance(decision, Target(context, break_))) for context, break_ in targets)
    return approval.material(
        [
            approval.ApprovalRequest(context, break_, acceptance.amount)
            for context, break_, acceptance in acceptances
            if acceptance is not None and _unacceptable(break_, acceptance) is None
        ]
    )


def _unacceptable(break_: Break, acceptance: Acceptance) -> str | None:
    """Return why a break cannot be accepted like this, None if it can."""
    if acceptance.until_us <= acceptance.since_us:
        return f"it is accepted until a moment to come, and {_until_text(acceptance)} is none"
    if acceptance.amount < abs(break_.amount):
        return f"it is of {shown(break_.amount)}, which is more than {shown(acceptance.amount)}"
    return None


def _propose_acceptance(decision: Decision, target: Target, material: str) -> str | None:
    """Propose a material acceptance; a second person approves it."""
    context, break_ = target
    acceptance, by = _acceptance(decision, target), decision.by
    if acceptance is None:
        return "it says not until when"
    digest = acceptance_digest(break_.id, acceptance)
    break_.proposal = Proposal(
        digest, ACCEPTANCE, acceptance.amount, (), by.login, by.authenticated, context.at.seq, acceptance.until_us
    )
    words = f"asks to accept it {_limits_text(acceptance)}, digest {digest}; {material}"
    _take_step(decision, target, words, step="propose")
    return None


def _accept_until(decision: Decision, target: Target, acceptance: Acceptance | None, words: str) -> str | None:
    context, break_ = target
    reason = "it says not until when" if acceptance is None else _unacceptable(break_, acceptance)
    if acceptance is None or reason is not None:
        return reason
    approval.add_to_daily_total(context, acceptance.amount)
    break_.acceptance, break_.proposal = acceptance, None
    _take_step(decision, target, f"{words} {_limits_text(acceptance)}", step="accept")
    return None


def _limits_text(acceptance: Acceptance) -> str:
    return f"up to {shown(acceptance.amount)} until {_until_text(acceptance)}"


def _until_text(acceptance: Acceptance) -> str:
    return f"{to_datetime(acceptance.until_us):%Y-%m-%d %H:%M:%S} UTC"


def _reopen(decision: Decision, target: Target) -> str | None:
    context, break_ = target
    if break_.state == "accepted":
        _take_step(decision, target, "accepts it no longer")
    elif break_.state in {"assigned", "investigating"}:
        break_.assignee = None
        _take_step(decision, target, "gives it back")
    else:
        reopen(context, break_, _reason(decision, "opens it again"), decision.by.label)
    return None


_APPLY: Final[dict[Action, Callable[[Decision, Target], str | None]]] = {
    "assign": _assign,
    "comment": _comment,
    "investigate": _investigate,
    "propose": _propose,
    "approve": _approve,
    "reject": _reject,
    "accept": _accept,
    "reopen": _reopen,
}
