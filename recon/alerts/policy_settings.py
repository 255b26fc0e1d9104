"""The policy that the settings ask for (operator 7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

from recon.alerts.policy import rules
from recon.alerts.policy.hours import is_never_loud
from recon.alerts.policy.rules import Policy
from recon.alerts.published import DOCUMENTS
from recon.config import Alerts, alert_policy
from recon.config.accounts import Weekday
from recon.config.rules import WEEKDAYS
from recon.errors import ConfigError
from recon.exact import plain
from recon.nearest import did_you_mean
from recon.reconciliation.causes.registry import CAUSES

#: What is told where the settings have no route: all channels, by the gate.
DEFAULT_ROUTE: Final = rules.Route("default", ())
#: The types of event that a route may name.
EVENTS: Final = tuple(dict.fromkeys(event for published in DOCUMENTS for event in published.types))
#: Moments with the clocks of winter and of summer, on either half of the Earth.
_SEASONS: Final = (datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 7, 6, tzinfo=UTC))


def policy_of(alerts: Alerts, channels: Sequence[str], level: Sequence[str] = ()) -> Policy:
    """Return the policy of the settings; `channels` are those that there are. Equal settings give an equal policy.

    `level` are the receivers of what is open: routes may name them, all else may not.
    Raise ConfigError with a line for each mistake: a channel, a cause or an event that there is not.
    """
    known = tuple(sorted(set(channels)))
    problems = [*_unknown_channels(alerts, known, tuple(level)), *_unknown_names(alerts)]
    if problems:
        raise ConfigError("\n".join(problems))
    policy = _policy(alerts, known)
    for channel in _never_loud(policy):
        raise ConfigError(f"alerts.quiet_hours: {channel} is quiet all week; what is held there would never be told")
    return policy


def _policy(alerts: Alerts, known: tuple[str, ...]) -> Policy:
    return Policy(
        channels=known,
        routes=(*(_route(route) for route in alerts.routes), DEFAULT_ROUTE),
        gate=rules.Gate(tuple(sorted(set(alerts.gate.certainty))), alerts.gate.severity),
        move=_move(alerts.again),
        reminders=rules.Reminders(tuple(sorted(set(alerts.remind.after))), alerts.remind.every),
        escalations=tuple(
            rules.Escalation(each.after, each.to, each.severity or "")
            for each in sorted(alerts.escalate, key=lambda each: each.after)
        ),
        quiet=tuple(_quiet(each, known) for each in alerts.quiet_hours),
        maintenance=tuple(
            rules.Maintenance(
                each.name, each.since.astimezone(UTC), each.until.astimezone(UTC), each.gateway, each.account
            )
            for each in alerts.maintenance
        ),
        limits=tuple(rules.Limit(_named(each.channels, known), each.messages, each.every) for each in alerts.limits),
        budgets=tuple(rules.Budget(_named(each.channels, known), each.pages) for each in alerts.budgets),
        digest=rules.Digest(_minutes(alerts.digest.at), alerts.digest.zone, _days(alerts.digest.days)),
        group_wait=alerts.gather,
        burst=alerts.burst,
    )


def _route(route: alert_policy.Route) -> rules.Route:
    return rules.Route(
        name=route.name,
        channels=route.channels or (),
        send=route.send,
        goes_on=route.goes_on,
        severity=route.severity or "",
        causes=route.cause,
        certainties=route.certainty,
        gateways=route.gateway,
        accounts=route.account,
        units=route.unit,
        events=route.event,
    )


def _move(again: alert_policy.Again) -> rules.Move:
    units = tuple((glob, _shortest(amount)) for glob, amount in again.units.items())
    share = None if again.share is None else _shortest(again.share)
    return rules.Move(units, share, None if again.usd is None else _shortest(again.usd))


def _quiet(hours: alert_policy.QuietHours, known: tuple[str, ...]) -> rules.QuietHours:
    return rules.QuietHours(
        channels=_named(hours.channels, known),
        start=_minutes([hours.start])[0],
        end=_minutes([hours.end])[0],
        zone=hours.zone,
        days=_days(hours.days),
        passes=hours.passes or "",
    )


def _named(names: Sequence[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    return known if names is None else tuple(sorted(set(names)))


def _minutes(times: Iterable[str]) -> tuple[int, ...]:
    return tuple(sorted({60 * int(time[:2]) + int(time[3:]) for time in times}))


def _days(days: Iterable[Weekday]) -> tuple[int, ...]:
    return tuple(sorted({WEEKDAYS.index(day) for day in days}))


def _shortest(amount: Decimal) -> Decimal:
    """Return an amount without zeros at its end, so that 0.50 and 0.5 make one policy."""
    text = plain(amount)
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def _never_loud(policy: Policy) -> Iterator[str]:
    """Yield the channels whose quiet hours never end, in winter or in summer."""
    for channel in policy.channels:
        hours = [each for each in policy.quiet if channel in each.channels]
        if any(is_never_loud(hours, moment) for moment in _SEASONS):
            yield channel


def _unknown_channels(alerts: Alerts, known: tuple[str, ...], level: tuple[str, ...]) -> Iterator[str]:
    for where, names in _channels_named(alerts):
        may_be = (*known, *level) if where.startswith("routes.") else known
        for name in names:
            if name in may_be:
                continue
            if name in level:
                yield f"alerts.{where}: {name} is told what is open, and gets no messages; only a route may name it"
                continue
            there = f"there are {', '.join(may_be)}" if may_be else "there is none"
            yield f"alerts.{where}: there is no channel {name}; {there}{did_you_mean(name, may_be)}"


def _channels_named(alerts: Alerts) -> Iterator[tuple[str, Sequence[str]]]:
    for route in alerts.routes:
        yield f"routes.{route.name}.channels", route.channels or ()
    for escalation in alerts.escalate:
        yield "escalate.to", escalation.to
    for key in ("quiet_hours", "limits", "budgets"):
        for table in getattr(alerts, key):
            yield f"{key}.channels", table.channels or ()


def _unknown_names(alerts: Alerts) -> Iterator[str]:
    """Yield the causes and events of routes that no signal ever has."""
    for route in alerts.routes:
        for key, globs, known in (("cause", route.cause, tuple(CAUSES)), ("event", route.event, EVENTS)):
            for glob in globs:
                if not any(fnmatchcase(name, glob) for name in known):
                    yield f"alerts.routes.{route.name}.{key}: there is no {key} {glob}{did_you_mean(glob, known)}"
