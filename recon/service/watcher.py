"""The Trio task that looks whether recon sees, and has told what it does not see (operator 7.2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final, Never

import structlog
import trio

from recon.alerts.channels import watchdogs
from recon.alerts.watch.decide import Waits
from recon.alerts.watch.store import Plan, look
from recon.config import Settings
from recon.db.transactions import Database
from recon.errors import DatabaseError
from recon.ledger.rules import Rules, parse_rules
from recon.service.backup_look import BackupLook
from recon.service.pipeline import rules_payload
from recon.status import StatusReporter

#: How often the watcher looks, in seconds.
LOOK_SECONDS: Final = 5.0
#: Longest transaction of one look, in seconds.
TRANSACTION_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


def plan_of(settings: Settings) -> Plan:
    """Return what is watched and who is told, by the settings."""
    alerts = settings.alerts
    return Plan(
        gateways=tuple(sorted(settings.gateways)),
        watchdogs=watchdogs(settings),
        waits=Waits(
            by_kind={
                "gateway.down": alerts.gateway_down,
                "gateway.stalled": alerts.gateway_stalled,
                "account.not_covered": alerts.account_not_covered,
                "account.catching_up": alerts.account_catching_up,
                "account.unresolved": alerts.account_unresolved,
                "projection.behind": alerts.projection_behind,
                "part.failing": alerts.part_failing,
                "buffer.overrun": alerts.buffer_overrun,
                "rules.waiting": alerts.rules_waiting,
                "facts.waiting": alerts.rules_waiting,
                "close.missed": alerts.close_missed,
                "backup.missed": alerts.backup_missed,
                "partitions.short": alerts.partitions_short,
            },
            settled=alerts.settled,
            repeat=alerts.repeat,
        ),
        away=alerts.service_away,
        closings=_closings(settings),
        jobs=BackupLook(settings),
    )


def _closings(settings: Settings) -> dict[str, Rules]:
    """Return the rules of the gateways that plan closings, as the settings say."""
    rules = {name: parse_rules(rules_payload(settings, name)) for name in settings.gateways}
    return {
        name: each
        for name, each in rules.items()
        if any(own.close_within_us is not None for own in (each.defaults, *each.accounts.values()))
    }


async def watch(
    database: Database,
    plan: Plan,
    *,
    now: Callable[[], datetime],
    status: StatusReporter,
    on_queued: Callable[[], None],
) -> Never:
    """Look every LOOK_SECONDS until cancelled; `on_queued` is called after a commit that stored something.

    While the database is away nothing can be told: the watchdog stays away then. Raise DatabaseError if it refuses us.
    """
    while True:
        try:
            queued = await database.run(partial(look, plan=plan, now=now()), deadline=TRANSACTION_SECONDS)
        except DatabaseError as error:
            if not error.transient:
                raise
            status.set("retrying", str(error))
            _log.warning("the watcher waits for the database", reason=str(error))
        else:
            status.set("watching")
            if queued:
                on_queued()
        await trio.sleep(LOOK_SECONDS)
