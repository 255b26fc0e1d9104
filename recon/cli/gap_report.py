"""What gaps came to, and what is still open of them, for a person: a row for each gap, a question for each doubt. Pure.

1. A gap is a stretch in which an account was not observed, with the catch-up that followed (recon.catch_ups). Time that
   was not covered and belongs to none, such as a first session without snapshots, is a row of its own.
2. Every open question is told with its own stretch, however old that is, and with the command that settles it: of an
   order that is not accounted for the order, of anything else the stretch.
"""

from __future__ import annotations

import re
import shlex
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from recon.cli.output import Row, text_of
from recon.ems.diagnostics.report import counted

#: Less than this without a gap is the beginning of a session: nobody can do anything about it.
LEAST: Final = timedelta(seconds=1)

#: The last question of a catch-up that has more than it keeps in words: each order is known beside it.
_AND_MORE: Final = re.compile(r"and \d+ more")
#: How questions begin: about an order, about orders that nobody knows of, and the word that a later gap has taken over.
_OF_ORDER: Final = "order "
_OF_HISTORY: Final = "orders born and finished inside "
_ASKED_ON: Final = "its open questions are asked on"
#: How a question about a list goes on: "balances could not be read: why".
_NOT_READ: Final = " could not be read"
#: The same in a word, where there is no room for the sentence.
HISTORY: Final = "order history"
_NOT_TOLD: Final = "it was open before a gap, and what became of it is not known"


class Seen(msgspec.Struct, frozen=True):
    """What the views tell: accounts; the stretches that were not covered; catch-ups, each oldest first."""

    accounts: Sequence[Row]
    stretches: Sequence[Row]
    catch_ups: Sequence[Row]


def gaps(seen: Seen, *, since: datetime, now: datetime, every: bool) -> list[Row]:
    """Return a row for each gap that reaches into the time from `since` on, or of which something is open."""
    found: list[Row] = []
    for account in seen.accounts:
        stretches, catch_ups = _of(account, seen.stretches), _of(account, seen.catch_ups)
        found += [_gap(row, stretches, now) for row in catch_ups if stands(row) or _reaches(row, since)]
        for island in _islands(stretches):
            row = _without_catch_up(island)
            if not _belongs(island, catch_ups) and (every or row["gap"] or _long(row)):
                found.append(row)
    return sorted(found, key=lambda row: (row["from_time"], row["gateway"], row["account"]))


def _of(account: Row, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if (row["gateway"], row["account"]) == (account["gateway"], account["account"])]


def stands(catch_up: Row) -> bool:
    """Tell whether something is open of a stretch that a person can settle."""
    return catch_up["state"] == "open" and any(
        not question.startswith(_ASKED_ON) for question in _texts(catch_up["open_questions"])
    )


def _reaches(catch_up: Row, since: datetime) -> bool:
    if catch_up["state"] in {"waiting", "running"} or catch_up["until_time"] is None:
        return True
    return any(isinstance(at, datetime) and at > since for at in (catch_up["until_time"], catch_up["ended_at"]))


def _gap(row: Row, stretches: Sequence[Row], now: datetime) -> Row:
    whole = row["state"] == "whole"
    return {
        **{key: row[key] for key in ("gateway", "account", "from_seq", "until_seq", "from_time")},
        "back_at": row["until_time"],
        "whole_at": row["ended_at"] if whole else None,
        "open": None if whole else _what_is_open(row),
        "reasons": _reasons(row, stretches),
        "lasted": _lasted(row, now),
        **{key: row[key] for key in ("history", "orders_settled", "orders_found", "fills_found", "requests")},
        "gap": True,
    }


def _what_is_open(row: Row) -> str:
    """Say in a few words what is not accounted for; the questions say it in full."""
    questions = _texts(row["open_questions"])
    if row["state"] != "open" or not questions:
        return str(row["outcome"])
    orders = sum(question.startswith(_OF_ORDER) for question in questions)
    more = sum(int(question.split()[1]) for question in questions if _AND_MORE.fullmatch(question))
    others = [short(each) for each in questions if not each.startswith(_OF_ORDER) and not _AND_MORE.fullmatch(each)]
    named = [counted(orders + more, "order")] if orders + more else []
    return f"open: {', '.join(dict.fromkeys(named + others))}"


def short(question: str) -> str:
    """Return a question in the room of a table's row: what is told of by the sentence in a word."""
    if question.startswith(_OF_HISTORY):
        return HISTORY
    what, found, _ = question.partition(_NOT_READ)
    return what if found else question


def _reasons(row: Row, stretches: Sequence[Row]) -> list[str]:
    """Return why sight was lost, each reason once; a gap may be prolonged by another."""
    begin = bisect_left(stretches, _seq(row["from_seq"]), key=lambda each: _seq(each["from_seq"]))
    until = None if row["until_seq"] is None else _seq(row["until_seq"])
    reasons: dict[str, None] = {str(row["reason"]): None}
    for each in stretches[begin:]:
        if until is not None and _seq(each["from_seq"]) >= until:
            break
        if each["state"] == "gap":
            reasons[str(each["reason"])] = None
    return list(reasons)


def _lasted(row: Row, now: datetime) -> timedelta | None:
    begin, end = row["from_time"], row["until_time"] or now
    return end - begin if isinstance(begin, datetime) and isinstance(end, datetime) else None


def _islands(stretches: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield stretches that follow each other without any that was covered between them."""
    island: list[Row] = []
    for row in stretches:
        if island and island[-1]["until_seq"] != row["from_seq"]:
            yield island
            island = []
        island.append(row)
    if island:
        yield island


def _belongs(island: Sequence[Row], catch_ups: Sequence[Row]) -> bool:
    """Tell whether a catch-up tells of these stretches already."""
    begin, end = _seq(island[0]["from_seq"]), island[-1]["until_seq"]
    before = [row for row in catch_ups if end is None or _seq(row["from_seq"]) < _seq(end)]
    if not before:
        return False
    last = before[-1]
    ended = last["ended_seq"]
    return _seq(last["from_seq"]) >= begin or last["state"] != "whole" or ended is None or _seq(ended) >= begin


def _without_catch_up(island: Sequence[Row]) -> Row:
    first, last = island[0], island[-1]
    lost = [row for row in island if row["state"] == "gap"]
    lengths = [row["lasted"] for row in island if isinstance(row["lasted"], timedelta)]
    return {
        **{key: first[key] for key in ("gateway", "account", "from_seq", "from_time")},
        "until_seq": last["until_seq"],
        "back_at": lost[-1]["until_time"] if lost else None,
        "whole_at": last["until_time"],
        "open": text_of(last["state"]).replace("_", " ") if last["until_time"] is None else None,
        "reasons": list(dict.fromkeys(str(row["reason"]) for row in island)),
        "lasted": sum(lengths, timedelta()),
        **dict.fromkeys(("history", "orders_settled", "orders_found", "fills_found", "requests")),
        "gap": bool(lost),
    }


def _long(row: Row) -> bool:
    return row["whole_at"] is None or (isinstance(row["lasted"], timedelta) and row["lasted"] >= LEAST)


def open_questions(seen: Seen) -> list[Row]:
    """Return what is not accounted for: of each account its orders first, then what else is open of each stretch."""
    found: list[Row] = []
    for account in seen.accounts:
        catch_ups = _of(account, seen.catch_ups)
        own = [row for row in catch_ups if stands(row)]
        orders = _texts(account["unaccounted_orders"])
        found += [_of_order(account, order, own or catch_ups) for order in orders]
        begins = tuple(_begin(order) for order in orders)
        for row in own:
            for question in _texts(row["open_questions"]):
                stale = row is not own[-1] and question.startswith(_OF_ORDER)
                if not stale and not question.startswith((*begins, _ASKED_ON)) and not _AND_MORE.fullmatch(question):
                    found.append(_question(account, row, question, command=_settles_gap(account, row)))
    return found


def _of_order(account: Row, order: str, catch_ups: Sequence[Row]) -> Row:
    """Return the question about an order, with the last stretch that names it, or else the last one that there is."""
    row = catch_ups[-1] if catch_ups else {}
    question = f"{_begin(order)}{_NOT_TOLD}"
    for each in reversed(catch_ups):
        asked = next((text for text in _texts(each["open_questions"]) if text.startswith(_begin(order))), None)
        if asked is not None:
            row, question = each, asked
            break
    command = _command(account, "order", "settle", "--order", order)
    return _question(account, row, question, order=order, command=command)


def _settles_gap(account: Row, row: Row) -> str:
    return _command(account, "coverage", "settle", "--from", text_of(row["from_seq"]))


def _command(account: Row, what: str, verb: str, option: str, value: str) -> str:
    """Return the command that settles something of an account; nothing in it is escaped, or it would mean another."""
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
