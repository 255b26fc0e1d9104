"""Whether a receiver of what is open hears of something: by the routes and maintenance windows of the policy. Pure.

1. A route that names channels is for those alone. One that sends to the digest, or nothing, is for no such receiver.
2. What the gate lets pass is the receiver's own to say: its table has a severity, and PagerDuty's says of candidates.
3. In a maintenance window it hears nothing of what the window is about; afterwards it hears of what is still open.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from recon.alerts.policy.model import Signal
from recon.alerts.policy.routing import is_maintained, takes
from recon.alerts.policy.rules import Policy, Route

#: How a route sends what a receiver of what is open is told of.
_AT_ONCE = frozenset({"gate", "page"})


class Hearing(msgspec.Struct, frozen=True):
    """What one receiver hears under a policy; `channel` is its name, such as `alertmanager:ops`."""

    channel: str
    policy: Policy

    def hears(self, signal: Signal, now: datetime) -> bool:
        """True if the receiver is told of this signal now."""
        windows = (each for each in self.policy.maintenance if each.since <= now < each.until)
        if any(is_maintained(window, signal.gateway, signal.account) for window in windows):
            return False
        for route in self.policy.routes:
            if not takes(route, signal):
                continue
            if self._is_sent(route):
                return True
            if not route.goes_on:
                return False
        return False

    def _is_sent(self, route: Route) -> bool:
        return route.send in _AT_ONCE and (not route.channels or self.channel in route.channels)
