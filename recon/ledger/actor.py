"""The person behind a decision or an external fact, as the database recorded it. Pure (semantics 10.1)."""

from __future__ import annotations

import msgspec


class Actor(msgspec.Struct, frozen=True):
    """A login, whether the login belongs to a single person, and the name given with it."""

    login: str
    authenticated: bool
    name: str | None = None

    @property
    def label(self) -> str:
        """Return the person's name: a personal login is proof, under a shared login a name is only asserted."""
        if self.authenticated:
            return self.login
        return f"{self.name or 'somebody'} (asserted, login {self.login})"
