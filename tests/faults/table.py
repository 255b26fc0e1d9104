"""The benchmark as Markdown: tables by flow, variant and cause, and by what the engine was told of fees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from tests.faults.days import DAY_SECONDS, TARGET_RATE, Day
from tests.faults.score import Found, Score
from tests.faults.variants import PLAIN

Scored = Sequence[tuple[Day, Score]]
_TOLD = {True: "the schedule", False: "nothing"}


def total(scores: Iterable[Score]) -> Score:
    sums = Score()
    for each in scores:
        sums.add(each)
    return sums


def markdown(scored: Scored) -> str:
    """Return the tables of all days; each is left out where there is nothing to put in it."""
    plain = [(day, score) for day, score in scored if day.variant == PLAIN and day.seconds == DAY_SECONDS]
    near = [(day, score) for day, score in plain if day.flow.rate <= TARGET_RATE]
    other = [(day, score) for day, score in scored if day.variant != PLAIN]
    hours = [(day, score) for day, score in scored if day.seconds > DAY_SECONDS]
    causes = total(score for _, score in near or other)
    below = f"up to {TARGET_RATE:g} fills a second"
    tables = [
        (
            "Per flow (fills a second of the busiest unit of an account; sizes; when balances are told):",
            _by(_flow, plain),
        ),
        (f"By what the engine was told of the fees, {below}:", _by(_told, near)),
        ("Per variant:", _by(_variant, other)),
        ("Long days, and days of slow accounts:", by_hours(hours)),
        (f"Per cause, {below}:", by_cause(causes)),
        (f"What was said, on days with faults, {below}:", by_said(causes)),
    ]
    return "\n".join(f"{title}\n\n{table}\n" for title, table in tables if table.count("\n") > 1).rstrip()


def _flow(day: Day) -> str:
    return str(day.flow)


def _told(day: Day) -> str:
    return _TOLD[day.published]


def _variant(day: Day) -> str:
    return f"{day.variant}, {day.flow.rate:g}/s, {_TOLD[day.published]}"


def _length(day: Day) -> str:
    name = day.variant or "long"
    return f"{name}, {day.flow.rate:g}/s, {day.seconds / 3600:g} h, {_TOLD[day.published]}"


def _grouped(key: Callable[[Day], str], scored: Scored) -> Mapping[str, Score]:
    rows: dict[str, list[Score]] = {}
    for day, score in scored:
        rows.setdefault(key(day), []).append(score)
    return {name: total(scores) for name, scores in rows.items()}


def _by(key: Callable[[Day], str], scored: Scored) -> str:
    head = [
        "days", "clean account-days", "false alarms", "on fault days", "recall", "precision", "uncertain openings",
        "labels right", "ambiguity said", "interval holds", "delay p50", "p99",
    ]  # fmt: skip
    return _table(head, [[name, *_cells(score)] for name, score in _grouped(key, scored).items()])


def _cells(score: Score) -> list[str]:
    detectable = len(score.detectable)
    return [
        str(score.clean_account_days),
        _each(len(score.clean_alarms), score.clean_account_days),
        str(len(score.false_alarms)),
        _part(detectable, detectable + len(score.missed)),
        _part(score.openings - len(score.false_alarms), score.openings),
        f"{len(score.uncertain)} right, {len(score.uncertain_alarms)} of nothing",
        _part(score.rightly_labelled, len(score.identifiable)),
        _part(score.honestly_labelled, len(score.ambiguous)),
        _part(sum(score.intervals), len(score.intervals)),
        _seconds(score.delay(50)),
        _seconds(score.delay(99)),
    ]


def by_hours(scored: Scored) -> str:
    """Return the figures of days of other lengths per account-hour, with the most that was stored."""
    head = ["days", "clean account-hours", "false alarms", "per account-hour", "most stored"]
    rows = []
    for name, score in _grouped(_length, scored).items():
        hours = score.clean_account_seconds / 3600
        alarms = len(score.clean_alarms)
        each = f"{alarms / hours:.4f}" if hours else "-"
        rows.append([name, f"{hours:.0f}", str(alarms), each, f"{score.state_bytes / 1000:.0f} kB"])
    return _table(head, rows)


def by_cause(score: Score) -> str:
    causes = sorted({each.planted.cause for each in score.found} | {each.cause for each in score.missed})
    head = ["cause", "recall", "labels right", "ambiguity said", "else said"]
    rows = []
    for cause in causes:
        found = [each for each in score.detectable if each.planted.cause == cause]
        missed = sum(each.cause == cause for each in score.missed)
        own = Score(found=found)
        rows.append(
            [
                cause,
                _part(len(found), len(found) + missed),
                _part(own.rightly_labelled, len(own.identifiable)),
                _part(own.honestly_labelled, len(own.ambiguous)),
                _others(found),
            ]
        )
    return _table(head, rows)


def by_said(score: Score) -> str:
    """Return how often each cause that was said was that of what was planted: its precision."""
    said = Counter(cause for cause, _ in score.causes_said)
    right = Counter(cause for cause, is_right in score.causes_said if is_right)
    return _table(["said", "precision"], [[cause, _part(right[cause], said[cause])] for cause in sorted(said)])


def _others(found: Sequence[Found]) -> str:
    """Name what was said instead, the most frequent first."""
    judged = [each for each in found if each.planted.identifiable or each.planted.ambiguous]
    wrong = Counter(each.label.cause for each in judged if not each.label.is_right(each.planted))
    return ", ".join(f"{cause} {count}" for cause, count in wrong.most_common(3)) or "-"


def _each(count: int, whole: int) -> str:
    return f"{count / whole:.2f} ({count})" if whole else "-"


def _part(part: int, whole: int) -> str:
    """Return a share with its raw counts."""
    return f"{part / whole:.3f} ({part}/{whole})" if whole else "-"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
