"""Traces: a part tells what it has done and how long that took, as a span. Pure.

1. A span is told once it is over, so that a look that found nothing makes none.
2. Off is the rule: a part asks `on` first, and then nothing is made for a span.
3. Attributes are names of gateways and channels, counts and log positions: never a payload, an account or an amount.
"""

from __future__ import annotations

from typing import Final, Protocol

#: The spans, by name.
APPEND: Final = "recon.append"
STEP: Final = "recon.step"
ROUTE: Final = "recon.route"
DELIVER: Final = "recon.deliver"


class Tracing(Protocol):
    """Where spans are told."""

    @property
    def on(self) -> bool:
        """True if somebody wants spans."""
        ...

    def tell(self, name: str, seconds: float, error: str = "", **attributes: str | int) -> None:
        """Tell a span that is over now and took so many seconds; `error` says why it failed."""
        ...


class _Off:
    """Nobody wants spans."""

    on: Final = False

    def tell(self, name: str, seconds: float, error: str = "", **attributes: str | int) -> None:
        """Forget it."""


OFF: Final[Tracing] = _Off()
