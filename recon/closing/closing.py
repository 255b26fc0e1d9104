"""A closing: one account's business day at its cut-off, as known at a log position. Pure (semantics 9.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from recon.closing.ageing import AgeBand, bands, bounds_of
from recon.closing.calendar import Calendar, calendar_of
from recon.closing.coverage import CoverageStretch, DayCoverage, cover
from recon.closing.document import JSON, digest_of, written
from recon.closing.judgement import reasons_of
from recon.closing.lines import BreakFact, CloseLine, Day, UnitFigures, line_of
from recon.errors import DocumentRefused
from recon.exact import exact
from recon.ledger.rules import AccountRules
from recon.source_class import at_least_as_independent

#: The version of the document: a change of its keys or of how it is computed is a new one.
VERSION: Final = 3
#: The first version that uses the last observation of each minute; the one before looks at the other rows alone.
LASTS_SINCE: Final = 2
#: The first version whose gaps begin at the last sign of life; before, one began where the log told of it.
EDGES_SINCE: Final = 3


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """The document of a closing; `known_seq` and `head` say which log it was computed from."""

    version: int = VERSION
    gateway: str
    account: str
    day: date
    former_day: date
    opens_at: datetime
    cut_off: datetime
    known_seq: int
    head: str
    calendar: Calendar
    ageing_us: tuple[int, ...]
    coverage: DayCoverage
    lines: tuple[CloseLine, ...]
    reasons: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """True if nothing speaks against calling the day clean."""
        return not self.reasons

    @property
    def whole(self) -> bool:
        """True if the account was observed throughout the day, or what was not is made up for."""
        return self.coverage.whole

    @property
    def ageing(self) -> list[AgeBand]:
        """Return how many open breaks are how old."""
        ages = [each.age for line in self.lines for each in line.breaks]
        return bands(ages, [timedelta(microseconds=us) for us in self.ageing_us])

    @property
    def document(self) -> JSON:
        """Return the document as JSON, with `clean` and `whole` for those who read it by SQL."""
        parts = msgspec.to_builtins(self, builtin_types=(Decimal, datetime, date))
        return written({**parts, "clean": self.clean, "whole": self.whole})

    @property
    def digest(self) -> str:
        """Return the digest of the document."""
        return digest_of(self.document)


class Known(msgspec.Struct, frozen=True):
    """How far a gateway's log is known: its last position, the digest there, and its log time."""

    gateway: str
    seq: int
    head: str
    at: datetime


class AccountFacts(msgspec.Struct, frozen=True):
    """All that the log says of one account's day up to a known position."""

    units: Sequence[UnitFigures]
    breaks: Sequence[BreakFact]
    stretches: Sequence[CoverageStretch]


class BusinessDay(msgspec.Struct, frozen=True):
    """A business day of one account: from the cut-off of the former one to its own."""

    day: date
    former: date
    opens_at: datetime
    cut_off: datetime
    calendar: Calendar


def business_day(rules: AccountRules, day: date) -> BusinessDay:
    """Return a business day by an account's rules. Errors: ConfigError where there is no business day before it."""
    calendar = calendar_of(rules)
    former = calendar.former(day)
    return BusinessDay(day, former, calendar.cut_off(former), calendar.cut_off(day), calendar)


def close(
    account: str, of: BusinessDay, rules: AccountRules, known: Known, facts: AccountFacts, version: int = VERSION
) -> Closing:
    """Return the closing of an account's business day, from the facts that are known as that version knows them."""
    coverage = cover(facts.stretches, of.opens_at, of.cut_off, known.at)
    required = rules.require_source
    sources = () if required is None else tuple(at_least_as_independent(required))
    day = Day(of.calendar, of.cut_off, coverage.whole, known.at, sources)
    breaks = _by_unit(facts.breaks)
    with exact():
        lines = tuple(
            line_of(unit, breaks.get((unit.unit_kind, unit.unit), ()), rules.tolerance_of(unit.unit), day)
            for unit in sorted(facts.units, key=lambda unit: (unit.unit_kind, unit.unit))
        )
    bounds = bounds_of(rules)
    return Closing(
        version=version,
        gateway=known.gateway,
        account=account,
        day=of.day,
        former_day=of.former,
        opens_at=of.opens_at,
        cut_off=of.cut_off,
        known_seq=known.seq,
        head=known.head,
        calendar=of.calendar,
        ageing_us=tuple(bound // timedelta(microseconds=1) for bound in bounds),
        coverage=coverage,
        lines=lines,
        reasons=tuple(reasons_of(coverage, lines)),
    )


def closing_of(document: object) -> Closing:
    """Return the closing of a document in the log. Errors: DocumentRefused where it is none, or of a later version."""
    try:
        read = msgspec.convert(document, Closing)
    except msgspec.ValidationError as error:
        raise DocumentRefused(f"it is no closing: {error}") from None
    if not 0 < read.version <= VERSION:
        raise DocumentRefused(f"it is a closing of version {read.version}; this recon reads versions up to {VERSION}")
    return read


def _by_unit(breaks: Iterable[BreakFact]) -> Mapping[tuple[str, str], list[BreakFact]]:
    by_unit: dict[tuple[str, str], list[BreakFact]] = {}
    for each in breaks:
        by_unit.setdefault((each.unit_kind, each.unit), []).append(each)
    return by_unit
