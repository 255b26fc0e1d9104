"""Facts that wait for a second person, and decisions on them. Pure (semantics 10.7).

1. A fact is material by the same rule as an approval: by what it would change, by the day's sum of its account, by the
   day's sum of the login that tells it, and by the value of the file that it is a row of.
2. A material fact changes nothing until another person approves it; two authenticated logins are needed.
3. A fact that a shared login told needs two approvals: the first one takes the place of the telling.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from recon.display.words import counted
from recon.display.worth import worth
from recon.exact import ZERO
from recon.ledger.actor import Actor
from recon.ledger.facts.external_fact import ApprovedFact, ExternalFact, approved
from recon.ledger.facts.waiting import APPROVED, REJECTED, WAITING, State, WaitingFact, content_digest, facts_digest
from recon.ledger.ledger import Ledger
from recon.reconciliation.breaks.approval import business_day
from recon.reconciliation.breaks.decisions import Decision
from recon.reconciliation.facts.fact_value import value_by_account
from recon.times import LogTime

#: Characters of a digest that a finding shows.
_SHORT = 12


class FactsDecision(NamedTuple):
    """A decision on facts that wait: who decides, on which log positions, and the digest of what is meant."""

    by: Actor
    facts: Sequence[int]
    digest: str | None
    approves: bool
    text: str | None = None


def decision_of(decision: Decision) -> FactsDecision:
    """Return what a person's decision says of facts that wait."""
    approves = decision.action == "approve_facts"
    return FactsDecision(decision.by, decision.facts, decision.digest, approves, decision.text)


def let_wait(ledger: Ledger, fact: ExternalFact, at: LogTime) -> bool:
    """Let a material fact wait for a second person, and return True; count any other one towards the day's sums."""
    digest = content_digest(fact)
    if ledger.fact_index.waits((fact.account, fact.external_id, digest)):
        return True  # the same fact waits already
    values = value_by_account(ledger, fact)
    reason = _material(ledger, fact, values, at)
    if reason is None:
        _count(ledger, fact, values, at)
        return False
    waiting = WaitingFact(at.seq, fact, digest, _total(values), reason)
    _save(ledger, waiting)
    message = f"{fact.fact} {fact.external_id} by {fact.by.label} waits for a second person: {reason}"
    ledger.note_finding(fact.account, at, "fact_waits", fact.external_id, message)
    return True


def decide_waiting(ledger: Ledger, decision: FactsDecision, at: LogTime) -> list[ApprovedFact]:
    """Apply a decision to the facts that it names, all or none; return those that take effect now."""
    named = [ledger.fact_index.waiting.get(seq) for seq in dict.fromkeys(decision.facts)]
    known = [waiting for waiting in named if waiting is not None and waiting.state == WAITING]
    reason = _refusal(decision, known) if len(known) == len(named) and known else "not all of them wait"
    verb, about = "approve" if decision.approves else "reject", (decision.digest or "")[:_SHORT]
    account = known[0].fact.account if known else None
    if reason is not None:
        message = f"{decision.by.label} asked to {verb} {counted(len(named), 'waiting fact')}, refused: {reason}"
        ledger.note_finding(account, at, "decision_refused", about, message)
        return []
    taking_effect = [_decided(ledger, waiting, decision, at) for waiting in known]
    _note_decision(ledger, decision, known, at)
    return [fact for fact in taking_effect if fact is not None]


def _decided(ledger: Ledger, waiting: WaitingFact, decision: FactsDecision, at: LogTime) -> ApprovedFact | None:
    """Store what becomes of a waiting fact; return it if it takes effect."""
    state = WAITING if decision.approves and waiting.first_login is None else _state(decision)
    vouched_by = decision.by.login if state == WAITING else waiting.vouched_by
    changed = WaitingFact(
        waiting.seq,
        waiting.fact,
        waiting.digest,
        waiting.usd,
        waiting.reason,
        state=state,
        vouched_by=vouched_by,
        decided_seq=at.seq,
    )
    _save(ledger, changed)
    return approved(waiting.fact, told_seq=waiting.seq, approved_seq=at.seq) if state == APPROVED else None


def _note_decision(ledger: Ledger, decision: FactsDecision, known: Sequence[WaitingFact], at: LogTime) -> None:
    """Note what a person decided, once for all facts of the decision."""
    vouched = sum(waiting.first_login is None for waiting in known) if decision.approves else 0
    kind, words = ("facts_approved", "approved") if decision.approves else ("facts_rejected", "rejected")
    message = f"{decision.by.label} {words} {counted(len(known), 'waiting fact')}"
    if vouched:
        were, wait = ("was", "waits") if vouched == 1 else ("were", "wait")
        message += f"; {vouched:,} of them {were} told under a shared login, and {wait} for one more person"
    if decision.text:
        message += f": {decision.text}"
    ledger.note_finding(known[0].fact.account, at, kind, (decision.digest or "")[:_SHORT], message)


def _refusal(decision: FactsDecision, known: Sequence[WaitingFact]) -> str | None:
    """Return why a decision is refused, None if it is not."""
    digest = facts_digest((waiting.seq, waiting.digest) for waiting in known)
    if digest != decision.digest:
        return f"they have the digest {digest}, not {decision.digest}"
    if not decision.approves:
        return None
    if not decision.by.authenticated:
        return f"{decision.by.login} is a login that people share"
    if any(waiting.first_login == decision.by.login for waiting in known):
        return "who told a fact may not approve it"
    return None


def _material(ledger: Ledger, fact: ExternalFact, values: dict[str, Decimal | None], at: LogTime) -> str | None:
    """Return why a fact needs a second person, None if it does not."""
    if not values:
        return None
    for name, usd in sorted(values.items()):
        if usd is None:
            return f"no USD value of it in {name} is known"
        rules, account = ledger.rules_of(name), ledger.accounts[name]
        day = business_day(at.us, rules)
        day_usd = usd + account.approvals.of_day(day) + account.told.of_day(day)
        if day_usd > rules.material_usd:
            return f"with it the day of {name} comes to {worth(day_usd)}, above {worth(rules.material_usd)}"
    limit = ledger.rules_of(fact.account).material_usd
    told, total = ledger.clock.told.get(fact.by.login), _total(values) or ZERO
    login_usd = total + (ZERO if told is None else told.of_day(business_day(at.us, ledger.rules.defaults)))
    if login_usd > limit:
        return f"with it the day of login {fact.by.login} comes to {worth(login_usd)}, above {worth(limit)}"
    if fact.file is not None and fact.file.usd is None:
        return "its file has rows without a known USD value"
    if fact.file is not None and fact.file.usd is not None and abs(fact.file.usd) > limit:
        return f"its file comes to {worth(abs(fact.file.usd))}, above {worth(limit)}"
    return None


def _count(ledger: Ledger, fact: ExternalFact, values: dict[str, Decimal | None], at: LogTime) -> None:
    """Count a fact that takes effect by one person's word towards the sums of the day."""
    for name, usd in values.items():
        account = ledger.accounts[name]
        account.told.add(business_day(at.us, ledger.rules_of(name)), usd or ZERO)
        ledger.mark_changed(account)
    if values:
        ledger.clock.add_told(fact.by.login, business_day(at.us, ledger.rules.defaults), _total(values) or ZERO)


def _total(values: dict[str, Decimal | None]) -> Decimal | None:
    """Return the USD value over all accounts; None if a part of it has none."""
    known = [usd for usd in values.values() if usd is not None]
    return sum(known, ZERO) if len(known) == len(values) else None


def _state(decision: FactsDecision) -> State:
    return APPROVED if decision.approves else REJECTED


def _save(ledger: Ledger, waiting: WaitingFact) -> None:
    ledger.fact_index.set_waiting(waiting)
    ledger.changes.waiting_facts[waiting.seq] = waiting
