"""The one document of `recon check`, and the status that follows from what was found. Pure.

1. A break that counts makes the status `breaks`, whatever else is not seen: it is known.
2. Without one, whatever recon does not see makes it `not_covered`: no known break means nothing there.
3. A break that people accepted does not count: once its time or amount is over, it is open again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias, get_args

import msgspec

from recon.exact import exact

#: The version of the document; keys may be added within one.
VERSION: Final = 1
#: Most items of one list of the document; `left_out` counts the others.
MAX_LISTED: Final = 1_000

Status: TypeAlias = Literal["clean", "breaks", "not_covered", "could_not_run"]
#: The exit status of each.
EXIT_STATUS: Final[Mapping[Status, int]] = {"clean": 0, "breaks": 1, "not_covered": 2, "could_not_run": 3}

#: Which open breaks count: all; those of material cases; none.
FailOn: TypeAlias = Literal["any", "material", "none"]

#: Classes of sources that do not share the EMS's upstream.
SourceName: TypeAlias = Literal["venue", "custodian", "chain", "person"]
SOURCES: Final[tuple[SourceName, ...]] = get_args(SourceName)

#: An exact decimal as text: sign, digits and a point, never an exponent.
Amount: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
#: A time in UTC.
Time: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; null: everything, or nothing special.

    `as_of` is when it was so, and `known_at` when that was known. From `since` on gaps count, and a source must have
    agreed, where either is required.
    """

    gateway: str | None = None
    account: str | None = None
    fail_on: FailOn = "any"
    require_covered: bool = False
    require_source: Sequence[SourceName] = ()
    since: Time | None = None
    as_of: Time | None = None
    known_at: Time | None = None


class LogEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What the answer rests on: how far a gateway's books are folded, with the digest of the log up to there."""

    gateway: str
    seq: int
    digest: str | None
    head_seq: int
    rules_digest: str | None
    fold_version: int | None


class OpenBreak(msgspec.Struct, frozen=True, kw_only=True):
    """A break that is open, whether its case is material, and whether it counts."""

    id: str
    case_id: str
    gateway: str
    account: str
    unit_kind: str
    unit: str
    cause: str
    certainty: str | None
    severity: str | None
    state: str
    amount: Amount
    amount_usd: Amount | None
    opened_at: Time
    origin_at: Time | None
    accepted_until: Time | None
    material: bool
    counts: bool


class Unseen(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway, account or unit that recon cannot speak for now; `what` says which kind of reason it is."""

    what: Literal["not_current", "gap", "unit", "source", "nothing"]
    gateway: str | None = None
    account: str | None = None
    unit_kind: str | None = None
    unit: str | None = None
    from_time: Time | None = None
    until_time: Time | None = None
    reason: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How much was looked at, and what was found in all of it."""

    accounts: int = 0
    units: Mapping[str, int] = {}
    open_breaks: int = 0
    open_cases: int = 0
    counting_breaks: int = 0
    unseen: int = 0


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """How many items the lists lack because they would be too long."""

    breaks: int = 0
    unseen: int = 0


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: `unit` counts are by verdict; `reason` says why it could not run, and is null where it did."""

    version: int = VERSION
    status: Status
    exit_status: int
    reason: str | None = None
    checked_at: Time
    asked: Asked | None = None
    logs: Sequence[LogEnd] = ()
    counts: Counts = Counts()
    breaks: Sequence[OpenBreak] = ()
    unseen: Sequence[Unseen] = ()
    left_out: LeftOut = LeftOut()


def answer(
    asked: Asked,
    at: datetime,
    *,
    logs: Sequence[LogEnd],
    accounts: int,
    units: Mapping[str, int],
    breaks: Sequence[OpenBreak],
    unseen: Sequence[Unseen],
) -> Document:
    """Return the document of what was found."""
    counting = [each for each in breaks if each.counts]
    status: Status = "breaks" if counting else "not_covered" if unseen else "clean"
    # What counts is never among what is left out while there is room for it.
    listed = [*counting, *(each for each in breaks if not each.counts)][:MAX_LISTED]
    return Document(
        status=status,
        exit_status=EXIT_STATUS[status],
        checked_at=at,
        asked=asked,
        logs=logs,
        counts=Counts(
            accounts=accounts,
            units=units,
            open_breaks=len(breaks),
            open_cases=len({(each.gateway, each.case_id) for each in breaks}),
            counting_breaks=len(counting),
            unseen=len(unseen),
        ),
        breaks=listed,
        unseen=unseen[:MAX_LISTED],
        left_out=LeftOut(breaks=len(breaks) - len(listed), unseen=max(0, len(unseen) - MAX_LISTED)),
    )


def could_not_run(reason: str, at: datetime) -> Document:
    """Return the document of a check that could not run."""
    return Document(status="could_not_run", exit_status=EXIT_STATUS["could_not_run"], reason=reason, checked_at=at)


def is_material(sizes: Iterable[Decimal | None], limit: Decimal) -> bool:
    """True if breaks of one case are worth more together than a limit in USD, or the worth of one is not known."""
    with exact():
        total = Decimal(0)
        for size in sizes:
            if size is None:
                return True
            total += abs(size)
        return total > limit


def counts(fail_on: FailOn, state: str, *, material: bool) -> bool:
    """True if an open break counts (rule 3)."""
    if fail_on == "none" or state == "accepted":
        return False
    return material or fail_on == "any"


def schema() -> dict[str, object]:
    """Return the JSON Schema of the document."""
    made = msgspec.json.schema(Document)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "the document of recon check", **made}
