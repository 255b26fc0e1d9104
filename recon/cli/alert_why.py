"""`recon alerts why`: who was told of a case, and why, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Final

from recon.cli.output import Row, text_of
from recon.display.words import counted
from recon.reads.alert_why import HEADINGS, WORDS

#: Width of a line, and of the indentation of what explains a step, in characters.
WIDTH: Final = 80
INDENT: Final = 2


def why_text(document: Row) -> str:
    """Return the steps for a person: a heading for each, with what decided beneath it."""
    steps = document["steps"]
    lines = [f"Who was told of case {document['case_id']} of {document['gateway'] or 'recon itself'}, and why", ""]
    for step in steps if isinstance(steps, list) else []:
        lines += _lines(step)
    lines += waiting_lines(document["waiting"])
    lines += ["", *wrap("Derived from the signals and the policies in force; a rebuild comes to the same.", WIDTH)]
    return "\n".join(lines) + "\n"


def waiting_lines(waiting: object) -> Iterator[str]:
    """Yield that signals wait for the policy, if so many do."""
    if isinstance(waiting, int) and waiting:
        wait = "waits" if waiting == 1 else "wait"
        yield f"{counted(waiting, 'signal')} {wait} for the policy: is the service running?"


def _lines(step: Row) -> Iterator[str]:
    at = text_of(step["at"])
    if step["step"] == "signal":
        yield f"{at}  {WORDS.get(str(step['kind']), str(step['kind']))} (event {step['seq']})"
    else:
        channel = f" on {step['channel']}" if step["channel"] else ""
        kind = f" ({step['kind']})" if step["kind"] else ""
        yield f"{at}  {HEADINGS.get(str(step['step']), str(step['step']))}{channel}{kind}"
    details: Sequence[str] = [str(step["text"]), *_delivered(step["delivery"])]
    for detail in details:
        yield from wrap(
            text_of(detail), WIDTH, initial_indent=" " * INDENT, subsequent_indent=" " * INDENT, break_long_words=True
        )


def _delivered(delivery: object) -> Iterator[str]:
    """Say how the delivery of a message is."""
    if not isinstance(delivery, Mapping):
        return
    tries = "at the first try" if delivery["attempts"] == 1 else f"after {delivery['attempts']} attempts"
    if delivery["state"] == "delivered":
        yield f"delivered {text_of(delivery['delivered_at'])}, {tries}; {delivery['id']}"
    elif delivery["state"] == "failed":
        yield f"given up {text_of(delivery['failed_at'])}, {tries}: {delivery['last_error']}; {delivery['id']}"
    else:
        again = f", again at {text_of(delivery['next_attempt_at'])}" if delivery["next_attempt_at"] else ""
        why = f": {delivery['last_error']}" if delivery["last_error"] else ""
        yield f"{delivery['state']}{again}{why}; {delivery['id']}"
