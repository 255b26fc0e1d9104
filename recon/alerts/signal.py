"""A signal as it is stored: what the policy reads of it, and what receivers are told. Pure."""

from __future__ import annotations

import hashlib

import msgspec

from recon.alerts.policy.model import Signal


class NewSignal(msgspec.Struct, frozen=True):
    """One signal, stored once. `document` is JSON for receivers; `notice` goes out as NOTIFY, null: it does not."""

    signal: Signal
    document: bytes
    notice: str | None = None

    @property
    def id(self) -> str:
        """Return its id, the same after every rebuild."""
        return self.signal.id


def signal_id(*parts: str) -> str:
    """Return an id for what these parts name."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
