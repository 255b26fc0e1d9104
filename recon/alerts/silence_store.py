"""Silences as the policy reads them: each holds from the first routing that knew of it (operator 7).

A person writes one by `recon_store.silence`, with their own login; the router alone says when it came into force, and
when its early end did. So what a routing knew can be told later, whatever the clocks of both showed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recon.alerts.policy.model import Silence
from recon.db.raw import cursor_of

#: Silences that ended longer ago are not given to the policy: what they held was told long before.
KNOWN_FOR: Final = timedelta(days=32)

_COME: Final = "UPDATE recon_store.silences SET in_force_at = %s WHERE in_force_at IS NULL"
_LIFT: Final = "UPDATE recon_store.silences SET lifted_at = %s WHERE ended_at IS NOT NULL AND lifted_at IS NULL"
_SELECT: Final = """
    SELECT s.id, s.in_force_at, s.until, s.lifted_at, s.login, s.reason, s.gateway, s.account, s.unit, s.case_id,
        s.cause
    FROM recon_store.silences AS s WHERE s.in_force_at <= %s AND least(s.until, s.lifted_at) > %s
    ORDER BY s.in_force_at, s.id
"""


def take_silences(connection: Connection, now: datetime) -> tuple[list[Silence], bool]:
    """Return the silences that hold or held lately, and whether the policy has not heard of one, or of its end."""
    with cursor_of(connection) as cursor:
        cursor.execute(_COME, (now,))
        heard = cursor.rowcount > 0
        cursor.execute(_LIFT, (now,))
        heard = heard or cursor.rowcount > 0
    return silences_at(connection, now), heard


def silences_at(connection: Connection, at: datetime) -> list[Silence]:
    """Return the silences as a routing at this moment knew them."""
    with cursor_of(connection) as cursor:
        cursor.execute(_SELECT, (at, at - KNOWN_FOR))
        rows = cursor.fetchall()
    return [
        Silence(id_, since, until if lifted_at is None or lifted_at > at else min(until, lifted_at), *rest)
        for id_, since, until, lifted_at, *rest in rows
    ]
