"""The habits of gateways over REST, switchable per gateway: what they keep, how it looks, how it goes wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from recon.errors import SimulationError


class Grouping(StrEnum):
    """How `GET /v1/orders` answers: rows, or groups of one account each (protocol 11)."""

    FLAT = "flat"
    GROUPED = "grouped"


class Arrays(StrEnum):
    """How the arrays of a history row look (protocol 11)."""

    FLAT = "flat"
    NESTED = "nested"
    TEXT = "text"
    TEXT_IN_LIST = "text_in_list"


class Trouble(StrEnum):
    """What can go wrong with an answer. All but SLOW are bad: the client does not get what it asked for.

    unreachable  490, the exchange is unreachable
    timed_out    504, the exchange did not answer in time
    throttled    429 with Retry-After
    failing      500
    down         503
    hung         no answer at all
    cut          the connection is lost in the middle of the body
    page         200, and an HTML page for a body
    slow         the answer comes late
    """

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    THROTTLED = "throttled"
    FAILING = "failing"
    DOWN = "down"
    HUNG = "hung"
    CUT = "cut"
    PAGE = "page"
    SLOW = "slow"


#: Where the order log and one order's last report are asked for.
HISTORY = "/v1/orders/history"
STATUS = "/v1/orders/status/"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestHabits:
    """How one gateway answers over REST. Times are seconds, shares are of all answers.

    history            whether the order log is configured; else it is answered with 400
    history_lag        a change shows up in the order log so long after it was learnt
    newest_first       the order log lists the newest change first
    remembers          the status of an order that ended longer ago is 404; None: it is remembered
    foreign_status     an id of several accounts is answered for the one that changed it first, not last
    orders, arrays     see `Grouping` and `Arrays`
    typed_rows         order reports carry `type`, as live ones do
    deep_history       `status_history` is nested as the specification's example has it
    side_as_number     the order log says 1 and 2 for BUY and SELL
    ids_as_numbers     exchange order ids that are all digits are JSON numbers
    shows_expiry       the order log fills in `expireTime`, without a zone, where the order has none
    misspelt           the content type of rejects is `appliction/json`
    latency            the longest that an ordinary answer takes
    troubles           the share of each kind of trouble
    bad_in_a_row       at most so many bad answers in a row to one target; None: no bound
    always, always_at  each answer to paths that begin with one of `always_at` (none: each) is this trouble
    retry_after        what a 429 says; with retry_after_date as a date
    slow_for           how long a slow answer takes
    """

    history: bool = True
    history_lag: float = 0.0
    newest_first: bool = False
    remembers: float | None = None
    foreign_status: bool = False
    orders: Grouping = Grouping.FLAT
    arrays: Arrays = Arrays.FLAT
    typed_rows: bool = True
    deep_history: bool = False
    side_as_number: bool = True
    ids_as_numbers: bool = False
    shows_expiry: bool = True
    misspelt: bool = True
    latency: float = 0.05
    troubles: Mapping[Trouble, float] = field(default_factory=dict)
    bad_in_a_row: int | None = 2
    always: Trouble | None = None
    always_at: tuple[str, ...] = ()
    retry_after: int = 1
    retry_after_date: bool = False
    slow_for: float = 4.0

    def __post_init__(self) -> None:
        """Refuse, with SimulationError, shares that are none."""
        if any(share < 0 for share in self.troubles.values()) or sum(self.troubles.values()) > 1:
            raise SimulationError("The shares of troubles over REST must not be negative, nor add up to more than 1.")

    def always_bad(self, path: str) -> bool:
        """Tell whether nobody ever gets what is asked for at a path."""
        return self.always not in {None, Trouble.SLOW} and self.is_always(path)

    def is_always(self, path: str) -> bool:
        """Tell whether `always` holds for a path."""
        return not self.always_at or path.startswith(self.always_at)
