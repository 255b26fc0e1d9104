"""Facts that wait for a second person, and the digest that an approval binds to. Pure (semantics 10.7)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal

import msgspec

from recon.ledger.facts.external_fact import ExternalFact, digest_of, movements_of

State = Literal["waiting", "approved", "rejected"]
WAITING: Final = "waiting"
APPROVED: Final = "approved"
REJECTED: Final = "rejected"


class WaitingFact(msgspec.Struct, frozen=True):
    """A material fact at its log position: it changes nothing until a second person approves it."""

    seq: int
    fact: ExternalFact
    digest: str
    #: What it would change, in USD; None: no value is known.
    usd: Decimal | None
    reason: str
    state: State = WAITING
    #: The first person who approved a fact that a shared login told.
    vouched_by: str | None = None
    decided_seq: int | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        """Return account, external id and digest: the same fact told again has the same."""
        return self.fact.account, self.fact.external_id, self.digest

    @property
    def first_login(self) -> str | None:
        """Return the login of the first of two people; None if only a shared login told it."""
        if self.vouched_by is not None:
            return self.vouched_by
        return self.fact.by.login if self.fact.by.authenticated else None


def content_digest(fact: ExternalFact) -> str:
    """Return the digest of a fact's content, as `recon.facts` shows it for the account that the fact names."""
    movements = movements_of(fact)
    return digest_of(fact, movements[0] if movements else None)


def facts_digest(facts: Iterable[tuple[int, str]]) -> str:
    """Return the digest that binds a decision to facts, each given by its log position and content digest."""
    parts = (f"{seq}\x1e{digest}" for seq, digest in sorted(facts))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
