"""The parts of the service that tell receivers of the level kind what is open."""

from __future__ import annotations

import random  # noqa: TID251  # backoff jitter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from recon.alerts.channels import LevelSender
from recon.alerts.channels.asserting import Assertion
from recon.alerts.channels.hearing import Hearing
from recon.alerts.policy.rules import Policy
from recon.db.transactions import Database
from recon.service.status import SERVICE, StatusBoard


def assertions(
    senders: Mapping[str, LevelSender],
    database: Database,
    gateways: Sequence[str],
    now: Callable[[], datetime],
    board: StatusBoard,
    policy: Policy,
) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return a part for each receiver, by the name of its channel."""
    return {
        channel: Assertion(
            database,
            sender,
            gateways=gateways,
            hearing=Hearing(channel, policy),
            now=now,
            draw=random.random,
            status=board.reporter(SERVICE, channel),
        ).run
        for channel, sender in senders.items()
    }
