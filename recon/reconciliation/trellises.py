"""The trellis of each account of a gateway, and their stored form. Pure (semantics 5)."""

from __future__ import annotations

import msgspec

from recon.ledger.gaps import BACKFILL_TIMEOUT_US
from recon.ledger.ledger import Ledger
from recon.ledger.legs import FillPart
from recon.ledger.rules import CHAIN_WINDOWS
from recon.ledger.units import UnitKey, UnitState
from recon.reconciliation.trellis.account_trellis import AccountTrellis


class StoredTrellises(msgspec.Struct):
    """Stored forms of the comparison: by account what its units share, by unit, and the calls since, numbered."""

    shared: dict[str, bytes] = {}
    units: dict[UnitKey, bytes] = {}
    calls: dict[tuple[str, int], bytes] = {}

    def update(self, later: StoredTrellises) -> None:
        """Take what was stored later."""
        self.shared |= later.shared
        self.units |= later.units
        self.calls |= later.calls


class Trellises(dict[str, AccountTrellis]):
    """The trellis of each account, by the account's name."""

    def __init__(self, ledger: Ledger) -> None:
        """Begin without any."""
        super().__init__()
        self._ledger = ledger
        #: The revision of each account's rates that is stored.
        self._revisions: dict[str, int] = {}
        self._touched: dict[str, AccountTrellis] = {}

    def of(self, account: str) -> AccountTrellis:
        """Return the trellis of an account; a new one the first time."""
        found = self.get(account)
        if found is None:
            rules, rates = self._ledger.rules_of(account), self._ledger.accounts[account].rates
            found = self[account] = AccountTrellis(account, rates, rules.settlement_window_us)
            self._revisions[account] = rates.revision
        self._touched[account] = found
        paused = self._is_paused(account, found)
        if paused is not found.paused:
            found.pause(on=paused)
        return found

    def _is_paused(self, account: str, trellis: AccountTrellis) -> bool:
        """True while the books may lack what a gap or a hole of log time hid: nothing is decided then.

        The event that ends it is part of the pause: what it posts comes before the steps that waited.
        """
        ledger = self._ledger
        coverage, now_us = ledger.accounts[account].coverage, ledger.clock.last_us
        if now_us < ledger.clock.hole_end_us + CHAIN_WINDOWS * trellis.window_of():
            return True
        if coverage.state == "gap" or coverage.backfilling:
            return True
        if coverage.gap_seq is None:
            return False
        at = ledger.event.at
        awaited = coverage.state == "catching_up" and now_us < coverage.since_us + BACKFILL_TIMEOUT_US
        return awaited or (at is not None and coverage.since_seq == at.seq)

    def take_touched(self) -> list[AccountTrellis]:
        """Return the trellises that were used since the last call, in the order of their accounts' names."""
        touched = self._touched
        if not touched:
            return []
        self._touched = {}
        return [touched[name] for name in sorted(touched)] if len(touched) > 1 else list(touched.values())

    def mark_changed_rates(self, trellis: AccountTrellis) -> None:
        """Have the rates of an account stored and shown if they changed since the last call, by whatever was learnt."""
        name, revision = trellis.account, trellis.rates.revision
        if self._revisions[name] != revision:
            self._revisions[name] = revision
            self._ledger.mark_rates_changed(self._ledger.accounts[name])

    def begun(self, state: UnitState) -> AccountTrellis:
        """Return the trellis of a unit's account; a unit that opened at zero begins there."""
        return self.begin(self.of(state.unit.account), state)

    def begin(self, trellis: AccountTrellis, state: UnitState) -> AccountTrellis:
        """Return the trellis, in which a unit that opened at zero begins there."""
        balance = state.unit.balance
        if balance.opening is not None and not trellis.knows(state.key):
            trellis.open_at(state.key, 0, balance.opening_us, balance.opening)
        return trellis

    def await_cash(self, state: UnitState, order: str) -> None:
        """Say that the cash of an order's fills is to come in a unit."""
        self.begun(state).await_cash(state.key, order)

    def split_fill(self, part: FillPart, now_us: int) -> None:
        """Take a part of a fill that was told in one, at a log time in microseconds."""
        self.of(part.account).split_fill(part, now_us)

    def decide_by(self, us: int) -> bool:
        """True if time alone may decide something by a log time, in an account that is judged."""
        accounts = self._ledger.accounts
        return any(each.decides_by(us) and not accounts[name].coverage.backfilling for name, each in self.items())

    def restore(self, stored: StoredTrellises) -> None:
        """Go on from the stored forms of all accounts and units."""
        units: dict[str, dict[UnitKey, bytes]] = {}
        for key, data in stored.units.items():
            if data:
                units.setdefault(key[0], {})[key] = data
        calls: dict[str, list[bytes]] = {}
        for (account, _), data in sorted(stored.calls.items()):
            calls.setdefault(account, []).append(data)
        for account, shared in stored.shared.items():
            rules, rates = self._ledger.rules_of(account), self._ledger.accounts[account].rates
            self[account] = AccountTrellis.restore(
                account, rates, rules.settlement_window_us, shared, units.get(account, {}), calls.get(account, ())
            )
            self._revisions[account] = rates.revision

    def store(self) -> tuple[StoredTrellises, list[UnitKey]]:
        """Return what there is to store since the last call, and the units that changed since then."""
        found, changed = StoredTrellises(), list[UnitKey]()
        for account, trellis in self.items():
            if trellis.has_changed:
                stored = trellis.store()
                changed += stored.changed
                if stored.shared is not None:
                    found.shared[account] = stored.shared
                    found.units |= stored.units
                if stored.calls is not None:
                    found.calls[account, stored.calls.number] = stored.calls.data
        return found, changed
