"""Who a decision or a fact from outside comes from, as the database recorded it. Pure (semantics 10.1)."""

from __future__ import annotations

import msgspec


class Actor(msgspec.Struct, frozen=True):
    """The login that the database saw, whether it is one person's own, and the name that was given with it."""

    login: str
    authenticated: bool
    name: str | None = None

    @property
    def label(self) -> str:
        """Name the person: a login of their own speaks for itself, under a shared one a name is only asserted."""
        if self.authenticated:
            return self.login
        return f"{self.name or 'somebody'} (asserted, login {self.login})"
