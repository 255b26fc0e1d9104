"""What to do about a case: advice by its cause, and commands to copy, which act on the whole case. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from recon.display.figures import figure
from recon.display.ids import DIGEST
from recon.display.words import counted, safe
from recon.exact import plain
from recon.reads.case.model import Case, Leg, Row
from recon.reads.case.opposite import named
from recon.reconciliation.breaks.decisions import joint_digest
from recon.reconciliation.causes.registry import CAUSES

#: Characters of a break's id in a command.
SHORT: Final = 10
#: Most events that a command is asked to show.
MAX_EVENTS: Final = 100_000


class Advice(NamedTuple):
    """Something that can be done now: what it is, and the commands for it."""

    what: str
    commands: tuple[str, ...] = ()


def events_command(leg: Leg) -> str:
    """Return the command that shows the account's events of a break's origin."""
    row = leg.row
    limit = min(max(1, sum(leg.kinds.values())), MAX_EVENTS)
    return shell(
        "recon", "events", "--gateway", row["gateway"], "--account", row["account"], "--since", row["after_seq"],
        "--limit", limit,
    )  # fmt: skip


def advice_on(row: Row) -> str | None:
    """Return what proves or settles the cause; None where there is no advice, or the break is closed."""
    if row["closed_at"] is not None:
        return None
    cause = CAUSES.get(str(row["cause"]))
    if cause is None or cause.advice is None:
        return None
    kind = "--asset" if row["unit_kind"] == "asset" else "--symbol"
    place = ("--gateway", row["gateway"], "--account", row["account"])
    record = shell("recon", "record", cause.booked_as, *place, kind, row["unit"], f"--amount={_plain(row['amount'])}")
    return cause.advice.format(record=record, place=shell(*place))


def step_command(
    row: Row, step: str, case: str | None = None, *, proposed: Mapping[tuple[str, int], Sequence[str]] = {}
) -> str:
    """Return the command that takes a step; words in capitals are for a person to fill in.

    With a case the step is for all its breaks: one leg alone would leave half of what happened. `proposed` has the
    digests of what was proposed together, by gateway and log position.
    """
    short, proposal = str(row["id"])[:SHORT], row["proposal"]
    what = (short,) if case is None else ("--case", case)
    entry = (f"--entry={_plain(row['amount'])}",) if case is None else ()
    up_to = ("--amount", _plain(abs(Decimal(str(row["amount"]))))) if case is None else ()
    digest = "DIGEST"
    if isinstance(proposal, Mapping):
        alone = [str(proposal["digest"])]
        digest = joint_digest(proposed.get((str(row["gateway"]), int(proposal["seq"])), alone))[:DIGEST]
    arguments: Mapping[str, tuple[object, ...]] = {
        "assign": (*what, "--to", "WHO"),
        "comment": (*what, "--text", "TEXT"),
        "propose": (*what, "--cause", row["cause"], *entry, "--evidence", "TEXT"),
        "approve": (digest,),
        "reject": (digest, "--text", "WHY"),
        "accept": (*what, "--until", "WHEN", *up_to),
        "reopen": (*what, "--text", "WHY"),
    }
    return shell("recon", "break", step, *arguments.get(step, what))


def proposing_command(case: Case, leg: Leg) -> str:
    """Return the command that proposes a leg's own cause: for its case, or for those legs that have the same cause."""
    able = [each for each in case.active if "propose" in each.steps]
    alike = [each for each in able if each.row["cause"] == leg.row["cause"]]
    if len(alike) == len(able):
        return step_command(leg.row, "propose", case.short)
    ids = [str(each.row["id"])[:SHORT] for each in alike]
    return shell("recon", "break", "propose", *ids, "--cause", leg.row["cause"], "--evidence", "TEXT")


def advices(case: Case) -> list[Advice]:
    """Return what can be done about a case now, the most useful first."""
    active = case.active
    if not active:
        return _about_what_is_over(case)
    proposed = [leg for leg in active if leg.row["state"] == "proposed"]
    told = [leg for leg in active if not leg.opposite]
    return [
        *_approvals(case, proposed), *_taking_back(active), *_taking_up(case), *_proofs(told), *_proposing(case),
        *_living_with_it(case),
    ]  # fmt: skip


def _about_what_is_over(case: Case) -> list[Advice]:
    leg = next((leg for leg in case.legs if "reopen" in leg.steps), None)
    if leg is None:
        return []
    return [Advice("it is over; if it should not be, open it again", (step_command(leg.row, "reopen", case.short),))]


def _approvals(case: Case, proposed: list[Leg]) -> list[Advice]:
    """Return what to decide on: breaks that one decision proposed are approved together."""
    together: dict[tuple[str, int], list[Leg]] = {}
    for leg in proposed:
        together.setdefault((str(leg.row["gateway"]), int(leg.row["proposal"]["seq"])), []).append(leg)
    found: list[Advice] = []
    for key, legs in together.items():
        proposal, digests = legs[0].row["proposal"], case.proposals[key]
        digest = joint_digest(digests)[:DIGEST]
        others = len(digests) - len(legs)
        also = f", with {counted(others, 'break')} of other cases" if others else ""
        until = " to accept it for a while" if proposal.get("until_us") is not None else f" {safe(proposal['cause'])}"
        who = f"{safe(proposal['login'])} proposed{until}"
        # What is proposed of several cases is worth more than this one.
        approves = "a second login approves" if others else _who_decides(case)
        second = "" if proposal.get("authenticated") else " (under a login that people share)"
        found += [
            Advice(f"{who}{also}{second}; {approves}", (shell("recon", "break", "approve", digest),)),
            Advice("or rejects", (shell("recon", "break", "reject", digest, "--text", "WHY"),)),
        ]
    return found


def _taking_back(active: Sequence[Leg]) -> Iterator[Advice]:
    """Yield how to take back facts that reports do not bear out: to book the opposite as something else tells twice.

    Nothing is erased (semantics 10): an adjustment says which fact it takes back.
    """
    for leg in active:
        row, kind = leg.row, "--asset" if leg.row["unit_kind"] == "asset" else "--symbol"
        for fact in leg.opposite:
            command = shell(
                "recon", "record", "adjustment", "--gateway", row["gateway"], "--account", row["account"], kind,
                row["unit"], f"--amount={_plain(-fact['amount'])}", "--text", f"takes back {fact['external_id']}",
            )  # fmt: skip
            yield Advice(f"if {named(fact)} did not happen, take it back", (command,))


def _taking_up(case: Case) -> list[Advice]:
    leg = next((leg for leg in case.active if leg.row["state"] == "open"), None)
    if leg is None:
        return []
    return [Advice("take it up, so that others know", (step_command(leg.row, "assign", case.short),))]


def _proofs(active: list[Leg]) -> list[Advice]:
    """Return what proves or settles the causes: advice that several breaks share is said once."""
    commands: dict[str, list[str]] = {}
    for leg in active:
        text = advice_on(leg.row)
        if text is not None:
            what, _, command = text.partition(": recon ")
            if command:
                commands.setdefault(what, []).append(f"recon {command}")
            else:
                commands.setdefault(what, [])
    return [Advice(what, tuple(dict.fromkeys(each))) for what, each in commands.items()]


def _proposing(case: Case) -> list[Advice]:
    able = [leg for leg in case.active if "propose" in leg.steps and leg.row["state"] != "proposed"]
    if not able:
        return []
    commands = tuple(dict.fromkeys(proposing_command(case, leg) for leg in able))
    legs = {1: "", 2: " for both legs"}.get(len(able), f" for all {len(able)} legs")
    if len(commands) > 1:
        legs = ", each leg's own"
    return [Advice(f"propose the cause{legs} ({_who_decides(case)})", commands)]


def _who_decides(case: Case) -> str:
    limit, worth = case.material_usd, case.worth
    bound = f"{figure(limit).text} USD"
    if worth is None:
        return "its worth is not known, so a second login approves"
    return f"above {bound} a second login approves" if worth > limit else f"up to {bound} one login may approve"


def _living_with_it(case: Case) -> list[Advice]:
    leg = next((leg for leg in case.active if "accept" in leg.steps and leg.row["state"] != "proposed"), None)
    if leg is None:
        return []
    command = shell("recon", "break", "accept", "--case", case.short, "--until", "1d")
    return [Advice("live with it for a while", (command,))]


def shell(*words: object) -> str:
    """Return words as a shell takes them."""
    return shlex.join(safe(str(word)) for word in words)


def _plain(value: object) -> str:
    return plain(value if isinstance(value, Decimal) else Decimal(str(value)))
