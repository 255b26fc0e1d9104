"""Who may decide, in words for people: one sentence wherever a login that only reads is refused (operator 9.1)."""

from __future__ import annotations


def reads_only(login: str) -> str:
    """Return why a login cannot decide, and what to do."""
    return f"login {login} is no member of recon_operator; a person acts by a login of their own (operator 9.1)"
