"""A step of a gateway check with its result. Pure."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

#: Seconds for a name, for TCP and TLS, and for a response over HTTP.
STEP_SECONDS: Final = 10.0

State = Literal["ok", "failed", "hint"]
#: A step before its site is added: its name, its result, and the result in words.
StepResult: TypeAlias = tuple[str, State, str]


class Step(msgspec.Struct, frozen=True):
    """One step at one site and its result; a `hint` deserves attention but is no failure."""

    site: str
    step: str
    state: State
    detail: str
