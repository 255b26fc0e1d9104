"""Hints to look: who appended to a gateway's log says so after the commit, in a statement of its own.

1. The append itself notifies nobody. Commits that notify wait for each other, also those of other gateways
   (benchmarks 3.2). The recorder wakes the projector of its own process; only other writers send a hint.
2. Any login can send one, and any may be lost. It is no data: whoever hears it looks into the log, where it looks by a
   timer anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import psycopg
from psycopg.rows import TupleRow

#: The channel of the hints; the text is the gateway's name.
LOG_CHANNEL: Final = "recon_log"

# Any login can fill the server's queue, and a commit that notifies into a full one fails.
_HINT: Final = """
    SELECT pg_notify(%s, u.gateway) FROM unnest(%s::text[]) AS u(gateway) WHERE pg_notification_queue_usage() < 0.5
"""


def hint(connection: psycopg.Connection[TupleRow], gateways: Iterable[str]) -> None:
    """Wake the projectors of gateways. Call it after the commit, outside of any transaction.

    A hint that fails is forgotten: what was appended is in the log, and the timer finds it.
    """
    try:
        connection.execute(_HINT, (LOG_CHANNEL, sorted(set(gateways))))
        connection.commit()
    except psycopg.Error:
        with suppress(psycopg.Error):
            connection.rollback()
