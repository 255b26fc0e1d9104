"""Gaps and their open questions, for a person: one row a gap, one row a question. Pure.

1. A gap is a stretch in which an account was not covered, with the catch-up that followed (recon.catch_ups). Uncovered
   time without a catch-up, such as a first session without snapshots, is a row of its own.
2. Every open question is shown with its gap, however old, and with the command that settles it: the order's for an
   order that is not accounted for, else the gap's.
"""

from __future__ import annotations

import re
import shlex
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec

from recon.display.words import counted

#: A row of a view, by its columns.
Row: TypeAlias = Mapping[str, object]

#: Uncovered time shorter than this, without a gap, is the start of a session: there is nothing to do about it.
LEAST: Final = timedelta(seconds=1)

#: The last question of a catch-up with more orders than it names; the account lists all of them.
_AND_MORE: Final = re.compile(r"and \d+ more")
#: How questions start: about an order, about unknown orders, and that a later gap has taken the questions over.
_OF_ORDER: Final = "order "
_OF_HISTORY: Final = "orders born and finished inside "
_ASKED_ON: Final = "its open questions are asked on"
#: The middle of a question about a list: "balances could not be read: why".
_NOT_READ: Final = " could not be read"
#: The question about unknown orders in two words, where there is no room for the sentence.
HISTORY: Final = "order history"
_NOT_TOLD: Final = "it was open before a gap, and what became of it is not known"


class CoverageRows(msgspec.Struct, frozen=True):
    """Rows of the views: accounts, uncovered stretches, and catch-ups, oldest first."""

    accounts: Sequence[Row]
    stretches: Sequence[Row]
    catch_ups: Sequence[Row]


def gaps(rows: CoverageRows, *, since: datetime, every: bool) -> list[Row]:
    """Return a row for each gap that reaches into the time from `since` on, or has open questions."""
    result: list[Row] = []
    for account in rows.accounts:
        stretches, catch_ups = _of(account, rows.stretches), _of(account, rows.catch_ups)
        result += [_gap(row, stretches) for row in catch_ups if is_open(row) or _reaches(row, since)]
        for run in _uncovered_runs(stretches):
            row = _without_catch_up(run)
            if not _has_catch_up(run, catch_ups) and (every or row["gap"] or _is_long(row)):
                result.append(row)
    return sorted(result, key=lambda row: (row["from_time"], row["gateway"], row["account"]))


def _of(account: Row, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if (row["gateway"], row["account"]) == (account["gateway"], account["account"])]


def is_open(catch_up: Row) -> bool:
    """True if a gap has open questions that a person can settle."""
    return catch_up["state"] == "open" and any(
        not question.startswith(_ASKED_ON) for question in _texts(catch_up["open_questions"])
    )


def _reaches(catch_up: Row, since: datetime) -> bool:
    if catch_up["state"] in {"waiting", "running"} or catch_up["until_time"] is None:
        return True
    return any(isinstance(at, datetime) and at > since for at in (catch_up["until_time"], catch_up["ended_at"]))


def _gap(row: Row, stretches: Sequence[Row]) -> Row:
    complete = row["state"] == "whole"
    return {
        **{key: row[key] for key in ("gateway", "account", "from_seq", "until_seq", "from_time")},
        "back_at": row["until_time"],
        "whole_at": row["ended_at"] if complete else None,
        "open": None if complete else _open_summary(row),
        "reasons": _reasons(row, stretches),
        "lasted": row["unseen"],
        **{key: row[key] for key in ("history", "orders_settled", "orders_found", "fills_found", "requests")},
        "gap": True,
    }


def _open_summary(row: Row) -> str:
    """Return in a few words what is open; the questions say it in full."""
    questions = _texts(row["open_questions"])
    if row["state"] != "open" or not questions:
        return str(row["outcome"])
    orders = sum(question.startswith(_OF_ORDER) for question in questions)
    more = sum(int(question.split()[1]) for question in questions if _AND_MORE.fullmatch(question))
    others = [short(each) for each in questions if not each.startswith(_OF_ORDER) and not _AND_MORE.fullmatch(each)]
    named = [counted(orders + more, "order")] if orders + more else []
    return f"open: {', '.join(dict.fromkeys(named + others))}"


def short(question: str) -> str:
    """Return a question short enough for a table's row."""
    if question.startswith(_OF_HISTORY):
        return HISTORY
    what, found, _ = question.partition(_NOT_READ)
    return what if found else question


def _reasons(row: Row, stretches: Sequence[Row]) -> list[str]:
    """Return the reasons of a gap, each once; a later disconnect may have extended it."""
    begin = bisect_left(stretches, _seq(row["from_seq"]), key=lambda each: _seq(each["from_seq"]))
    until = None if row["until_seq"] is None else _seq(row["until_seq"])
    reasons: dict[str, None] = {str(row["reason"]): None}
    for each in stretches[begin:]:
        if until is not None and _seq(each["from_seq"]) >= until:
            break
        if each["state"] == "gap":
            reasons[str(each["reason"])] = None
    return list(reasons)


def _uncovered_runs(stretches: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield runs of uncovered stretches, with no covered time between them; each gap begins a run."""
    run: list[Row] = []
    for row in stretches:
        lost = bool(run) and row["state"] == "gap" and run[-1]["state"] != "gap"
        if run and (lost or run[-1]["until_seq"] != row["from_seq"]):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _has_catch_up(run: Sequence[Row], catch_ups: Sequence[Row]) -> bool:
    """True if a catch-up covers these stretches already."""
    begin, end = _seq(run[0]["from_seq"]), run[-1]["until_seq"]
    # A gap of one event ends where it begins.
    before = [row for row in catch_ups if end is None or _seq(row["from_seq"]) < max(_seq(end), begin + 1)]
    if not before:
        return False
    last = before[-1]
    ended = last["ended_seq"]
    return _seq(last["from_seq"]) >= begin or last["state"] != "whole" or ended is None or _seq(ended) >= begin


def _without_catch_up(run: Sequence[Row]) -> Row:
    first, last = run[0], run[-1]
    lost = [row for row in run if row["state"] == "gap"]
    lengths = [row["lasted"] for row in lost or run if isinstance(row["lasted"], timedelta)]
    return {
        **{key: first[key] for key in ("gateway", "account", "from_seq", "from_time")},
        "until_seq": last["until_seq"],
        "back_at": lost[-1]["until_time"] if lost else None,
        "whole_at": last["until_time"],
        "open": str(last["state"]).replace("_", " ") if last["until_time"] is None else None,
        "reasons": list(dict.fromkeys(str(row["reason"]) for row in run)),
        "lasted": sum(lengths, timedelta()),
        **dict.fromkeys(("history", "orders_settled", "orders_found", "fills_found", "requests")),
        "gap": bool(lost),
    }


def _is_long(row: Row) -> bool:
    return row["whole_at"] is None or (isinstance(row["lasted"], timedelta) and row["lasted"] >= LEAST)


def open_questions(rows: CoverageRows) -> list[Row]:
    """Return the open questions: of each account its orders first, then what else is open in each gap."""
    result: list[Row] = []
    for account in rows.accounts:
        catch_ups = _of(account, rows.catch_ups)
        own = [row for row in catch_ups if is_open(row)]
        orders = _texts(account["unaccounted_orders"])
        result += [_order_question(account, order, own or catch_ups) for order in orders]
        begins = tuple(_begin(order) for order in orders)
        for row in own:
            for question in _texts(row["open_questions"]):
                stale = row is not own[-1] and question.startswith(_OF_ORDER)
                if not stale and not question.startswith((*begins, _ASKED_ON)) and not _AND_MORE.fullmatch(question):
                    result.append(_question(account, row, question, command=_settle_gap_command(account, row)))
    return result


def _order_question(account: Row, order: str, catch_ups: Sequence[Row]) -> Row:
    """Return the question about an order, with the last gap that names it, or else the last gap."""
    row = catch_ups[-1] if catch_ups else {}
    question = f"{_begin(order)}{_NOT_TOLD}"
    for catch_up in reversed(catch_ups):
        asked = next((text for text in _texts(catch_up["open_questions"]) if text.startswith(_begin(order))), None)
        if asked is not None:
            row, question = catch_up, asked
            break
    command = _command(account, "order", "settle", "--order", order)
    return _question(account, row, question, order=order, command=command)


def _settle_gap_command(account: Row, row: Row) -> str:
    return _command(account, "coverage", "settle", "--from", str(row["from_seq"]))


def _command(account: Row, what: str, verb: str, option: str, value: str) -> str:
    """Return the command that settles a question. Ids are not escaped, or they would name something else."""
    where = ["--gateway", str(account["gateway"]), "--account", str(account["account"])]
    return shlex.join(["recon", what, verb, *where, option, value, "--text", "TEXT"])


def _question(account: Row, row: Row, question: str, *, command: str, order: str | None = None) -> Row:
    times: Mapping[str, object] = {key: row.get(key) for key in ("from_seq", "until_seq", "from_time", "until_time")}
    return {
        "gateway": account["gateway"],
        "account": account["account"],
        **times,
        "question": question,
        "order": order,
        "command": command,
    }


def _begin(order: str) -> str:
    return f"{_OF_ORDER}{order}: "


def _seq(value: object) -> int:
    return value if isinstance(value, int) else 0


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
