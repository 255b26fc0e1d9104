"""The steps of a checkup, and the words for them that several of its parts share. Pure."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

#: Seconds for a name, for TCP and TLS, and for an answer over HTTP.
STEP_SECONDS: Final = 10.0

State = Literal["ok", "failed", "hint"]
#: A step before its site is known: what was tried, what came of it, and that in words.
StepResult: TypeAlias = tuple[str, State, str]


class Step(msgspec.Struct, frozen=True):
    """One step: what was tried where, and what came of it; a `hint` is worth a look but no failure."""

    site: str
    step: str
    state: State
    detail: str


def counted(number: int, of: str) -> str:
    """Write how many there are of something."""
    return f"{number} {of}" if number == 1 else f"{number} {of}s"
