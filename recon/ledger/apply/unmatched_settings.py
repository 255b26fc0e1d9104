"""Settings that match nothing: told once, a day after they came into force. Pure (semantics 10.4).

A line of the settings that names what no account has is most often a slip of the pen, and silence would hide it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from recon.display.words import counted
from recon.ems.protocol.symbols import split_account
from recon.ledger.account import Account
from recon.ledger.fees.schedule import selects
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.rules import AccountRules
from recon.times import LogTime

#: How long rules are in force before what they do not match is told, in microseconds.
PATIENCE_US: Final = 86_400_000_000
#: Assets of fee lines that a fill moves.
_OF_FILLS: Final = frozenset({"quote", "base", "received"})
#: Most settings that are named at once; the last finding counts the others.
MAX_NAMED: Final = 100


def tell_unmatched_settings(ledger: Ledger, at: LogTime) -> None:
    """Tell once which settings of the rules in force have matched nothing for a day."""
    clock = ledger.clock
    if clock.rules_checked or at.us < clock.rules_us + PATIENCE_US:
        return
    clock.rules_checked = True
    found = list(_unmatched(ledger))
    for setting, why in found[:MAX_NAMED]:
        ledger.note_finding(None, at, "setting_unmatched", setting, f"{setting} matches nothing: {why}")
    if len(found) > MAX_NAMED:
        unnamed = len(found) - MAX_NAMED
        more = f"{counted(unnamed, 'further setting')} {'matches' if unnamed == 1 else 'match'} nothing"
        ledger.note_finding(None, at, "setting_unmatched", "settings", more)


def _unmatched(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Yield the settings that match nothing, and what they lack; those of several accounts match in any of them."""
    rules = ledger.rules
    others = [account for name, account in sorted(ledger.accounts.items()) if name not in rules.accounts]
    if others:
        yield from _of(ledger, rules.defaults, others, "")
    for name, own in sorted(rules.accounts.items()):
        account = ledger.accounts.get(name)
        if account is None:
            yield f"account {name}", "the gateway told of no such account"
        else:
            yield from _of(ledger, own, [account], f" of {name}")


def _of(ledger: Ledger, rules: AccountRules, accounts: Sequence[Account], of: str) -> Iterator[tuple[str, str]]:
    rows = {code for account in accounts for code in account.snapshots.balance_rows}
    names = {account.name for account in accounts}
    units = {code for name, _, code in ledger.units if name in names}
    for asset, row in sorted(rules.assets.items()):
        if row not in rows:
            yield f"asset {asset}{of}", f"there is no balance row {row}"
    for code in sorted({code for pool in rules.pools for code in pool} - rows):
        yield f"pool member {code}{of}", "there is no such balance row"
    for code in sorted(rules.units.keys() - units):
        yield f"unit {code}{of}", "there is no such asset or contract"
    listed = _instruments(ledger, names)
    spelled = {symbol for each in listed for symbol in (each.symbol, each.symbol_coinapi)}
    for symbol in sorted(rules.contracts):
        held = any(ledger.known_contract(name, symbol) is not None for name in sorted(names))
        if symbol not in spelled and not held:
            yield f"contract {symbol}{of}", "there is no such symbol"
    settled = {terms.settlement_asset for terms in rules.contracts.values() if terms.settlement_asset is not None}
    for code in sorted(settled - rows - set(rules.assets)):
        yield f"settlement asset {code}{of}", "there is no such balance row"
    for line in rules.fees:
        if not any(selects(line, each.symbol, each.type) for each in listed):
            yield f"fee line {line.instrument or 'any'} {line.symbol or 'any'}{of}", "no symbol is selected by it"
    for code in sorted({line.asset for line in rules.fees} - _OF_FILLS - rows - set(rules.assets)):
        yield f"fee asset {code}{of}", "there is no such balance row"


def _instruments(ledger: Ledger, names: set[str]) -> list[Instrument]:
    """Return the instruments of accounts, and those of their exchanges."""
    places = names | {split_account(name) or name for name in names}
    return [instrument for (name, _), instrument in sorted(ledger.instruments.items()) if name in places]
