"""`recon break show`: a break explained as a good colleague would, as text or as a document.

What happened, since when, between which events, the path that it follows from, the arithmetic, the cause with its
evidence, the causes that were tried, the history, and the next steps with the commands to copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from recon.cli.break_advice import advice_on, events_command, step_command
from recon.cli.break_details import MAX_COUNTED, BreakDetails
from recon.cli.break_path import has_path, path_lines, path_of
from recon.cli.output import Row, text_of
from recon.deciding.selection import SHORT
from recon.exact import plain
from recon.reconciliation.model.lifecycle import ACTIVE
from recon.times import to_datetime

#: Steps of a break's history that are shown: the first, and the latest of the others.
MAX_STEPS: Final = 40


def document(details: BreakDetails) -> Row:
    """Return the report for a program: the break's columns, its details and the next steps."""
    return {
        **details.row,
        "evidence": _items(details.row),
        "path": path_of(details.row),
        "age": details.age,
        "figures": details.figures,
        "origin": {"ends": details.ends, "kinds": details.kinds, "command": events_command(details)},
        "same_unit": details.same_unit,
        "same_case": details.same_case,
        "history": details.history,
        "next": [{"step": step, "command": step_command(details.row, step)} for step in details.steps],
        "advice": advice_on(details.row),
    }


def text(details: BreakDetails) -> str:
    """Return the report for a person: a heading, then a paragraph for each question."""
    row = details.row
    severity = f", {row['severity']}" if row["severity"] else ""
    lines = [f"break {row['id']}: {row['state']}{severity}"]
    for title, paragraph in (
        ("what", _what(details)),
        ("since", _since(details)),
        ("between", _between(details)),
        ("path", path_lines(row)),
        ("arithmetic", _arithmetic(details)),
        ("cause", _cause(row)),
        ("tried", _tried(row)),
        ("so far", _so_far(details.history)),
        ("next", _next(details)),
    ):
        indented = [f"  {line}" for line in paragraph]
        if indented:
            lines += [title, *indented]
    return "\n".join(lines) + "\n"


def _what(details: BreakDetails) -> Iterator[str]:
    row = details.row
    amount = _decimal(row["amount"])
    side = "more" if amount > 0 else "less"
    yield (
        f"{text_of(row['account'])} on {text_of(row['gateway'])}: {plain(abs(amount))} {text_of(row['unit'])} {side} is"
        f" reported than the books expect, {_worth(row['amount_usd'])}"
    )
    if not row["owns_residual"]:
        yield "the reports contradict each other; this is no part of the unit's drift"
    if row["occurrences"] != 1:
        yield f"opened {row['occurrences']} times"
    if row["assignee"]:
        yield f"assigned to {text_of(row['assignee'])}"
    if row["state"] == "accepted":
        yield f"accepted until {text_of(row['accepted_until'])}, up to {text_of(row['accepted_amount'])}"
    if row["offset_by"]:
        yield f"break {row['offset_by']} is the opposite change: the two cancel out, but neither is explained"
    for other in details.same_case:
        yield f"same case {row['case_id']}: {_named(other)}"
    for other in details.same_unit:
        yield f"same unit: {_named(other)}"


def _worth(usd: object) -> str:
    return "of unknown worth" if usd is None else f"worth {plain(abs(_decimal(usd)).quantize(Decimal('0.01')))} USD"


def _named(other: Row) -> str:
    return f"{other['id']}, {text_of(other['amount'])} {text_of(other['unit'])}, {other['state']}, {other['cause']}"


def _since(details: BreakDetails) -> Iterator[str]:
    row = details.row
    yield f"{text_of(row['origin_at'])} first seen in a report; {text_of(row['opened_at'])} opened as a break"
    if row["closed_at"] is None:
        yield f"age: {details.age}"
    else:
        yield f"{text_of(row['closed_at'])} closed"


def _between(details: BreakDetails) -> Iterator[str]:
    row, ends = details.row, {each["seq"]: each for each in details.ends}
    first, last = ends.get(row["after_seq"]), ends.get(row["until_seq"])
    yield f"after  {'the beginning of the log' if first is None else _event(first)}"
    if last is not None:
        yield f"up to  {_event(last)}"
    if row["gap"] is not None:
        yield f"not covered for {text_of(row['gap'])}"
    counted = sum(details.kinds.values())
    if counted:
        kinds = ", ".join(f"{count} {text_of(kind)}" for kind, count in details.kinds.items())
        yield f"{'more than ' if counted >= MAX_COUNTED else ''}{counted} events of the account: {kinds}"
    yield events_command(details)


def _event(row: Row) -> str:
    return f"event {row['seq']}, {text_of(row['recorded_at'])}, {text_of(row['kind'])} {text_of(row['account'])}"


def _arithmetic(details: BreakDetails) -> Iterator[str]:
    figures = details.figures
    if figures.get("reported") is None:
        yield "the unit was never reported"
        return
    at, verdict = text_of(figures["observed_at"]), figures["verdict"]
    parts = " + ".join(f"{part} {_term(figures[part])}" for part in ("opening", "fills", "explained", "unexplained"))
    yield f"as of event {figures['cut_seq']}, observed {at}, verdict {verdict}:"
    yield f"reported {text_of(figures['reported'])} = {parts}"
    row = details.row
    if row["owns_residual"] and row["closed_at"] is None:
        yield f"this break is {text_of(row['amount'])} of the unexplained amount"
    candidates = row["candidates"]
    if isinstance(candidates, list) and len(candidates) > 1:
        yield f"possible amounts: {', '.join(text_of(amount) for amount in candidates)}"


def _term(value: object) -> str:
    """Return a term of a sum, in brackets if negative."""
    term = text_of(value)
    return f"({term})" if term.startswith("-") and len(term) > 1 else term


def _cause(row: Row) -> Iterator[str]:
    note = f": {text_of(row['note'])}" if row["note"] else ""
    yield f"{text_of(row['cause'])}, {text_of(row['certainty'])}{note}"
    for item in _items(row):
        amount = "" if item.get("amount") is None else f" [{text_of(item['amount'])}]"
        place = "" if item.get("seq") is None else f" (event {item['seq']})"
        yield f"- {text_of(item['text'])}{amount}{place}"
    proposal = row["proposal"]
    if isinstance(proposal, Mapping):
        who = "" if proposal.get("authenticated") else "the shared login "
        yield f"proposed by {who}{text_of(proposal['login'])}: {_proposed(proposal)}, digest {proposal['digest']}"
        for item in proposal.get("evidence") or ():
            yield f"- {text_of(item)}"


def _proposed(proposal: Mapping[str, object]) -> str:
    until = proposal.get("until_us")
    if until is None:
        return f"{text_of(proposal['cause'])}, entry {text_of(proposal['entry'])}"
    return f"accept until {text_of(to_datetime(int(str(until))))}, up to {text_of(proposal['entry'])}"


def _tried(row: Row) -> Iterator[str]:
    for tried in sorted(_mappings(row["tried"]), key=lambda tried: not tried["fits"]):
        yield f"{'fits ' if tried['fits'] else 'fails'}  {text_of(tried['cause'])}: {text_of(tried['why'])}"


def _so_far(history: Sequence[Row]) -> Iterator[str]:
    left_out, state = max(0, len(history) - MAX_STEPS), None
    for index, step in enumerate(history):
        if not 0 < index <= left_out:
            same = step["state"] == state or str(step["event"]).startswith(str(step["state"]))
            now = "" if same else f", now {step['state']}"
            reason = f": {text_of(step['reason'])}" if step["reason"] else ""
            yield f"{text_of(step['at'])} event {step['seq']}: {step['event']}{now}{reason}"
        elif index == 1:
            yield f"… {left_out} steps"
        state = step["state"]


def _next(details: BreakDetails) -> Iterator[str]:
    advice = advice_on(details.row)
    if advice is not None:
        yield advice
    for step in details.steps:
        yield step_command(details.row, step)
    if details.steps and any(other["state"] in ACTIVE for other in details.same_case):
        yield f"for the whole case: --case {str(details.row['case_id'])[:SHORT]} instead of the id"


def _items(row: Row) -> list[Mapping[str, object]]:
    """Return the evidence but for the path, which stands by itself."""
    return [item for item in _mappings(row["evidence"]) if not has_path(item)]


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _decimal(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))
