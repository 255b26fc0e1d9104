"""What people decide about breaks: the payload of a decision, and what it does. Pure (semantics 10).

1. A decision is an event; what follows from it is derived, and comes out the same on every rebuild.
2. A step that the table of a break's life does not allow is refused as a finding that says what is allowed.
3. An approval binds to the digest of what was proposed, and above a materiality needs a second, authenticated login.
4. An acceptance that is material is a proposal until somebody else approves it: it silences as much as an entry does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from recon.exact import ZERO, bounded, plain
from recon.ledger.actor import Actor
from recon.ledger.units import OF_FILLS, OPENING
from recon.reconciliation.breaks import approval as four_eyes
from recon.reconciliation.breaks.resolution import explain, reopen
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Acceptance, Break, Evidence, Proposal
from recon.reconciliation.model.lifecycle import PERSON_STEPS, PersonStep, allowed, next_state
from recon.times import microseconds, to_datetime

Action = PersonStep | Literal["settle_order", "settle_gap", "approve_rules", "reject_rules"]

#: What stands in the place of a cause where a break is to be lived with.
ACCEPTANCE: Final = "acceptance"
#: What a cause may be called, and names that mean something else.
_CAUSE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RESERVED: Final = OF_FILLS | {OPENING, ACCEPTANCE}


class Decision(msgspec.Struct, frozen=True):
    """The payload of a decision event; only the keys that the action needs are there. Moments are UTC."""

    by: Actor
    action: Action
    breaks: tuple[str, ...] = ()
    text: str | None = None
    assignee: str | None = None
    cause: str | None = None
    entry: Decimal | None = None
    evidence: tuple[str, ...] = ()
    digest: str | None = None
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    amount: Decimal | None = None
    account: str | None = None
    order: str | None = None
    from_seq: int | None = None
    outcome: str | None = None
    rules_digest: str | None = None


class Target(NamedTuple):
    """A break that a decision names, with its unit as it stands."""

    subject: ComparisonContext
    known: Break


_parse: Final = msgspec.json.Decoder(Decision).decode


def parse_decision(payload: bytes) -> Decision:
    """Read a decision. Raises msgspec.DecodeError or ValidationError where it is not of the known shape."""
    decision = _parse(payload)
    for value in (decision.entry, decision.amount):
        if value is not None and not bounded(value):
            raise msgspec.ValidationError(f"{str(value)[:40]} is not an amount")
    return decision


def proposal_digest(break_id: str, cause: str, entry: Decimal, evidence: Iterable[str]) -> str:
    """Return the digest that binds an approval to what was proposed for one break."""
    return hashlib.sha256("\x1f".join([break_id, cause, plain(entry), *evidence]).encode()).hexdigest()


def acceptance_digest(break_id: str, acceptance: Acceptance) -> str:
    """Return the digest that binds an approval to how one break is to be lived with."""
    return proposal_digest(break_id, ACCEPTANCE, acceptance.amount, [str(acceptance.until_us)])


def joint_digest(digests: Sequence[str]) -> str:
    """Return the digest of what was proposed for several breaks; of one it is that one's own."""
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("\x1f".join(sorted(digests)).encode()).hexdigest()


def decide(decision: Decision, targets: Sequence[Target]) -> None:
    """Take a decision about breaks; what is refused is found, and changes nothing."""
    step, apply = decision.action, _APPLY[decision.action]
    may: list[Target] = []
    for target in targets:
        state = target.known.state
        if next_state(step, state) is not None:
            may.append(target)
        else:
            offered = ", ".join(name for name in allowed(state) if name in PERSON_STEPS)
            _refuse(decision, target, f"it is {state}; allowed now: {offered}")
    refused = _approvals_refused(decision, may) if step == "approve" else {}
    material = _material_acceptances(decision, may) if step == "accept" else {}
    for target in may:
        known = target.known.id
        if known in material:
            reason = _ask_acceptance(decision, target, material[known])
        else:
            reason = refused.get(known) or apply(decision, target)
        if reason is not None:
            _refuse(decision, target, reason)


def expire(context: ComparisonContext) -> None:
    """End acceptances whose time is over, or whose drift has grown beyond what was accepted."""
    breaks = context.comparison.breaks
    for known in breaks:
        acceptance = known.acceptance
        if acceptance is None:
            continue
        since = (other.amount for other in breaks if other.owns_residual and other.opened_us > acceptance.since_us)
        drift = abs(sum(since, known.amount))
        if context.at.us >= acceptance.until_us:
            reason = "what it was accepted until has come"
        elif drift > acceptance.amount:
            reason = f"the drift is {plain(drift)} now, accepted up to {plain(acceptance.amount)}"
        else:
            continue
        known.state, known.acceptance = "open", None
        context.emit(known, "expired", reason)


def _approvals_refused(decision: Decision, targets: list[Target]) -> dict[str, str]:
    proposals = [target.known.proposal for target in targets]
    digests = [proposal.digest for proposal in proposals if proposal is not None]
    if digests and decision.digest != joint_digest(digests):
        reason = f"what is proposed now has the digest {joint_digest(digests)}, not {decision.digest}"
        return {target.known.id: reason for target in targets}
    return four_eyes.refusals(decision.by, targets)


def _refuse(decision: Decision, target: Target, reason: str) -> None:
    context, known = target
    message = f"{decision.by.label} asked to {decision.action} break {known.id}, refused: {reason}"
    context.ledger.note_finding(context.unit.account, context.at, "decision_refused", known.id, message)


def _tell(decision: Decision, target: Target, words: str, step: str | None = None) -> None:
    """Move a break along the table, by the step that was asked for or another, and tell of it in the actor's words."""
    context, known = target
    step = step or decision.action
    known.state = next_state(step, known.state) or known.state
    if known.state != "accepted":
        known.acceptance = None
    context.emit(known, step, _reason(decision, words), decision.by.label)


def _reason(decision: Decision, words: str) -> str:
    said = f"{decision.by.label} {words}"
    return f"{said}: {decision.text}" if decision.text else said


def _assign(decision: Decision, target: Target) -> str | None:
    if not decision.assignee:
        return "it names nobody to assign to"
    target.known.assignee = decision.assignee
    _tell(decision, target, f"assigns {decision.assignee}")
    return None


def _comment(decision: Decision, target: Target) -> str | None:
    if not decision.text:
        return "it says nothing"
    _tell(decision, target, "comments")
    return None


def _investigate(decision: Decision, target: Target) -> str | None:
    _tell(decision, target, "investigates")
    return None


def _propose(decision: Decision, target: Target) -> str | None:
    known = target.known
    cause, entry = decision.cause, decision.entry
    if entry is None:
        entry = known.amount if known.owns_residual else ZERO
    if cause is None or not _CAUSE.fullmatch(cause) or cause in _RESERVED:
        return f"{cause!r} does not name a cause"
    if not known.owns_residual and entry:
        return "a contradiction of reports is no part of the drift: only an entry of 0 can be proposed"
    if known.owns_residual and (not entry or (entry > 0) != (known.amount > 0) or abs(entry) > abs(known.amount)):
        return f"an entry explains at most the break's {plain(known.amount)}, and {plain(entry)} does not"
    digest = proposal_digest(known.id, cause, entry, decision.evidence)
    if len(decision.breaks) == 1 and decision.digest not in (None, digest):
        return f"what is proposed has the digest {digest}, not {decision.digest}; the break has changed meanwhile"
    by = decision.by
    seq = target.subject.at.seq
    known.proposal = Proposal(digest, cause, entry, decision.evidence, by.login, by.authenticated, seq)
    _tell(decision, target, f"proposes {cause} of {plain(entry)}, digest {digest}")
    return None


def _approve(decision: Decision, target: Target) -> str | None:
    context, known = target
    proposal = known.proposal
    if proposal is None:
        return "nothing is proposed"
    if proposal.until_us is not None:
        return _live_with(
            decision, target, Acceptance(proposal.until_us, proposal.entry, context.at.us), "approves to accept it"
        )
    if abs(proposal.entry) > abs(known.amount):
        return f"only {plain(known.amount)} is left of it, and {plain(proposal.entry)} is proposed"
    seq = context.at.seq
    known.evidence = [*known.evidence, *(Evidence(said, proposal.seq) for said in proposal.evidence)]
    known.evidence = [*known.evidence, Evidence(f"approved by {decision.by.label}", seq, proposal.entry)]
    reason = _reason(decision, f"approves {proposal.cause} of {plain(proposal.entry)}")
    four_eyes.add_to_daily_total(context, proposal.entry)
    explain(
        context, known, proposal.entry, cause=proposal.cause, step="approve", reason=reason, actor=decision.by.label
    )
    return None


def _reject(decision: Decision, target: Target) -> str | None:
    proposal = target.known.proposal
    if proposal is not None and len(decision.breaks) == 1 and decision.digest not in (None, proposal.digest):
        return f"what is proposed now has the digest {proposal.digest}, not {decision.digest}"
    target.known.proposal = None
    _tell(decision, target, "rejects what was proposed")
    return None


def _accept(decision: Decision, target: Target) -> str | None:
    return _live_with(decision, target, _acceptance(decision, target), "accepts it")


def _acceptance(decision: Decision, target: Target) -> Acceptance | None:
    """Return what a decision accepts of a break; None where it gives no end."""
    if decision.until is None:
        return None
    amount = abs(target.known.amount) if decision.amount is None else decision.amount
    return Acceptance(microseconds(decision.until), amount, target.subject.at.us)


def _material_acceptances(decision: Decision, targets: list[Target]) -> dict[str, str]:
    """Return, by break, why a second person is needed to live with it, if one is; what is refused anyhow needs none."""
    wanted = ((context, known, _acceptance(decision, Target(context, known))) for context, known in targets)
    return four_eyes.material(
        [
            four_eyes.ApprovalRequest(context, known, acceptance.amount)
            for context, known, acceptance in wanted
            if acceptance is not None and _unacceptable(known, acceptance) is None
        ]
    )


def _unacceptable(known: Break, acceptance: Acceptance) -> str | None:
    """Return why a break cannot be lived with so, None where it can."""
    if acceptance.until_us <= acceptance.since_us:
        return f"it is accepted until a moment to come, and {_until(acceptance)} is none"
    if acceptance.amount < abs(known.amount):
        return f"it is of {plain(known.amount)}, which is more than {plain(acceptance.amount)}"
    return None


def _ask_acceptance(decision: Decision, target: Target, material: str) -> str | None:
    """Propose to live with a break: somebody else approves it."""
    context, known = target
    acceptance, by = _acceptance(decision, target), decision.by
    if acceptance is None:
        return "it says not until when"
    digest = acceptance_digest(known.id, acceptance)
    known.proposal = Proposal(
        digest, ACCEPTANCE, acceptance.amount, (), by.login, by.authenticated, context.at.seq, acceptance.until_us
    )
    words = f"asks to accept it {_bounds(acceptance)}, digest {digest}; {material}"
    _tell(decision, target, words, step="propose")
    return None


def _live_with(decision: Decision, target: Target, acceptance: Acceptance | None, words: str) -> str | None:
    context, known = target
    reason = "it says not until when" if acceptance is None else _unacceptable(known, acceptance)
    if acceptance is None or reason is not None:
        return reason
    four_eyes.add_to_daily_total(context, acceptance.amount)
    known.acceptance, known.proposal = acceptance, None
    _tell(decision, target, f"{words} {_bounds(acceptance)}", step="accept")
    return None


def _bounds(acceptance: Acceptance) -> str:
    return f"up to {plain(acceptance.amount)} until {_until(acceptance)}"


def _until(acceptance: Acceptance) -> str:
    return f"{to_datetime(acceptance.until_us):%Y-%m-%d %H:%M:%S} UTC"


def _reopen(decision: Decision, target: Target) -> str | None:
    context, known = target
    if known.state == "accepted":
        _tell(decision, target, "accepts it no longer")
    else:
        reopen(context, known, _reason(decision, "opens it again"), decision.by.label)
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
