"""Where alerts go: one file a channel, registered by the type of its settings.

To add a channel, edit three files:

1. `recon/config/channels.py`: the table of one receiver, and in `tables.py` its section of `Settings` (a dict by name).
   Its key `watchdog` says how often the receiver is told that recon runs.
2. `recon/alerts/channels/KIND.py`: a function with `@channel("KIND", Table)` that opens the senders of the receivers,
   or with `@level_channel` for receivers that are told again and again what is open.
3. This file: import the new module, so that it registers itself.

The outbox, the retries and the status board need no change: they know a receiver as `KIND:NAME`.
"""

from recon.alerts.channels import alert_log, alertmanager, apprise, command, pagerduty, webhook
from recon.alerts.channels.command import programs_missing
from recon.alerts.channels.registry import (
    TEST,
    LevelSender,
    Sender,
    configured_channels,
    level_names,
    open_level_senders,
    open_senders,
    try_level,
    watchdogs,
)

__all__ = [
    "TEST",
    "LevelSender",
    "Sender",
    "alert_log",
    "alertmanager",
    "apprise",
    "command",
    "configured_channels",
    "level_names",
    "open_level_senders",
    "open_senders",
    "pagerduty",
    "programs_missing",
    "try_level",
    "watchdogs",
    "webhook",
]
