"""Relaxations in new rules: they need a second person's approval (semantics 10.2). Pure.

1. A relaxation lets more drift agree, lets more drift explain itself, needs fewer people, or compares less.
2. A change that cannot be shown to be as strict is a relaxation.
3. A statement of facts is no relaxation: an alias, a hedge mode or a new contract's terms do not hide drift.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import msgspec

from recon.display.ages import duration
from recon.display.figures import shown
from recon.errors import DocumentRefused
from recon.ledger.rules import AccountRules, Rules, parse_rules
from recon.source_class import at_least_as_independent


class ProposedRules(msgspec.Struct, frozen=True):
    """Rules that relax checks and wait for approval, with their log position and digest."""

    seq: int
    digest: str
    rules: Rules


def parse_proposed(payload: bytes, seq: int) -> ProposedRules:
    """Return the proposed rules of a payload. Raise DocumentRefused if they cannot be used."""
    return ProposedRules(seq, rules_digest(payload), parse_rules(payload))


def rules_digest(payload: bytes) -> str:
    """Return the digest of a rules document, by which people approve it: of the logged bytes."""
    return hashlib.sha256(payload).hexdigest()


def relaxes(before: bytes, after: bytes) -> bool:
    """True if a rules document relaxes another, or if either cannot be read."""
    try:
        return bool(relaxations(parse_rules(before), parse_rules(after)))
    except DocumentRefused:
        return True


def relaxations(before: Rules, after: Rules) -> list[str]:
    """Return the relaxations in new rules, in words and in a fixed order."""
    relaxed = [f"accounts in general: {text}" for text in _account_relaxations(before.defaults, after.defaults)]
    if before.recovery.enabled and not after.recovery.enabled:
        relaxed.append("recovery: what a gap hid is no longer asked for")
    elif before.recovery.history and not after.recovery.history:
        relaxed.append("recovery: orders that a gap hid wholly are no longer looked for")
    for account in sorted(before.accounts.keys() | after.accounts.keys()):
        relaxed += [f"{account}: {text}" for text in _account_relaxations(before.of(account), after.of(account))]
    return relaxed


def _account_relaxations(before: AccountRules, after: AccountRules) -> list[str]:
    kinds = (_margins, _tolerances, _comparisons, _sources)
    return [text for kind in kinds for text in kind(before, after)]


def _margins(before: AccountRules, after: AccountRules) -> Iterator[str]:
    """Yield wider margins, and decisions that need fewer people."""
    if after.settlement_window_us > before.settlement_window_us:
        yield f"settlement_window from {_time(before.settlement_window_us)} to {_time(after.settlement_window_us)}"
    if after.material_usd > before.material_usd:
        yield f"material_usd from {shown(before.material_usd)} to {shown(after.material_usd)}"
    if after.learn_fees_up_to > before.learn_fees_up_to:
        yield f"learn_fees_up_to from {shown(before.learn_fees_up_to)} to {shown(after.learn_fees_up_to)}"
    if after.fees and after.fees != before.fees:
        yield "the fee schedule"
    rarer = after.funding.every_us % before.funding.every_us == 0
    if not rarer or after.funding.within_us > before.funding.within_us:
        yield "when funding is expected"
    if after.off_exchange_settlement not in {None, before.off_exchange_settlement}:
        yield "when an off-exchange settlement is expected"
    if not set(before.business_days) <= set(after.business_days):
        yield "fewer business days, so that breaks age more slowly"
    if not set(after.holidays) <= set(before.holidays):
        yield "more holidays, so that breaks age more slowly"
    if after.trust_balance_manager and not before.trust_balance_manager:
        yield "trust_balance_manager"


def _sources(before: AccountRules, after: AccountRules) -> Iterator[str]:
    """Yield what is no longer required of independent sources."""
    required = before.require_source
    if required is None:
        return
    if after.require_source not in at_least_as_independent(required):
        yield f"require_source from {required} to {after.require_source or 'none'}"
    if after.most_source_age_us > before.most_source_age_us:
        yield f"source_age from {_time(before.most_source_age_us)} to {_time(after.most_source_age_us)}"


def _tolerances(before: AccountRules, after: AccountRules) -> Iterator[str]:
    """Yield larger tolerances: of the account, and of units with rules of their own."""
    yield from _unit_tolerances("", before, after, None)
    for unit in sorted(before.units.keys() | after.units.keys()):
        yield from _unit_tolerances(f" of {unit}", before, after, unit)


def _unit_tolerances(of: str, before: AccountRules, after: AccountRules, unit: str | None) -> Iterator[str]:
    old, new = (rules.tolerance if unit is None else rules.tolerance_of(unit) for rules in (before, after))
    for name in ("absolute", "relative", "usd"):
        earlier: Decimal = getattr(old, name)
        later: Decimal = getattr(new, name)
        if later > earlier:
            yield f"tolerance{of}, {name}, from {shown(earlier)} to {shown(later)}"
    if unit is not None:
        old_quantum, new_quantum = before.quantum_of(unit), after.quantum_of(unit)
        if new_quantum != old_quantum and (new_quantum is None or old_quantum is None or new_quantum > old_quantum):
            yield f"quantum{of} from {_step(old_quantum)} to {_step(new_quantum)}"


def _comparisons(before: AccountRules, after: AccountRules) -> Iterator[str]:
    """Yield units that are no longer compared, or only as a part of a pool."""
    for pool in after.pools:
        if pool not in before.pools:
            yield f"{' and '.join(pool)} are judged as one sum"
    for symbol, terms in sorted(before.contracts.items()):
        new_terms = after.contracts.get(symbol)
        if terms.modelled and (new_terms is None or not new_terms.modelled):
            yield f"cash of {symbol} is no longer modelled"


def _step(quantum: Decimal | None) -> str:
    return shown(quantum) if quantum else "what is seen"


def _time(us: int) -> str:
    return duration(timedelta(microseconds=us))
