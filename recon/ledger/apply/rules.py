"""Rules put in force, proposed and decided on. Pure (semantics 10.2)."""

from __future__ import annotations

from recon.ledger.actor import Person
from recon.ledger.apply.observe import remodel
from recon.ledger.cost_basis import basis_of
from recon.ledger.ledger import Book, quantum_of
from recon.ledger.rule_changes import WaitingRules, loosened
from recon.ledger.rules import Rules
from recon.times import LogTime


def put_in_force(book: Book, rules: Rules, seq: int) -> None:
    """Put the rules of an event in force; what waited before is overtaken."""
    take_rules(book, rules)
    book.clock.rules_seq, book.clock.waiting_seq, book.rules_waiting = seq, 0, None


def propose_rules(book: Book, proposed: WaitingRules, at: LogTime) -> None:
    """Let looser rules wait until a second person approves them (semantics 10.2)."""
    book.clock.waiting_seq, book.rules_waiting = at.seq, proposed
    looser = "; ".join(loosened(book.rules, proposed.rules)) or "nothing"
    message = f"rules wait for approval; looser under them: {looser}"
    book.find(None, at, "rules_wait", proposed.digest, message)


def decide_rules(book: Book, by: Person, digest: str | None, at: LogTime, *, approved: bool) -> None:
    """Put waiting rules in force, or drop them, as a person decides."""
    proposed, verb = book.rules_waiting, "approve" if approved else "reject"
    refused = None
    if proposed is None or proposed.digest != digest:
        refused = f"the rules that wait are {proposed.digest if proposed else 'none'}"
    elif approved and not by.authenticated:
        refused = f"{by.login} is a login that people share"
    if proposed is None or refused is not None:
        message = f"{by.shown} asked to {verb} rules {digest}, refused: {refused}"
        book.find(None, at, "decision_refused", digest or "", message)
    elif approved:
        put_in_force(book, proposed.rules, proposed.seq)
        book.find(None, at, "rules_approved", proposed.digest, f"{by.shown} approved them; they are in force from here")
    else:
        book.clock.waiting_seq, book.rules_waiting = 0, None
        book.find(None, at, "rules_rejected", proposed.digest, f"{by.shown} rejected them; the old ones stay in force")


def take_rules(book: Book, rules: Rules) -> None:
    """Put rules in force from here on; terms that come later open a cash book then and there (semantics 3.5)."""
    book.rules = rules
    for account in book.accounts.values():
        terms = rules.of(account.name).contracts
        for held in book.units_of(account.name):
            unit = held.unit
            held.timeline.quantum = quantum_of(book, unit)
            if unit.kind == "contract" and unit.code in account.unmodelled and unit.value is not None:
                now = terms.get(unit.code)
                if now is not None and now.modelled:
                    unit.basis = basis_of(unit.value, unit.reported_avg_entry_price, now)
                    unit.pending_trades = []
        remodel(book, account)
