"""The REST habits of gateways, set per gateway: retention, format and troubles. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from recon.errors import SimulationError


class Grouping(StrEnum):
    """The shape of `GET /v1/orders`: rows, or one group per account (protocol 11)."""

    FLAT = "flat"
    GROUPED = "grouped"


class Arrays(StrEnum):
    """The shape of the arrays in a history row (protocol 11)."""

    FLAT = "flat"
    NESTED = "nested"
    TEXT = "text"
    TEXT_IN_LIST = "text_in_list"


class Trouble(StrEnum):
    """What can go wrong with an answer. All but SLOW are bad: the client gets no usable answer.

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


#: The paths of the order log and of one order's last report.
HISTORY = "/v1/orders/history"
STATUS = "/v1/orders/status/"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestHabits:
    """The REST behaviour of one gateway. Times are in seconds, shares are of all answers.

    history            true if the order log is configured; else its path answers 400
    history_lag        delay of a change in the order log, after the gateway has learnt it
    newest_first       the order log lists the newest change first
    remembers          the status of an order that ended longer ago is 404; None: never
    foreign_status     an id of several accounts returns the earliest change, not the latest
    orders, arrays     see `Grouping` and `Arrays`
    typed_rows         order reports carry `type`, as live ones do
    deep_history       `status_history` is nested as in the specification's example
    side_as_number     the order log has 1 and 2 for BUY and SELL
    ids_as_numbers     exchange order ids that are all digits are JSON numbers
    shows_expiry       the order log adds `expireTime`, without a zone, to orders without one
    misspelt           the content type of rejects is `appliction/json`
    latency            longest delay of an ordinary answer
    troubles           the share of each kind of trouble
    bad_in_a_row       most consecutive bad answers to one target; None: no bound
    always, always_at  each answer to paths with a prefix in `always_at` (empty: all) has this trouble
    retry_after        Retry-After of a 429; with retry_after_date as a date
    slow_for           delay of a slow answer
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
        """Raise SimulationError for shares outside 0 to 1."""
        if any(share < 0 for share in self.troubles.values()) or sum(self.troubles.values()) > 1:
            raise SimulationError("The shares of troubles over REST must not be negative, nor add up to more than 1.")

    def always_bad(self, path: str) -> bool:
        """True if every answer to a path is bad."""
        return self.always not in {None, Trouble.SLOW} and self.is_always(path)

    def is_always(self, path: str) -> bool:
        """True if `always` applies to a path."""
        return not self.always_at or path.startswith(self.always_at)
