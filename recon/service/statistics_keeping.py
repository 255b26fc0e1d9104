"""The part that keeps Postgres' statistics near what the tables hold (operator 12.7).

After a flood of breaks the planner takes tables for empty until autovacuum looks, a minute later. Queries of those who
want to know what happened then ran for minutes.
"""

from __future__ import annotations

from typing import Final, Never

import structlog
import trio

from recon.db.statistics import refresh_statistics
from recon.db.transactions import Database
from recon.errors import DatabaseError
from recon.status import StatusReporter

#: The name of the part.
STATISTICS: Final = "statistics"
#: Seconds between two looks, and the longest time of one.
LOOK_SECONDS: Final = 10.0
DEADLINE_SECONDS: Final = 60.0

_log = structlog.get_logger(__name__)


async def keep_statistics(database: Database, status: StatusReporter) -> Never:
    """Count what has doubled, until cancelled."""
    while True:
        try:
            counted = await database.run(refresh_statistics, deadline=DEADLINE_SECONDS)
        except DatabaseError as error:
            # Autovacuum does the same later: the next look is soon enough.
            status.set("waiting", str(error))
        else:
            status.set("running")
            if counted:
                _log.debug("Postgres counted tables that have doubled", tables=counted)
        await trio.sleep(LOOK_SECONDS)
