"""The policy that the settings ask for (operator 7)."""

from __future__ import annotations

from collections.abc import Sequence

from recon.alerts.policy.rules import Policy
from recon.config import Alerts


def policy_of(alerts: Alerts, channels: Sequence[str]) -> Policy:
    """Return the policy of the settings; `channels` are those that there are. Equal settings give an equal policy.

    Raise ConfigError with a line for each mistake: a channel, cause or severity that there is not.
    """
    return Policy(channels=tuple(sorted(set(channels))), group_wait=alerts.gather)
