"""When a message is tried again. Pure (architecture 2.11).

Every failure is tried again, whatever the receiver answered: an alert is worth more than the noise. A failure that
only a person can mend (a wrong address, a refused signature, 410 Gone) is tried slowly from the start, so that it
heals by itself once it is mended. The pause is stored with the entries, so it survives a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from recon.backoff import delay_after
from recon.errors import DeliveryError

#: Attempts after which a message is given up. With the pauses below that is between one and two and a half days.
MAX_ATTEMPTS: Final = 64
#: Pause after the first failure; it doubles with each one.
FIRST_PAUSE: Final = timedelta(seconds=2)
#: The same where only a person can mend it.
FIRST_SLOW_PAUSE: Final = timedelta(minutes=5)
#: The longest pause, and the longest that a receiver may ask for.
LAST_PAUSE: Final = timedelta(hours=1)


def pause(attempt: int, error: DeliveryError, draw: Callable[[], float]) -> timedelta:
    """Return how long to wait after the failed attempt number `attempt` (1, 2, 3 …).

    Between half of the doubled pause and all of it, as `draw` (uniform in [0, 1)) says, so that what failed together
    is not tried together; never less than the receiver asked for, within the bound.
    """
    first = FIRST_SLOW_PAUSE if error.slow else FIRST_PAUSE
    longest = LAST_PAUSE.total_seconds()
    delay = delay_after(attempt, first=first.total_seconds(), longest=longest, draw=draw, jitter=0.5)
    requested = min(longest, error.retry_after or 0.0)
    return timedelta(seconds=max(delay, requested))
