"""Scores a day: what was planted against what was said. It knows rows alone, and shares no code with the engine.

1. Each unit's step of a planted fault wants one opening of a break on that unit, not before it was planted, of its
   amount give or take its uncertainty; or one entry that explains it.
2. Steps between two observations arrive as one: what single openings leave over may be matched by a sum of two.
3. An opening that belongs to no planted step is a false alarm.
4. The label of a break is its cause at the end of its life; so that later evidence counts.
5. An identifiable step is labelled right by its own cause; an ambiguous one by certainty `candidate` with its cause
   among those that are said to fit.
6. A step that no opening tells may be told as an uncertain opening: it is neither found nor missed, and counted by
   itself. An uncertain opening of no planted step is counted by itself as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Final

from recon.simulator.faults.scoring import Matcher
from tests.faults.rows import Explanation, Planted, Step, UnitId

#: Beside its uncertainty an amount may be off by this share: prices on the wire are cut to ten digits.
AMOUNT_SHARE: Final = Decimal("1e-6")
OPENINGS: Final = Matcher(share=AMOUNT_SHARE, most_summed=2)
ENTRIES: Final = Matcher(share=AMOUNT_SHARE)
#: Entries that every day is full of, and that explain no planted step.
HABITUAL: Final = frozenset({"opening", "fill", "realised", "rehomed", "rounding", "unmodelled", "fee"})
CANDIDATE: Final = "candidate"


@dataclass(frozen=True, slots=True)
class Label:
    """What was said of a step's cause."""

    cause: str
    certainty: str
    fits: tuple[str, ...]

    def is_right(self, planted: Planted) -> bool:
        return self.cause == planted.cause

    def is_honest(self, planted: Planted) -> bool:
        """Tell whether it is said to be ambiguous, with the true cause among those named."""
        return self.certainty == CANDIDATE and planted.cause in {self.cause, *self.fits}


@dataclass(frozen=True, slots=True)
class Found:
    """A planted step that was found: how it was labelled, when, and whether the interval named for it holds it."""

    planted: Planted
    label: Label
    delay: timedelta
    held: bool | None
    summed: bool = False


@dataclass(slots=True)
class Score:
    """What is counted, of one day or of many."""

    account_days: int = 0
    clean_account_days: int = 0
    openings: int = 0
    found: list[Found] = field(default_factory=list)
    missed: list[Planted] = field(default_factory=list)
    hidden: int = 0
    false_alarms: list[Step] = field(default_factory=list)
    clean_alarms: list[Step] = field(default_factory=list)
    #: Planted steps that were told as uncertain openings, and uncertain openings of nothing.
    uncertain: list[Planted] = field(default_factory=list)
    uncertain_alarms: list[Step] = field(default_factory=list)
    #: Of the openings on days with faults: the cause said last, and whether it is the cause of what was planted, or
    #: among its causes where several fit.
    causes_said: list[tuple[str, bool]] = field(default_factory=list)
    clean_account_seconds: float = 0.0
    #: The most that the comparison would have stored at one time, in bytes.
    state_bytes: int = 0

    def add(self, other: Score) -> None:
        self.account_days += other.account_days
        self.clean_account_days += other.clean_account_days
        self.openings += other.openings
        self.hidden += other.hidden
        self.found += other.found
        self.missed += other.missed
        self.false_alarms += other.false_alarms
        self.clean_alarms += other.clean_alarms
        self.uncertain += other.uncertain
        self.uncertain_alarms += other.uncertain_alarms
        self.causes_said += other.causes_said
        self.clean_account_seconds += other.clean_account_seconds
        self.state_bytes = max(self.state_bytes, other.state_bytes)

    @property
    def detectable(self) -> list[Found]:
        return [each for each in self.found if each.planted.detectable]

    @property
    def recall(self) -> float | None:
        """Return the share of detectable steps that were found."""
        return share(len(self.detectable), len(self.detectable) + len(self.missed))

    @property
    def precision(self) -> float | None:
        """Return the share of openings, on days with faults, that belong to a planted step."""
        return share(self.openings - len(self.false_alarms), self.openings)

    @property
    def rightly_labelled(self) -> int:
        """Return how many identifiable steps, of those found, were given their cause."""
        return sum(each.label.is_right(each.planted) for each in self.identifiable)

    @property
    def honestly_labelled(self) -> int:
        """Return how many ambiguous steps were said to be so, with the true cause named."""
        return sum(each.label.is_honest(each.planted) for each in self.ambiguous)

    @property
    def intervals(self) -> list[bool]:
        """Return, for each step found by a break, whether the named stretch of the log holds it."""
        return [each.held for each in self.found if each.held is not None]

    @property
    def identifiable(self) -> list[Found]:
        return [each for each in self.detectable if each.planted.identifiable]

    @property
    def accuracy(self) -> float | None:
        """Return the share of identifiable steps, of those found, that were given their cause."""
        return share(self.rightly_labelled, len(self.identifiable))

    @property
    def ambiguous(self) -> list[Found]:
        return [each for each in self.detectable if each.planted.ambiguous]

    @property
    def honesty(self) -> float | None:
        """Return the share of ambiguous steps that were said to be so, with the true cause named."""
        return share(self.honestly_labelled, len(self.ambiguous))

    @property
    def interval(self) -> float | None:
        """Return how often the named stretch of the log holds the planted event."""
        return share(sum(self.intervals), len(self.intervals))

    def delay(self, percent: int) -> float | None:
        """Return a percentile of the time from planting to finding, in seconds of log time."""
        delays = sorted(each.delay.total_seconds() for each in self.detectable)
        return delays[min(len(delays) * percent // 100, len(delays) - 1)] if delays else None


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def score(
    planted: Iterable[Planted],
    steps: Sequence[Step],
    explained: Iterable[Explanation],
    uncertain: Sequence[Step] = (),
    *,
    accounts: int,
    clean: bool,
) -> Score:
    """Score one day."""
    opened = [step for step in steps if step.event == "opened"]
    result = Score(account_days=accounts, clean_account_days=accounts if clean else 0)
    if clean:
        result.clean_alarms = opened
        result.uncertain_alarms = list(uncertain)
        return result
    result.openings = len(opened)
    matching = OPENINGS.match(sorted(planted, key=lambda each: (each.at, each.unit)), opened)
    for match in matching.matches:
        label = _label(match.flagged, steps)
        result.found += [_found(each, match.flagged, label, summed=len(match.planted) > 1) for each in match.planted]
        right = any(label.cause in {each.cause, *each.causes} for each in match.planted)
        result.causes_said.append((label.cause, right))
    left = _found_by_entries(matching.missed, explained, result.found)
    unsure = OPENINGS.match(left, uncertain)
    result.uncertain = [each for match in unsure.matches for each in match.planted]
    result.uncertain_alarms = unsure.false_alarms
    result.missed = [each for each in unsure.missed if each.detectable]
    result.hidden = len(unsure.missed) - len(result.missed)
    result.false_alarms = matching.false_alarms
    result.causes_said += [(_label(each, steps).cause, False) for each in matching.false_alarms]
    return result


def _found(planted: Planted, opening: Step, label: Label, *, summed: bool) -> Found:
    held = (opening.after is None or opening.after <= planted.at) and planted.at <= opening.until
    return Found(planted, label, opening.at - planted.at, held, summed)


def _found_by_entries(left: Sequence[Planted], explained: Iterable[Explanation], found: list[Found]) -> list[Planted]:
    """Add the steps that an entry explains; return those that none does."""
    entries = [entry for entry in explained if entry.cause not in HABITUAL]
    unexplained = []
    for each in left:
        matching = ENTRIES.match([each], entries)
        if not matching.matches:
            unexplained.append(each)
            continue
        entry = matching.matches[0].flagged
        entries.remove(entry)
        found.append(Found(each, Label(entry.cause, entry.certainty, ()), entry.at - each.at, None))
    return unexplained


def _label(opening: Step, steps: Sequence[Step]) -> Label:
    """Return what was said of a break last, before it opened again."""
    last, begun = opening, False
    for step in steps:
        if step is opening:
            begun = True
        elif begun and step.break_id == opening.break_id:
            if step.event == "opened":
                break
            last = step
    return Label(last.cause, last.certainty, last.fits)


__all__ = ["Explanation", "Found", "Label", "Planted", "Score", "Step", "UnitId", "score", "share"]
