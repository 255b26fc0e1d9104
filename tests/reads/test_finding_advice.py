"""Every kind of finding that recon notes has something to do, or says that there is nothing."""

from __future__ import annotations

import ast
from pathlib import Path

from recon.reads.finding_advice import ADVICE, advice_on, needs_nobody

ROOT = Path(__file__).parents[2] / "recon"
#: Calls whose argument at that place is a kind of finding.
_CALLS = {"note_finding": 2, "add": 0, "note": 0, "_note": 0, "_stray": 0, "_contradict": 2, "Finding": 0}
#: Files in which those of a message are noted.
_PROTOCOL = "ems/protocol"
#: Kinds that are put together, or chosen, where they are noted; the last is found by view `findings`.
_CHOSEN = {"balances_empty", "positions_empty", "facts_approved", "facts_rejected", "not_held"}


def _kinds() -> set[str]:
    found: set[str] = set()
    for path in ROOT.rglob("*.py"):
        of_protocol = _PROTOCOL in path.as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = _CALLS.get(name)
            if place is None or (name not in {"note_finding", "_contradict"} and not of_protocol):
                continue
            if len(node.args) > place and isinstance(kind := node.args[place], ast.Constant):
                found.add(str(kind.value))
    return found


def test_every_kind_has_advice() -> None:
    kinds = _kinds() | _CHOSEN
    assert len(kinds) > 40, "the search finds them"
    assert sorted(kinds - ADVICE.keys()) == []
    assert sorted(ADVICE.keys() - kinds) == [], "advice on what recon never notes"


def test_a_kind_of_a_later_version_has_advice_too() -> None:
    assert advice_on("of_tomorrow") == "look at the event"
    assert needs_nobody("rehomed")
    assert not needs_nobody("unreadable")
    assert not needs_nobody("of_tomorrow")
