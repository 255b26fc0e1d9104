"""The part that makes partitions of the log ahead of need, where recon runs its own Postgres (operator 12.6)."""

from __future__ import annotations

from functools import partial
from typing import Final, Never

import structlog
import trio

from recon.errors import DatabaseError
from recon.log.partitions import make_partitions
from recon.status import StatusReporter

#: The name of the part.
PARTITIONS: Final = "partitions"
#: Seconds between two looks: even the fastest log needs longer for the half of what is made ahead.
LOOK_SECONDS: Final = 600.0

_log = structlog.get_logger(__name__)


async def keep_partitions(url: str, status: StatusReporter) -> Never:
    """Make partitions as the owner whenever there are too few, until cancelled."""
    while True:
        try:
            made = await trio.to_thread.run_sync(partial(make_partitions, url), abandon_on_cancel=True)
        except DatabaseError as error:
            # Nothing waits for a partition: the next look is soon enough.
            status.set("waiting", str(error))
            _log.warning("no partition of the log could be made", reason=str(error))
        else:
            status.set("running")
            for last in made:
                _log.info("made a partition of the log", last_seq=last)
        await trio.sleep(LOOK_SECONDS)
