"""In what ways recon does not see at one moment, from the facts alone. Pure.

1. A condition belongs to a kind and a subject: a gateway, one of its accounts, or a part of the service.
2. What follows from a larger condition is `covered`: of accounts behind a gateway that is down nothing new is known, so
   they are told neither as blind nor as well again. So one gateway down is one message, however many accounts it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from recon.alerts.watch.facts import SERVICE, AccountFact, Facts, GatewayFact, PartFact
from recon.display.words import counted
from recon.reconciliation.model.severity import Severity

GATEWAY_DOWN: Final = "gateway.down"
GATEWAY_STALLED: Final = "gateway.stalled"
NOT_COVERED: Final = "account.not_covered"
CATCHING_UP: Final = "account.catching_up"
UNRESOLVED: Final = "account.unresolved"
BEHIND: Final = "projection.behind"
PART_FAILING: Final = "part.failing"
OVERRUN: Final = "buffer.overrun"
RULES_WAITING: Final = "rules.waiting"
FACTS_WAITING: Final = "facts.waiting"
#: A job did not run: nobody signed an account's business day, no backup was made, or no partition of the log.
CLOSE_MISSED: Final = "close.missed"
BACKUP_MISSED: Final = "backup.missed"
PARTITIONS_SHORT: Final = "partitions.short"
#: It has no end: whoever looks runs again.
AWAY: Final = "service.away"
KINDS: Final = (
    GATEWAY_DOWN, GATEWAY_STALLED, NOT_COVERED, CATCHING_UP, UNRESOLVED, BEHIND, PART_FAILING, OVERRUN, RULES_WAITING,
    FACTS_WAITING, CLOSE_MISSED, BACKUP_MISSED, PARTITIONS_SHORT,
)  # fmt: skip

#: How much each matters to routes, quiet hours and escalations: whoever sees nothing at all is woken.
SEVERITY: Final[dict[str, Severity]] = {
    GATEWAY_DOWN: "critical",
    GATEWAY_STALLED: "critical",
    BEHIND: "critical",
    AWAY: "critical",
    NOT_COVERED: "high",
    UNRESOLVED: "high",
    PART_FAILING: "high",
    BACKUP_MISSED: "high",
    CATCHING_UP: "medium",
    CLOSE_MISSED: "medium",
    OVERRUN: "medium",
    RULES_WAITING: "low",
    FACTS_WAITING: "low",
    PARTITIONS_SHORT: "low",
}

#: A session may be this young without any account being observed.
YOUNG_SESSION: Final = timedelta(seconds=10)
#: An event may wait for this long to be folded.
FOLDED_WITHIN: Final = timedelta(seconds=5)
#: How long an overrun, or a failure of a part that runs again, counts as present.
RECENT: Final = timedelta(seconds=60)

_OF_ACCOUNTS: Final = {"gap": NOT_COVERED, "catching_up": CATCHING_UP, "unresolved": UNRESOLVED}
_FAILING: Final = frozenset({"restarting", "retrying", "refusing", "slow"})
#: A consumer's failures are the gateway's: it is down.
_CONSUMER: Final = "consumer"


class Condition(msgspec.Struct, frozen=True):
    """One way in which recon does not see; `since` is what is stored about its beginning.

    `covered`: a larger condition hides whether this one lasts.
    """

    gateway: str
    kind: str
    about: str
    detail: str = ""
    since: datetime | None = None
    covered: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what is told of once, while it lasts."""
        return self.gateway, self.kind, self.about


def conditions(facts: Facts) -> list[Condition]:
    """Return the conditions that hold, the larger ones first; each subject has one of a kind."""
    found: dict[tuple[str, str, str], Condition] = {}
    for gateway in facts.gateways:
        accounts = [account for account in facts.accounts if account.gateway == gateway.name]
        for condition in _of_gateway(gateway, accounts, facts.now):
            found.setdefault(condition.key, condition)
    for part in facts.parts:
        if _is_failing(part, facts.now):
            condition = Condition(part.gateway, PART_FAILING, part.part, f"{part.state}: {part.detail}", part.since)
            found.setdefault(condition.key, condition)
    for job in facts.missed:
        condition = Condition(job.gateway, job.kind, job.about, job.detail, job.since)
        found.setdefault(condition.key, condition)
    return list(found.values())


def _of_gateway(gateway: GatewayFact, accounts: list[AccountFact], now: datetime) -> Iterator[Condition]:
    down = _down(gateway)
    behind = _behind(gateway, now)
    stalled = None if down or behind else _stalled(gateway, accounts, now)
    yield from (condition for condition in (down, behind, stalled) if condition is not None)
    if down or behind:
        yield Condition(gateway.name, GATEWAY_STALLED, "", covered=True)
    if gateway.overrun_at is not None and now - gateway.overrun_at < RECENT:
        detail = "the buffer between socket and log was full; the session was closed, and the gap is in the log"
        yield Condition(gateway.name, OVERRUN, "", detail, gateway.overrun_at)
    if gateway.rules_wait_since is not None:
        detail = "the rules of the settings are more permissive; a second person puts them in force"
        yield Condition(gateway.name, RULES_WAITING, "", detail, gateway.rules_wait_since)
    if gateway.facts_wait_since is not None:
        detail = "material facts that one person told wait for a second person"
        yield Condition(gateway.name, FACTS_WAITING, "", detail, gateway.facts_wait_since)
    hidden = down is not None or behind is not None or stalled is not None
    for account in accounts:
        yield from _of_account(account, hidden=hidden)


def _down(gateway: GatewayFact) -> Condition | None:
    if gateway.state == "connected" and gateway.recorder is not None:
        return None
    said = [gateway.state, gateway.reason, gateway.detail]
    if gateway.recorder is None:
        said = ["unrecorded", "no instance holds the lease"]
    # The reason may repeat the state.
    detail = ": ".join(dict.fromkeys(text for text in said if text))
    return Condition(gateway.name, GATEWAY_DOWN, "", detail, gateway.changed_at)


def _behind(gateway: GatewayFact, now: datetime) -> Condition | None:
    if gateway.unfolded_at is None or now - gateway.unfolded_at < FOLDED_WITHIN:
        return None
    detail = f"{counted(gateway.lag_events, 'event')} after log position {gateway.projected_seq} not folded"
    return Condition(gateway.name, BEHIND, "", detail, gateway.unfolded_at)


def _stalled(gateway: GatewayFact, accounts: list[AccountFact], now: datetime) -> Condition | None:
    young = gateway.connected_at is not None and now - gateway.connected_at < YOUNG_SESSION
    if young or any(account.state != "gap" for account in accounts):
        return None
    heard = max((each.last_alive_at for each in accounts if each.last_alive_at is not None), default=None)
    none = f"none of its {counted(len(accounts), 'account')} shows a sign of life"
    what = none if accounts else "no account was named"
    return Condition(gateway.name, GATEWAY_STALLED, "", f"the session is open, but {what}", heard)


def _of_account(account: AccountFact, *, hidden: bool) -> Iterator[Condition]:
    if hidden:
        yield from (Condition(account.gateway, kind, account.account, covered=True) for kind in _OF_ACCOUNTS.values())
    elif account.state in _OF_ACCOUNTS:
        kind = _OF_ACCOUNTS[account.state]
        yield Condition(account.gateway, kind, account.account, account.reason or "", account.last_alive_at)


def _is_failing(part: PartFact, now: datetime) -> bool:
    if part.part == _CONSUMER:
        return False
    return part.state in _FAILING or (part.failures > 0 and now - part.since < RECENT)


def away(looked_at: datetime | None, now: datetime, wait: timedelta) -> Condition | None:
    """Return that nobody looked for longer than the wait; None before the first look, or if somebody did."""
    if looked_at is None or now - looked_at < wait:
        return None
    return Condition(SERVICE, AWAY, "", "the service did not run, or could not use its database", looked_at)
