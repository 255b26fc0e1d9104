"""The benchmark as Markdown: one table by flow, one by cause, one by what the engine was told of fees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tests.faults.days import TARGET_RATE, Day, Flow
from tests.faults.score import Found, Score, share

Scored = Sequence[tuple[Day, Score]]


def total(scores: Iterable[Score]) -> Score:
    sums = Score()
    for each in scores:
        sums.add(each)
    return sums


def markdown(scored: Scored) -> str:
    near = [(day, score) for day, score in scored if day.flow.rate <= TARGET_RATE]
    return "\n".join(
        [
            "Per flow (fills a second of the busiest unit of an account; sizes; when balances are told):",
            "",
            by_flow(scored),
            "",
            f"Per cause, up to {TARGET_RATE:g} fills a second:",
            "",
            by_cause(total(score for _, score in near)),
            "",
            f"By what the engine was told of the fees, up to {TARGET_RATE:g} fills a second:",
            "",
            by_fees(near),
        ]
    )


def by_flow(scored: Scored) -> str:
    rows: dict[Flow, list[Score]] = {}
    for day, score in scored:
        rows.setdefault(day.flow, []).append(score)
    return _summary("flow", {str(flow): total(scores) for flow, scores in rows.items()})


def by_fees(scored: Scored) -> str:
    told = {True: "the schedule", False: "nothing"}
    rows = {words: total(score for day, score in scored if day.published is known) for known, words in told.items()}
    return _summary("told", rows)


def _summary(title: str, rows: Mapping[str, Score]) -> str:
    head = [
        title, "clean account-days", "false alarms each", "detectable", "recall", "precision", "labels right",
        "ambiguity said", "interval holds", "delay p50", "p99",
    ]  # fmt: skip
    return _table(head, [[name, *_cells(score)] for name, score in rows.items()])


def _cells(score: Score) -> list[str]:
    alarms = share(len(score.clean_alarms), score.clean_account_days)
    return [
        str(score.clean_account_days),
        "-" if alarms is None else f"{alarms:.2f}",
        str(len(score.detectable) + len(score.missed)),
        _part(score.recall),
        _part(score.precision),
        f"{_part(score.accuracy)} of {len(score.identifiable)}",
        f"{_part(score.honesty)} of {len(score.ambiguous)}",
        _part(score.interval),
        _seconds(score.delay(50)),
        _seconds(score.delay(99)),
    ]


def by_cause(score: Score) -> str:
    causes = sorted({each.planted.cause for each in score.found} | {each.cause for each in score.missed})
    head = ["cause", "detectable", "recall", "identifiable", "labels right", "ambiguous", "said so", "else said"]
    rows = []
    for cause in causes:
        found = [each for each in score.detectable if each.planted.cause == cause]
        missed = sum(each.cause == cause for each in score.missed)
        own = Score(found=found)
        rows.append(
            [
                cause,
                str(len(found) + missed),
                _part(share(len(found), len(found) + missed)),
                str(len(own.identifiable)),
                _part(own.accuracy),
                str(len(own.ambiguous)),
                _part(own.honesty),
                _others(found),
            ]
        )
    return _table(head, rows)


def _others(found: Sequence[Found]) -> str:
    """Name what was said instead, the most frequent first."""
    judged = [each for each in found if each.planted.identifiable or each.planted.ambiguous]
    wrong = Counter(each.label.cause for each in judged if not each.label.is_right(each.planted))
    return ", ".join(f"{cause} {count}" for cause, count in wrong.most_common(3)) or "-"


def _part(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
