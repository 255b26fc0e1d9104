"""What can be done on the screen of a case, by whom, and what was shown when it was decided. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from recon.display.figures import figure
from recon.display.words import safe
from recon.reads.case.model import Case, Leg
from recon.reconciliation.breaks.decisions import joint_digest
from recon.reconciliation.model.lifecycle import PERSON_STEPS

#: The life of a case, as its screen shows it.
LIFE: Final = ("open", "assigned", "investigating", "proposed", "resolved")
#: The name of the field that selects a case in a list; its id follows, and the value is what was shown.
TICK: Final = "case-"
#: Most cases that one form decides on; a form has 100 fields at most.
MOST_TICKED: Final = 50
_ENDS: Final = frozenset({"resolved", "explained", "cleared"})


class Waiting(msgspec.Struct, frozen=True):
    """A proposal that waits: its digest, who proposed what, and why the viewer may not approve it; None: they may."""

    digest: str
    by: str
    what: str
    entries: str
    evidence: Sequence[str]
    why_not: str | None


class Stage(msgspec.Struct, frozen=True):
    """A state in the life of a case: past, now, or still to come."""

    word: str
    past: bool
    here: bool


def steps_of(case: Case) -> frozenset[str]:
    """Return what a person may do with at least one break of the case."""
    return frozenset(step for leg in case.legs for step in leg.steps) & PERSON_STEPS


def shown_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a digest of what a person sees of a case's breaks when they decide."""
    parts = [
        "|".join(
            str(each)
            for each in (
                row["id"], row["state"], row["cause"], row["amount"], row["assignee"], row["accepted_until"],
                (row["proposal"] or {}).get("digest") if row["state"] == "proposed" else None,
            )
        )
        for row in sorted(rows, key=lambda row: str(row["id"]))
    ]  # fmt: skip
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def words_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the same in words, so that a person sees what changed."""
    return ", ".join(
        f"{figure(Decimal(row['amount']), signed=True).text} {safe(str(row['unit']))} {row['cause']}, {row['state']}"
        + (f", {safe(str(row['assignee']))}" if row["assignee"] else "")
        for row in sorted(rows, key=lambda row: (int(row["until_seq"] or 0), str(row["id"])))
    )


def waiting_of(case: Case, login: str | None) -> list[Waiting]:
    """Return the proposals of a case that wait, as the viewer sees them."""
    together: dict[tuple[str, int], list[Leg]] = {}
    for leg in case.active:
        if leg.row["state"] == "proposed":
            together.setdefault((str(leg.row["gateway"]), int(leg.row["proposal"]["seq"])), []).append(leg)
    return [_waiting(case, legs, case.proposals[key], login) for key, legs in together.items()]


def _waiting(case: Case, legs: Sequence[Leg], digests: Sequence[str], login: str | None) -> Waiting:
    proposal = legs[0].row["proposal"]
    until = proposal.get("until_us") is not None
    entries = ", ".join(
        f"{figure(Decimal(str(leg.row['proposal']['entry'])), signed=not until).text} {safe(str(leg.row['unit']))}"
        for leg in legs
    )
    own = login is not None and proposal["login"] == login
    why_not = f"{login} proposed it; above {figure(case.material_usd).text} USD another login approves"
    return Waiting(
        digest=joint_digest(list(digests)),
        by=safe(str(proposal["login"])),
        what="accept it for a while" if until else safe(str(proposal["cause"])),
        entries=entries,
        evidence=[safe(str(item)) for item in proposal.get("evidence") or ()],
        why_not=why_not if own and is_material(legs, case.material_usd) else None,
    )


def is_material(legs: Sequence[Leg], limit: Decimal) -> bool:
    """True if a second person decides on these breaks, as far as can be said here; the database decides."""
    sizes = [leg.row["amount_usd"] for leg in legs]
    return any(size is None for size in sizes) or sum((abs(Decimal(size)) for size in sizes), Decimal(0)) > limit


def who_approves(case: Case) -> str:
    """Return in words who may approve what would be proposed now."""
    if is_material(case.active, case.material_usd):
        return f"Above {figure(case.material_usd).text} USD, or where no rate is known, a second login approves."
    return f"Up to {figure(case.material_usd).text} USD one login may approve."


def life_of(case: Case) -> list[Stage]:
    """Return the states of the case's life, with those that it went through."""
    states = [str(leg.row["state"]) for leg in case.active or case.legs]
    order = ("open", "assigned", "investigating", "proposed", "accepted", "resolved", "explained", "cleared")
    now = min(states, key=order.index)
    been = {str(step["state"]) for leg in case.legs for step in leg.history}
    line = [*LIFE[:-1], now if now in _ENDS or now == "accepted" else LIFE[-1]]
    return [Stage(word, word in been and word != now, word == now) for word in dict.fromkeys(line)]


def to_propose(case: Case) -> list[Leg]:
    """Return the legs that a proposal explains: what is over, or waits already, is none of them."""
    return [leg for leg in case.legs if "propose" in leg.steps]


def causes_of(case: Case) -> list[str]:
    """Return the causes that fit, the own ones of what can be proposed first."""
    legs = to_propose(case) or case.legs
    fitting = [str(leg.row["cause"]) for leg in legs]
    fitting += [
        str(tried["cause"])
        for leg in legs
        for tried in leg.row["tried"] or ()
        if isinstance(tried, Mapping) and tried.get("fits")
    ]
    return list(dict.fromkeys(fitting))
