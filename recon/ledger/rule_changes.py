"""What new rules let pass that the old ones did not: loosening is four-eyes (semantics 10.2). Pure.

1. Looser is what lets more drift agree, more of it explain itself, or fewer people decide; also what judges less.
2. What cannot be told to be as strict counts as looser.
3. Stating facts is not loosening: an alias, a hedge mode or a new contract's terms move drift, they do not hide it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from recon.ledger.rules import AccountRules, Rules, parse_rules


class ProposedRules(msgspec.Struct, frozen=True):
    """Rules that loosen something and wait for a second person, by their position in the log and their digest."""

    seq: int
    digest: str
    rules: Rules


def parse_proposed(payload: bytes, seq: int) -> ProposedRules:
    """Read proposed rules. Raises msgspec.ValidationError where the document is not of the known shape."""
    return ProposedRules(seq, rules_digest(payload), parse_rules(payload))


def rules_digest(payload: bytes) -> str:
    """Return the digest by which people approve a rules document: of its bytes, as logged."""
    return hashlib.sha256(payload).hexdigest()


def relaxes(before: bytes, after: bytes) -> bool:
    """Tell whether a rules document loosens another one; where either cannot be read, nothing can be told of it."""
    try:
        return bool(relaxations(parse_rules(before), parse_rules(after)))
    except (msgspec.DecodeError, msgspec.ValidationError):
        return True


def relaxations(before: Rules, after: Rules) -> list[str]:
    """Return what is looser under new rules, in words, in a fixed order; empty where nothing is."""
    found = [f"accounts in general: {what}" for what in _account_relaxations(before.defaults, after.defaults)]
    if before.recovery.enabled and not after.recovery.enabled:
        found.append("recovery: what a gap hid is no longer asked for")
    elif before.recovery.history and not after.recovery.history:
        found.append("recovery: orders that a gap hid wholly are no longer looked for")
    for account in sorted(before.accounts.keys() | after.accounts.keys()):
        found += [f"{account}: {what}" for what in _account_relaxations(before.of(account), after.of(account))]
    return found


def _account_relaxations(before: AccountRules, after: AccountRules) -> list[str]:
    return [*_margins(before, after), *_tolerances(before, after), *_judged(before, after)]


def _margins(before: AccountRules, after: AccountRules) -> Iterator[str]:
    """Yield what more is let pass, or needs fewer people."""
    if after.settlement_window_us > before.settlement_window_us:
        yield f"settlement_window from {before.settlement_window_us} to {after.settlement_window_us} us"
    if after.material_usd > before.material_usd:
        yield f"material_usd from {before.material_usd} to {after.material_usd}"
    if after.learn_fees_up_to > before.learn_fees_up_to:
        yield f"learn_fees_up_to from {before.learn_fees_up_to} to {after.learn_fees_up_to}"
    if after.fees and after.fees != before.fees:
        yield "the fee schedule"
    rarer = after.funding.every_us % before.funding.every_us == 0
    if not rarer or after.funding.within_us > before.funding.within_us:
        yield "when funding is expected"
    if not set(before.business_days) <= set(after.business_days):
        yield "fewer business days, so that breaks age more slowly"
    if after.trust_balance_manager and not before.trust_balance_manager:
        yield "trust_balance_manager"


def _tolerances(before: AccountRules, after: AccountRules) -> Iterator[str]:
    """Yield by how much more a report may be off: in general, and for units with rules of their own."""
    yield from _compared("", before, after, None)
    for unit in sorted(before.units.keys() | after.units.keys()):
        yield from _compared(f" of {unit}", before, after, unit)


def _compared(of: str, before: AccountRules, after: AccountRules, unit: str | None) -> Iterator[str]:
    old, new = (each.tolerance if unit is None else each.tolerance_of(unit) for each in (before, after))
    for name in ("absolute", "relative", "usd"):
        was: Decimal = getattr(old, name)
        now: Decimal = getattr(new, name)
        if now > was:
            yield f"tolerance{of}, {name}, from {was} to {now}"
    if unit is not None:
        quantum, fresh = before.quantum_of(unit), after.quantum_of(unit)
        if fresh != quantum and (fresh is None or quantum is None or fresh > quantum):
            yield f"quantum{of} from {quantum or 'what is seen'} to {fresh or 'what is seen'}"


def _judged(before: AccountRules, after: AccountRules) -> Iterator[str]:
    """Yield what is no longer judged, or only together with something else."""
    for pool in after.pools:
        if pool not in before.pools:
            yield f"{' and '.join(pool)} are judged as one sum"
    for symbol, terms in sorted(before.contracts.items()):
        now = after.contracts.get(symbol)
        if terms.modelled and (now is None or not now.modelled):
            yield f"cash of {symbol} is no longer modelled"
