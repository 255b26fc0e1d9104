"""Put rules in force, keep proposed rules, and apply decisions on them. Pure (semantics 10.2)."""

from __future__ import annotations

from recon.ledger.actor import Actor
from recon.ledger.apply.assumptions import settle_by_rules
from recon.ledger.apply.observe import refresh_modelling
from recon.ledger.cost_basis import basis_of
from recon.ledger.ledger import Ledger
from recon.ledger.posting.rehoming import rehome
from recon.ledger.rule_changes import ProposedRules, relaxations
from recon.ledger.rules import Rules
from recon.times import LogTime


def put_in_force(ledger: Ledger, rules: Rules, seq: int, at: LogTime) -> None:
    """Put the rules of an event in force; earlier proposed rules lapse."""
    apply_rules(ledger, rules, at)
    ledger.clock.rules_seq, ledger.clock.proposed_rules_seq, ledger.proposed_rules = seq, 0, None
    ledger.clock.rules_us, ledger.clock.rules_checked = ledger.clock.last_us, False


def propose_rules(ledger: Ledger, proposed: ProposedRules, at: LogTime) -> None:
    """Keep rules that relax checks until a second person approves them (semantics 10.2)."""
    ledger.clock.proposed_rules_seq, ledger.proposed_rules = at.seq, proposed
    looser = "; ".join(relaxations(ledger.rules, proposed.rules)) or "nothing"
    message = f"rules wait for approval; more permissive under them: {looser}"
    ledger.note_finding(None, at, "rules_wait", proposed.digest, message)


def decide_rules(ledger: Ledger, by: Actor, digest: str | None, at: LogTime, *, approved: bool) -> None:
    """Put proposed rules in force, or drop them, as a person decides."""
    proposed, verb = ledger.proposed_rules, "approve" if approved else "reject"
    refused = None
    if proposed is None or proposed.digest != digest:
        refused = f"the rules that wait are {proposed.digest if proposed else 'none'}"
    elif approved and not by.authenticated:
        refused = f"{by.login} is a login that people share"
    if proposed is None or refused is not None:
        message = f"{by.label} asked to {verb} rules {digest}, refused: {refused}"
        ledger.note_finding(None, at, "decision_refused", digest or "", message)
    elif approved:
        put_in_force(ledger, proposed.rules, proposed.seq, at)
        ledger.note_finding(
            None, at, "rules_approved", proposed.digest, f"{by.label} approved them; they are in force from here"
        )
    else:
        ledger.clock.proposed_rules_seq, ledger.proposed_rules = 0, None
        ledger.note_finding(
            None, at, "rules_rejected", proposed.digest, f"{by.label} rejected them; the old ones stay in force"
        )


def apply_rules(ledger: Ledger, rules: Rules, at: LogTime) -> None:
    """Put rules in force from here on; new contract terms start a cost basis at this point (semantics 3.5).

    What they map moves to its balance row at once (semantics 3.3).
    """
    ledger.rules = rules
    for account in ledger.accounts.values():
        terms = rules.of(account.name)
        for state in ledger.units_of(account.name):
            unit = state.unit
            if unit.kind == "contract" and unit.code in account.mappings.unmodelled and unit.value is not None:
                new_terms = terms.terms_of(unit.names)
                if new_terms is not None and new_terms.modelled:
                    unit.contract.set_cost_basis(basis_of(unit.value, unit.reported.avg_entry_price, new_terms), [])
        own = rules.of(account.name)
        if account.rates.tell(own.fees, own.learn_fees_up_to):
            ledger.mark_rates_changed(account)
        refresh_modelling(ledger, account)
        settle_by_rules(ledger, account, at)
        rehome(ledger, account, list(account.mappings.unmapped), at)
