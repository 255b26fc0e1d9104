"""What `recon check` says to a person, on stderr: the answer first, then what it rests on. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from recon.display.ages import moment
from recon.display.figures import figure
from recon.display.ids import short_id
from recon.display.words import counted
from recon.display.worth import worth
from recon.reads.check.document import Document, OpenBreak, Unseen

#: Most lines of each kind; the document has more.
MAX_LINES: Final = 20


def summary(document: Document) -> Iterator[str]:
    """Yield the lines, the answer first."""
    yield _answer(document)
    counting = [each for each in document.breaks if each.counts]
    yield from (_of_break(each) for each in counting[:MAX_LINES])
    yield from _more(document.counts.counting_breaks)
    yield from (_of_unseen(each) for each in document.unseen[:MAX_LINES])
    yield from _more(document.counts.unseen)
    quiet = document.counts.open_breaks - document.counts.counting_breaks
    if quiet:
        yield f"{counted(quiet, 'open break')} {'does' if quiet == 1 else 'do'} not count"


def _more(number: int) -> Iterator[str]:
    if number > MAX_LINES:
        yield f"… and {number - MAX_LINES} more, in the document"


def _answer(document: Document) -> str:
    counts = document.counts
    units = sum(counts.units.values())
    looked = f"{counted(units, 'unit')} of {counted(counts.accounts, 'account')}"
    if document.status == "clean":
        return f"clean: {looked}, {counts.units.get('agreed', 0)} agreed, no break counts"
    if document.status == "breaks":
        cases = len({(each.gateway, each.case_id) for each in document.breaks if each.counts})
        return f"breaks: {counted(counts.counting_breaks, 'break')} of {counted(cases, 'case')} in {looked}"
    return f"not covered: {counted(counts.unseen, 'reason')} why {looked} cannot be called clean"


def _of_break(each: OpenBreak) -> str:
    size = figure(Decimal(each.amount), signed=True).text
    usd = "at no known rate" if each.amount_usd is None else worth(abs(Decimal(each.amount_usd)))
    since = moment(each.origin_at or each.opened_at)
    return f"break {short_id(each.case_id)}: {each.account} {size} {each.unit} ({usd}), {each.cause}, since {since}"


def _of_unseen(each: Unseen) -> str:
    about = " ".join(part for part in (each.gateway, each.account, each.unit) if part is not None)
    return f"{each.what.replace('_', ' ')}: {f'{about}: ' if about else ''}{each.reason}"
