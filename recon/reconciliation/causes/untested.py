"""Causes that no test names: they follow from the state of the comparison. Pure."""

from __future__ import annotations

from typing import Final

from recon.reconciliation.causes.cause import Cause

#: The cause of a break that is still pending.
IN_FLIGHT: Final = Cause("in_flight", meaning="messages that cross each other; clears by itself")
#: Coverage reports this state; a break never has this cause.
STALE_SOURCE: Final = Cause("stale_source", meaning="the account has no authoritative reports")
#: The cause of a break that no test matches.
UNEXPLAINED: Final = Cause("unexplained", meaning="no test matches", floor="medium")
