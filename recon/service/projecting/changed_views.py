"""What backfill needs of a ledger, told by its changes: most steps change few accounts. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from recon.backfill.view import AccountView, BackfillView


class ViewChanges:
    """Leaves out of each view what the last one said already."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._told: dict[str, AccountView] = {}

    def of(self, view: BackfillView) -> BackfillView:
        """Return a view with the accounts alone that are new or not as before."""
        changed = tuple(each for each in view.accounts if self._told.get(each.account) != each)
        self._told.update((each.account, each) for each in changed)
        return replace(view, accounts=changed)


class WholeView:
    """Makes views whole again."""

    def __init__(self) -> None:
        """Begin with no account."""
        self._accounts: dict[str, AccountView] = {}

    def with_changes(self, changes: BackfillView) -> BackfillView:
        """Return the view with every account that was told of so far, by name."""
        known = len(self._accounts)
        self._accounts.update((each.account, each) for each in changes.accounts)
        if len(self._accounts) > known:
            self._accounts = dict(sorted(self._accounts.items()))
        return replace(changes, accounts=tuple(self._accounts.values()))
