"""When a message is sent again after a failure. Pure (architecture 2.11).

Every failure is retried, after any answer: an alert is worth more than the noise. A failure that
only a person can repair (a wrong address, a refused signature) is retried slowly from the start, so that
delivery resumes by itself after the repair. The next attempt's time is stored with the entries and survives a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from recon.backoff import delay_after
from recon.errors import DeliveryError

#: Attempts before a message is given up: with the delays below after one to two and a half days.
MAX_ATTEMPTS: Final = 64
#: Delay after the first failure; it doubles with each further one.
FIRST_PAUSE: Final = timedelta(seconds=2)
#: The same if only a person can repair it.
FIRST_SLOW_PAUSE: Final = timedelta(minutes=5)
#: The longest delay, and the longest that a receiver may request.
LAST_PAUSE: Final = timedelta(hours=1)
#: So many failures in a row, of any messages, let the channel rest; first for so long, doubling up to the last.
CIRCUIT_FAILURES: Final = 3
FIRST_REST: Final = timedelta(seconds=2)
LAST_REST: Final = timedelta(minutes=1)


def pause(attempt: int, error: DeliveryError, draw: Callable[[], float]) -> timedelta:
    """Return how long to wait after the failed attempt number `attempt` (1, 2, 3 …).

    The delay has half jitter (`draw` is uniform in [0, 1)), so that messages that failed together are not retried
    together. It is never less than the receiver requested, within the bound.
    """
    first = FIRST_SLOW_PAUSE if error.slow else FIRST_PAUSE
    longest = LAST_PAUSE.total_seconds()
    delay = delay_after(attempt, first=first.total_seconds(), longest=longest, draw=draw, jitter=0.5)
    requested = min(longest, error.retry_after or 0.0)
    return timedelta(seconds=max(delay, requested))


def rest(failures: int, requested: float | None, draw: Callable[[], float]) -> timedelta:
    """Return how long a channel rests after so many failures in a row; zero: not at all.

    A receiver that requests a delay means all of its messages, and gets it within the bound.
    """
    asked = timedelta(seconds=min(LAST_PAUSE.total_seconds(), requested or 0.0))
    if failures < CIRCUIT_FAILURES:
        return asked
    first, longest = FIRST_REST.total_seconds(), LAST_REST.total_seconds()
    own = delay_after(failures - CIRCUIT_FAILURES + 1, first=first, longest=longest, draw=draw, jitter=0.5)
    return max(asked, timedelta(seconds=own))
