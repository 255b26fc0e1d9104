"""`recon break show`: a break explained as a good colleague would.

What it is, since when, between which events, the arithmetic, the cause with its evidence, what was tried and why it
fits or fails, what happened to it so far, and what can be done next, with the commands to copy.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.cli.break_selection import SHORT, Chosen, person_steps
from recon.cli.output import Row, span, text_of
from recon.cli.queries import MAX_EVENTS, rows_of
from recon.exact import plain
from recon.ledger.rules import AccountRules
from recon.reconciliation.causes.registry import CAUSES
from recon.reconciliation.model.ageing import business_us
from recon.reconciliation.model.lifecycle import ACTIVE
from recon.times import microseconds, to_datetime

#: Events between the ends of the origin that are counted by kind; beyond it the count says `more than`.
MAX_COUNTED: Final = 10_000
#: Steps of a break's history that are shown: the first, and the latest of the others.
MAX_STEPS: Final = 40

_UNIT_VIEWS: Final = {"asset": ("balances", "asset"), "contract": ("positions", "symbol")}
_FIGURES: Final = (
    "opening", "fills", "expected", "explained", "reported", "drift", "unexplained", "in_flight", "verdict",
    "observed_at", "cut_seq", "reason",
)  # fmt: skip


class Told(msgspec.Struct, frozen=True):
    """All that is said of one break; rows are those of the views."""

    row: Row
    history: Sequence[Row]
    #: The events at both ends of its origin, and how many of which kind lie between, of its account.
    ends: Sequence[Row]
    kinds: Mapping[str, int]
    #: The unit's figures at its latest observation's cut, and its other active breaks.
    figures: Row
    others: Sequence[Row]
    partners: Sequence[Row]
    age: str
    steps: Sequence[str]


def gather(connection: Connection, chosen: Chosen, now: datetime, rules: AccountRules) -> Told:
    """Read all that is known of a break; it is as old as it is now, by the account's business days."""
    key = {"gateway": chosen.gateway, "id": chosen.id}
    row = rows_of(connection, "SELECT * FROM recon.breaks WHERE gateway = :gateway AND id = :id", key)[0]
    unit = {name: row[name] for name in ("gateway", "account", "unit_kind", "unit")}
    view, column = _UNIT_VIEWS[str(row["unit_kind"])]
    figures = rows_of(
        connection,
        f"SELECT {', '.join(_FIGURES)} FROM recon.{view}"  # noqa: S608 - names of our own
        f" WHERE gateway = :gateway AND account = :account AND {column} = :unit",
        unit,
    )
    other = "SELECT id, account, unit, state, cause, amount FROM recon.breaks WHERE gateway = :gateway AND id <> :id"
    return Told(
        row=row,
        history=rows_of(
            connection,
            "SELECT * FROM recon.break_history WHERE gateway = :gateway AND id = :id ORDER BY seq, number",
            key,
        ),
        ends=_ends(connection, row),
        kinds=_kinds(connection, row),
        figures=figures[0] if figures else {},
        others=rows_of(
            connection,
            f"{other} AND account = :account AND unit_kind = :unit_kind AND unit = :unit AND state = ANY(:active)"
            " ORDER BY opened_at, id",
            unit | {"id": chosen.id, "active": sorted(ACTIVE)},
        ),
        partners=rows_of(connection, f"{other} AND case_id = :case ORDER BY id", key | {"case": row["case_id"]}),
        age=_age(row["origin_at"], now, rules),
        steps=person_steps(chosen.state),
    )


def _age(origin: object, now: datetime, rules: AccountRules) -> str:
    """Write an age, and how much of it is business time where that is less."""
    if not isinstance(origin, datetime):
        return "not known"
    age = max(now - origin, timedelta())
    business = timedelta(
        microseconds=business_us(
            microseconds(origin),
            microseconds(now),
            cutoff_minute=rules.cutoff_minute,
            business_days=rules.business_days,
        )
    )
    return span(age) if business == age else f"{span(age)}, {span(business)} of it business time"


def _ends(connection: Connection, row: Row) -> list[Row]:
    return rows_of(
        connection,
        "SELECT seq, recorded_at, kind, account FROM recon.events"
        " WHERE gateway = :gateway AND seq = ANY(:seqs) ORDER BY seq",
        {"gateway": row["gateway"], "seqs": [row["after_seq"], row["until_seq"]]},
    )


def _kinds(connection: Connection, row: Row) -> dict[str, int]:
    """Count the account's events of the origin by their kind, most frequent first."""
    counted = rows_of(
        connection,
        "SELECT kind, count(*) AS events FROM (SELECT kind FROM recon.events WHERE gateway = :gateway"
        " AND seq BETWEEN :after_seq AND :until_seq AND account = :account LIMIT :most) AS e"
        " GROUP BY kind ORDER BY count(*) DESC, kind",
        {key: row[key] for key in ("gateway", "account", "after_seq", "until_seq")} | {"most": MAX_COUNTED},
    )
    return {str(each["kind"]): int(str(each["events"])) for each in counted}


def document(told: Told) -> Row:
    """Return it for a program: the break's columns, and beside them what the text is made of."""
    return {
        **told.row,
        "age": told.age,
        "figures": told.figures,
        "origin": {"ends": told.ends, "kinds": told.kinds, "command": _events_command(told)},
        "same_unit": told.others,
        "same_case": told.partners,
        "history": told.history,
        "next": [{"step": step, "command": _command(told.row, step)} for step in told.steps],
        "advice": _advice(told.row),
    }


def text(told: Told) -> str:
    """Return it for a person: a heading, then a paragraph for each question."""
    row = told.row
    severity = f", {row['severity']}" if row["severity"] else ""
    lines = [f"break {row['id']}: {row['state']}{severity}"]
    for title, paragraph in (
        ("what", _what(told)),
        ("since", _since(told)),
        ("between", _between(told)),
        ("arithmetic", _arithmetic(told)),
        ("cause", _cause(row)),
        ("tried", _tried(row)),
        ("so far", _so_far(told.history)),
        ("next", _next(told)),
    ):
        said = list(paragraph)
        if said:
            lines += [title, *(f"  {line}" for line in said)]
    return "\n".join(lines) + "\n"


def _what(told: Told) -> Iterator[str]:
    row = told.row
    amount = _decimal(row["amount"])
    side = "more" if amount > 0 else "less"
    yield (
        f"{text_of(row['account'])} on {text_of(row['gateway'])}: {plain(abs(amount))} {text_of(row['unit'])} {side} is"
        f" reported than the books expect, {_worth(row['amount_usd'])}"
    )
    if not row["owns_residual"]:
        yield "it is a contradiction inside the reports, and no part of the unit's drift"
    if row["occurrences"] != 1:
        yield f"it has opened {row['occurrences']} times"
    if row["assignee"]:
        yield f"{text_of(row['assignee'])} looks after it"
    if row["state"] == "accepted":
        yield f"accepted until {text_of(row['accepted_until'])}, up to {text_of(row['accepted_amount'])}"
    if row["offset_by"]:
        yield f"break {row['offset_by']} is the opposite step: the two cancel, which mends neither"
    for other in told.partners:
        yield f"of the same case {row['case_id']}: {_named(other)}"
    for other in told.others:
        yield f"on the same unit: {_named(other)}"


def _worth(usd: object) -> str:
    return "of unknown worth" if usd is None else f"worth {plain(abs(_decimal(usd)).quantize(Decimal('0.01')))} USD"


def _named(other: Row) -> str:
    return f"{other['id']}, {text_of(other['amount'])} {text_of(other['unit'])}, {other['state']}, {other['cause']}"


def _since(told: Told) -> Iterator[str]:
    row = told.row
    yield f"{text_of(row['origin_at'])} it was first seen in a report, {text_of(row['opened_at'])} it was a break"
    if row["closed_at"] is None:
        yield f"age: {told.age}"
    else:
        yield f"{text_of(row['closed_at'])} it was over"


def _between(told: Told) -> Iterator[str]:
    row, ends = told.row, {each["seq"]: each for each in told.ends}
    first, last = ends.get(row["after_seq"]), ends.get(row["until_seq"])
    yield f"after  {'the beginning of the log' if first is None else _event(first)}"
    if last is not None:
        yield f"up to  {_event(last)}"
    if row["gap"] is not None:
        yield f"not observed {text_of(row['gap'])}"
    counted = sum(told.kinds.values())
    if counted:
        kinds = ", ".join(f"{count} {text_of(kind)}" for kind, count in told.kinds.items())
        yield f"of the account {'more than ' if counted >= MAX_COUNTED else ''}{counted} events: {kinds}"
    yield _events_command(told)


def _event(row: Row) -> str:
    return f"event {row['seq']}, {text_of(row['recorded_at'])}, {text_of(row['kind'])} {text_of(row['account'])}"


def _events_command(told: Told) -> str:
    row = told.row
    limit = min(max(1, sum(told.kinds.values())), MAX_EVENTS)
    return _shell(
        "recon", "events", "--gateway", row["gateway"], "--account", row["account"], "--since", row["after_seq"],
        "--limit", limit,
    )  # fmt: skip


def _arithmetic(told: Told) -> Iterator[str]:
    figures = told.figures
    if figures.get("reported") is None:
        yield "the unit was never reported"
        return
    at, verdict = text_of(figures["observed_at"]), figures["verdict"]
    parts = " + ".join(f"{part} {_term(figures[part])}" for part in ("opening", "fills", "explained", "unexplained"))
    yield f"as of event {figures['cut_seq']}, observed {at}, verdict {verdict}:"
    yield f"reported {text_of(figures['reported'])} = {parts}"
    row = told.row
    if row["owns_residual"] and row["closed_at"] is None:
        yield f"of what is unexplained, {text_of(row['amount'])} is this break"
    candidates = row["candidates"]
    if isinstance(candidates, list) and len(candidates) > 1:
        yield f"the reports allow several amounts: {', '.join(text_of(each) for each in candidates)}"


def _term(value: object) -> str:
    """Write a term of a sum; a negative one in brackets."""
    term = text_of(value)
    return f"({term})" if term.startswith("-") and len(term) > 1 else term


def _cause(row: Row) -> Iterator[str]:
    note = f": {text_of(row['note'])}" if row["note"] else ""
    yield f"{text_of(row['cause'])}, {text_of(row['certainty'])}{note}"
    for each in _list(row["evidence"]):
        amount = "" if each.get("amount") is None else f" [{text_of(each['amount'])}]"
        place = "" if each.get("seq") is None else f" (event {each['seq']})"
        yield f"- {text_of(each['text'])}{amount}{place}"
    proposal = row["proposal"]
    if isinstance(proposal, Mapping):
        who = "" if proposal.get("authenticated") else "the shared login "
        yield f"proposed by {who}{text_of(proposal['login'])}: {_proposed(proposal)}, digest {proposal['digest']}"
        for word in proposal.get("evidence") or ():
            yield f"- {text_of(word)}"


def _proposed(proposal: Mapping[str, object]) -> str:
    until = proposal.get("until_us")
    if until is None:
        return f"{text_of(proposal['cause'])}, entry {text_of(proposal['entry'])}"
    return f"to accept it until {text_of(to_datetime(int(str(until))))}, up to {text_of(proposal['entry'])}"


def _tried(row: Row) -> Iterator[str]:
    for each in sorted(_list(row["tried"]), key=lambda each: not each["fits"]):
        yield f"{'fits ' if each['fits'] else 'fails'}  {text_of(each['cause'])}: {text_of(each['why'])}"


def _so_far(history: Sequence[Row]) -> Iterator[str]:
    left_out, state = max(0, len(history) - MAX_STEPS), None
    for index, step in enumerate(history):
        if not 0 < index <= left_out:
            told = step["state"] == state or str(step["event"]).startswith(str(step["state"]))
            now = "" if told else f", now {step['state']}"
            reason = f": {text_of(step['reason'])}" if step["reason"] else ""
            yield f"{text_of(step['at'])} event {step['seq']}: {step['event']}{now}{reason}"
        elif index == 1:
            yield f"… {left_out} steps"
        state = step["state"]


def _next(told: Told) -> Iterator[str]:
    advice = _advice(told.row)
    if advice is not None:
        yield advice
    for step in told.steps:
        yield _command(told.row, step)
    if told.steps and any(other["state"] in ACTIVE for other in told.partners):
        yield f"for the whole case: --case {str(told.row['case_id'])[:SHORT]} in place of the id"


def _advice(row: Row) -> str | None:
    """Say what proves or mends the cause; None where nothing is known, or nothing is left to do."""
    if row["closed_at"] is not None:
        return None
    cause = CAUSES.get(str(row["cause"]))
    if cause is None or cause.advice is None:
        return None
    kind = "--asset" if row["unit_kind"] == "asset" else "--symbol"
    unit = ("--gateway", row["gateway"], "--account", row["account"], kind, row["unit"])
    record = _shell("recon", "record", cause.booked_as, *unit, f"--amount={text_of(row['amount'])}")
    return cause.advice.format(record=record)


def _command(row: Row, step: str) -> str:
    """Return the command that takes a step, what a person must fill in written in capitals."""
    short, proposal = str(row["id"])[:SHORT], row["proposal"]
    digest = str(proposal["digest"])[:SHORT] if isinstance(proposal, Mapping) else "DIGEST"
    own: Mapping[str, tuple[object, ...]] = {
        "assign": (short, "--to", "WHO"),
        "comment": (short, "--text", "TEXT"),
        "propose": (short, "--cause", row["cause"], f"--entry={text_of(row['amount'])}", "--evidence", "TEXT"),
        "approve": (digest,),
        "reject": (digest, "--text", "WHY"),
        "accept": (short, "--until", "WHEN", "--amount", plain(abs(_decimal(row["amount"])))),
        "reopen": (short, "--text", "WHY"),
    }
    return _shell("recon", "break", step, *own.get(step, (short,)))


def _shell(*words: object) -> str:
    """Write a command line that a shell reads as these words."""
    return shlex.join(text_of(word) for word in words)


def _list(value: object) -> list[Mapping[str, object]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _decimal(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))
