"""What the policy remembers between two looks: open cases, what waits, and what each channel was sent. Pure.

1. A case is kept while one of its subjects fires, or while something of it waits to be told. Then it is forgotten.
2. Whatever is not sent at once waits in a *batch*, which is due at a known time.
3. The state holds the policy that it was made under. So a change of the settings changes nothing that was due before.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

import msgspec

from recon.alerts.policy.model import MessageKind, Outgoing, Signal, Step
from recon.alerts.policy.rules import Policy

#: Why a batch waits: for more of the same burst, for the end of something, for room under the limit, or for its hour.
Why: TypeAlias = Literal["group", "silence", "maintenance", "quiet", "limit", "digest"]
#: Most entries of one batch; then it is sent, in whatever hours. Bounds the state, and a message.
MAX_BATCH: Final = 20_000


class Subject(msgspec.Struct, frozen=True):
    """One break or condition that fires: what is known now, and as it was last told."""

    now: Signal
    told: Signal


class Case(msgspec.Struct, frozen=True):
    """One case. `since` is when it fired, or fired once more last: ages count from there.

    `taken_by` is who took it up, `acted` whether anybody ever did. `pages` are the channels that it is sent to at once.
    `told` and `digested` are the channels that were told of it, with the week in which they were.
    `reminded` and `escalated` count what was done about it.
    """

    gateway: str
    case_id: str
    since: datetime
    subjects: dict[str, Subject] = {}
    taken_by: str = ""
    acted: bool = False
    pages: tuple[str, ...] = ()
    told: dict[str, str] = {}
    digested: dict[str, str] = {}
    reminded: int = 0
    escalated: int = 0

    @property
    def key(self) -> str:
        """Return the key of the case."""
        return case_key(self.gateway, self.case_id)


class Entry(msgspec.Struct, frozen=True):
    """One signal on its way to one channel. `number` grows with each entry, so what is told of a case keeps its order.

    `base` is the `since` of its case, for what must not outlive it: a reminder, an escalation.
    """

    number: int
    kind: MessageKind
    signal: str
    gateway: str
    case_id: str
    subject: str
    account: str
    unit: str
    cause: str
    severity: str
    reason: str
    base: datetime | None = None

    @property
    def key(self) -> str:
        """Return the key of its case."""
        return case_key(self.gateway, self.case_id)


class Batch(msgspec.Struct):
    """What waits on one channel until `due`. `about` names what it waits for: a gateway, a silence, a window."""

    channel: str
    why: Why
    about: str
    due: datetime
    reason: str
    entries: list[Entry]

    @property
    def key(self) -> str:
        """Return the key of the batch."""
        return batch_key(self.channel, self.why, self.about)


class Book(msgspec.Struct):
    """What one channel was sent: times within its limit's interval; pages, cases and cases acted on in the week."""

    sent: list[datetime] = []
    week: str = ""
    pages: int = 0
    cases: int = 0
    acted: int = 0
    used_up: bool = False


class State(msgspec.Struct):
    """What `decide` needs of everything before. `at` is how far time was advanced, `policy` what was in force.

    `entries` counts the entries that ever were.
    """

    at: datetime | None = None
    policy: Policy | None = None
    cases: dict[str, Case] = {}
    batches: dict[str, Batch] = {}
    books: dict[str, Book] = {}
    entries: int = 0


class Decision(msgspec.Struct, frozen=True):
    """What came of a look: the state to keep, steps and messages in order, and when the next look is needed."""

    state: State
    steps: tuple[Step, ...]
    messages: tuple[Outgoing, ...]
    next_due: datetime | None


class Acted(msgspec.Struct, frozen=True):
    """A channel's week so far: pages, the cases that were told, and those that somebody took up."""

    channel: str
    week: str
    pages: int
    cases: int
    acted: int


def case_key(gateway: str, case_id: str) -> str:
    """Return the key of a case."""
    return f"{gateway}\x1f{case_id}"


def batch_key(channel: str, why: Why, about: str) -> str:
    """Return the key of a batch."""
    return f"{channel}\x1f{why}\x1f{about}"


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(State)


def encode_state(state: State) -> bytes:
    """Return the state as JSON."""
    return _encoder.encode(state)


def decode_state(document: bytes) -> State:
    """Return the state of its JSON. Raise msgspec.ValidationError."""
    return _decoder.decode(document)


def acted_share(state: State) -> list[Acted]:
    """Return each channel's week: how many pages, and how many of its cases somebody acted on."""
    return [Acted(name, book.week, book.pages, book.cases, book.acted) for name, book in sorted(state.books.items())]


def spoken(duration: timedelta) -> str:
    """Return a duration as people write it in the settings: 90m, 2h, 1d; what is finer than a second is cut."""
    seconds = int(duration.total_seconds())
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= unit and not seconds % unit:
            return f"{seconds // unit}{name}"
    return f"{seconds}s"
