"""What to do about a break: advice by its cause, and commands to copy."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from decimal import Decimal

from recon.cli.break_details import BreakDetails
from recon.cli.output import Row, text_of
from recon.cli.queries import MAX_EVENTS
from recon.deciding.selection import SHORT
from recon.exact import plain
from recon.reconciliation.causes.registry import CAUSES


def events_command(details: BreakDetails) -> str:
    """Return the command that shows the account's events of the break's origin."""
    row = details.row
    limit = min(max(1, sum(details.kinds.values())), MAX_EVENTS)
    return _shell(
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
    unit = ("--gateway", row["gateway"], "--account", row["account"], kind, row["unit"])
    record = _shell("recon", "record", cause.booked_as, *unit, f"--amount={text_of(row['amount'])}")
    return cause.advice.format(record=record)


def step_command(row: Row, step: str) -> str:
    """Return the command that takes a step; words in capitals are for a person to fill in."""
    short, proposal = str(row["id"])[:SHORT], row["proposal"]
    digest = str(proposal["digest"])[:SHORT] if isinstance(proposal, Mapping) else "DIGEST"
    arguments: Mapping[str, tuple[object, ...]] = {
        "assign": (short, "--to", "WHO"),
        "comment": (short, "--text", "TEXT"),
        "propose": (short, "--cause", row["cause"], f"--entry={text_of(row['amount'])}", "--evidence", "TEXT"),
        "approve": (digest,),
        "reject": (digest, "--text", "WHY"),
        "accept": (short, "--until", "WHEN", "--amount", plain(abs(Decimal(str(row["amount"]))))),
        "reopen": (short, "--text", "WHY"),
    }
    return _shell("recon", "break", step, *arguments.get(step, (short,)))


def _shell(*words: object) -> str:
    return shlex.join(text_of(word) for word in words)
