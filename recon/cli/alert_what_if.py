"""`recon alerts what-if`: the messages of another policy, compared with those of the policies that were in force."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from pathlib import Path

from pydantic import ValidationError

from recon.alerts.channels import configured_channels, level_names
from recon.alerts.policy.history import History, Sent, replay, what_if
from recon.alerts.policy.rules import Policy
from recon.alerts.policy_settings import policy_of
from recon.cli.output import Row
from recon.config import Alerts, Settings
from recon.config.load import read_file
from recon.config.problems import problems_of
from recon.db.source import Source
from recon.errors import ConfigError
from recon.nearest import did_you_mean
from recon.reads.alert_history import Given, given_since


def other_policy(path: Path, settings: Settings) -> Policy:
    """Return the policy of a file, for the channels of the settings.

    Errors: ConfigError with a line for each problem, without any value.
    """
    document = read_file(path)
    unknown = [key for key in document if key not in Settings.model_fields]
    if unknown:
        known = Settings.model_fields
        raise ConfigError("\n".join(f"{path}: {key}: unknown key{did_you_mean(key, known)}" for key in unknown))
    try:
        alerts = Alerts.model_validate(document.get("alerts", {}))
    except ValidationError as error:
        raise ConfigError("\n".join(problems_of(error, Alerts, path))) from None
    return policy_of(alerts, configured_channels(settings), level_names(settings))


def compared(connection: Source, policy: Policy, since: datetime, now: datetime) -> list[Row]:
    """Return how many messages of a kind each channel got on a day, and would have got under another policy."""
    given = given_since(connection, since)
    history = _from(given, since)
    if not history.looks:
        return []
    sent = Counter({_key(each): each.messages for each in _in_force(given, since, now)})
    would = Counter({_key(each): each.messages for each in what_if(history, policy, now)})
    return [
        {"day": key[0], "channel": key[1], "kind": key[2], "sent": sent[key], "would_be": would[key]}
        for key in sorted(sent.keys() | would.keys())
    ]


def _from(given: Given, since: datetime) -> History:
    history = given.history
    return History([look for look in history.looks if look[0] >= since], history.policies, history.silences)


def _in_force(given: Given, since: datetime, now: datetime) -> list[Sent]:
    messages = [message for decision in replay(given.history, now, given.state) for message in decision.messages]
    counted = Counter((m.at.date(), m.channel, str(m.kind)) for m in messages if m.at >= since)
    return [Sent(*key, count) for key, count in counted.items()]


def _key(sent: Sent) -> tuple[date, str, str]:
    return sent.day, sent.channel, sent.kind
