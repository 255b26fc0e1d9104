"""`recon status` on one screen: what needs somebody first, what is in work, and how things stand: a view in, lines out.

Stale looks stale: it is said first, figures say as of when they are, and no shape says that anything is covered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from recon.cli.tables.look import Look
from recon.cli.tables.text import left, width_of, wrapped
from recon.display.ages import age, time_of_day
from recon.display.figures import count
from recon.display.ids import short_id
from recon.display.shapes import shape_of
from recon.display.words import counted, safe
from recon.display.worth import worth
from recon.nearest import listed
from recon.reads.currency import Stale
from recon.reads.needs import Need, Needs
from recon.reads.standing import Standing

#: Where a command stands that is beside its need.
_BESIDE: Final = 74
#: From this width on, a need's command stands beside it.
WIDE: Final = 110
#: Most needs that are shown, and most when not current; the rest is counted.
MAX_NEEDS: Final = 8
MAX_NEEDS_STALE: Final = 4
#: Fewest needs that are shown, however low the terminal is.
LEAST_NEEDS: Final = 3
#: Most cases in work that are shown.
MAX_IN_WORK: Final = 5

_LABEL: Final = 11
#: Least room for what is needed beside its worth and age; with less they stand below.
_LEAST: Final = 20
_WORTH: Final = 16
_AGE: Final = 6
#: The order of verdicts in a sum.
_VERDICTS: Final = ("break", "pending", "agreed", "stale", "unmodelled", "unobserved")
#: Longest list of gateways in the headline, in characters; longer ones are counted.
MAX_NAMED: Final = 30


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """What the screen is made of."""

    needs: Needs
    standing: Standing
    stale: Sequence[Stale]
    #: Whether the parts of a service run; None where this login may not see it.
    running: bool | None

    @property
    def blind(self) -> bool:
        """True if nothing that is shown can be believed to be of now."""
        return any(each.account is None for each in self.stale)

    @property
    def nothing_known(self) -> bool:
        """True if the books hold no account so far: that none has a break tells nothing."""
        return self.standing.accounts == 0

    @property
    def seen_until(self) -> datetime | None:
        """Return until when recon saw, where it does not see now."""
        return min((each.seen_until for each in self.stale if each.seen_until is not None), default=None)


def status_lines(view: StatusView, look: Look, *, whole: bool = False) -> list[str]:
    """Return the screen's lines, none wider than the terminal but for commands; `whole`: every need, however many.

    On a low terminal notes give way first, and then the needs that are least urgent.
    """
    most = len(view.needs.needs) if whole else MAX_NEEDS_STALE if view.blind else MAX_NEEDS
    lines = _lines(view, look, most, notes=True, whole=whole)
    if whole:
        return lines
    for fewer in range(most, LEAST_NEEDS - 1, -1):
        if len(lines) < look.height:
            break
        lines = _lines(view, look, fewer, notes=False, whole=whole)
    return lines


def _lines(view: StatusView, look: Look, most: int, *, notes: bool, whole: bool) -> list[str]:
    paragraphs = [
        list(_title(view, look)),
        list(_needs(view, look, most, notes=notes, whole=whole)),
        list(_in_work(view, look)),
        list(_gateways(view, look)),
        list(_sums(view, look)),
    ]
    lines: list[str] = []
    for paragraph in paragraphs:
        lines += ([""] if lines and paragraph else []) + paragraph
    return lines


def _mark(word: str, look: Look) -> str:
    shape = shape_of(word)
    return look.painted(shape.glyph if look.glyphs else shape.ascii, shape.style)


def _both(one: str, other: str, look: Look, style: str = "") -> str:
    """Return two texts at both sides of a line."""
    space = max(look.width - width_of(one) - width_of(other), 2)
    return look.painted(one, style) + " " * space + other


def _title(view: StatusView, look: Look) -> Iterator[str]:
    moment = f"{look.now:%Y-%m-%d %H:%M:%S} UTC"
    if not view.stale:
        yield _both(f"recon  {_current(view)}", moment, look, "bold")
        return
    if not view.blind:
        but = f"current, but for {counted(len(view.stale), 'account')}"
        yield _both(f"recon  {but if view.standing.covered else 'no account is covered'}", moment, look, "bold")
        return
    what = "the service does not run" if view.running is False else _not_current(view)
    narrow = msgspec.structs.replace(look, width=look.width - 2)
    yield f"{_mark('stale', look)} {_both(f'STALE  {what}', moment, narrow, 'bold magenta')}"
    until = view.seen_until
    if until is not None:
        ago = age(look.now - until, 2)
        told = f"Figures are as of {time_of_day(until, look.now)} UTC, {ago} ago. Breaks since then are not seen."
        yield from (f"  {line}" for line in wrapped(told, look.width - 2))
    if view.running is False:
        yield look.written("  start it: recon run     why it stopped: recon doctor")


def _current(view: StatusView) -> str:
    """Return what is said of a recon that sees everything: how far the books are, as the column has it."""
    behind = sum(_number(row, "lag_events") for row in view.standing.gateways)
    if view.nothing_known:
        return "begins: nothing is known yet"
    return f"current, {counted(behind, 'event')} behind" if behind else "current, nothing behind"


def _not_current(view: StatusView) -> str:
    gateways = list(dict.fromkeys(each.gateway for each in view.stale if each.account is None))
    named = listed(gateways)
    if len(named) > MAX_NAMED:
        named = counted(len(gateways), "gateway")
    return f"{named} {'is' if len(gateways) == 1 else 'are'} not current"


def _needs(view: StatusView, look: Look, most: int, *, notes: bool, whole: bool) -> Iterator[str]:
    needs = view.needs.needs
    if not needs:
        if view.nothing_known and not view.stale:
            yield look.painted("NOTHING IS KNOWN YET", "bold")
            yield "The books hold no account so far, so nothing is compared."
        elif view.stale:
            yield look.painted("NOTHING KNOWN NEEDS SOMEBODY, but this is not current", "bold")
        else:
            standing = view.standing
            agreed = counted(standing.units.get("agreed", 0), "unit")
            yield look.painted("NOTHING NEEDS SOMEBODY", "bold")
            covered = counted(standing.covered, "account")
            all_ = "all " if standing.covered != 1 else ""
            agree = "agrees" if standing.units.get("agreed") == 1 else "agree"
            yield f"No open breaks nobody has. {agreed} {agree}, {all_}{covered} covered."
        return
    until = view.seen_until
    right = counted(len(needs), "thing")
    if view.blind and until is not None:
        right = f"as of {age(look.now - until)} ago"
    yield _both("NEEDS SOMEBODY", right, look, "bold")
    for number, need in enumerate(needs[:most], start=1):
        yield from _need(number, need, look, notes=notes, bare=view.blind and not whole and need.kind != "stale")
    if len(needs) > most:
        yield look.written(f"  ({len(needs) - most} more: recon status | less shows all)")


def _need(number: int, need: Need, look: Look, *, notes: bool, bare: bool) -> Iterator[str]:
    """Yield a need: what it is, its worth and age; its command beside it, or below."""
    start = f"{number} {_mark(need.kind, look)} {_word(need):<9}"
    indent = " " * 13
    figures = f"{_worth(need):>{_WORTH if need.priced else 0}}{_age(need, look):>{_AGE}}"
    wide = look.width >= WIDE
    command = look.written(need.command)
    beside = f"  {command}" if wide and width_of(command) <= look.width - _BESIDE - 2 else ""
    room = (_BESIDE if wide else look.width) - len(indent) - width_of(figures) - 1
    words = need.what.split()
    narrow = room < max(_LEAST, *map(width_of, words)) if words else False
    first, *more = wrapped(look.written(safe(need.what)), look.width - len(indent) if narrow else room)
    yield f"{start}{first if narrow else f'{left(first, room)} {figures}'}{beside}".rstrip()
    yield from (f"{indent}{line}" for line in (*more, *([figures.strip()] if narrow else [])))
    if need.note and notes and not wide and not bare:
        yield from (f"{indent}{look.painted(line, 'dim')}" for line in wrapped(need.note, look.width - len(indent)))
    if need.command and not beside and not bare:
        yield f"{indent}{command}"


def _word(need: Need) -> str:
    return {"to approve": "approve", "not covered": "cover"}.get(need.kind, need.kind)


def _worth(need: Need) -> str:
    return worth(need.usd) if need.priced else ""


def _age(need: Need, look: Look) -> str:
    return "" if need.since is None else age(look.now - need.since)


def _in_work(view: StatusView, look: Look) -> Iterator[str]:
    cases = view.needs.in_work
    if not cases:
        return
    yield _both("IN WORK", counted(len(cases), "case"), look, "bold")
    for need in cases[:MAX_IN_WORK]:
        start = f"  {_mark('in work', look)} {left(need.note[:8] or 'somebody', 8)} "
        figures = f"{_worth(need):>{_WORTH}}{_age(need, look):>{_AGE}}"
        wide = look.width >= WIDE
        room = (_BESIDE if wide else look.width) - 13 - width_of(figures) - 1
        first, *more = wrapped(look.written(safe(need.what)), max(room, 20)) or [""]
        yield f"{start}{left(first, room)} {figures}{f'  {look.written(need.command)}' if wide else ''}".rstrip()
        yield from (f"{' ' * 13}{line}" for line in more)
    if len(cases) > MAX_IN_WORK:
        yield look.written(f"  ({len(cases) - MAX_IN_WORK} more: recon breaks)")


def _gateways(view: StatusView, look: Look) -> Iterator[str]:
    rows = view.standing.gateways
    if not rows:
        yield look.written("No gateway has a log yet: recon run starts the first one.")
        return
    longest = max(len("GATEWAYS") + 1, *(width_of(safe(str(row["name"]))) + 3 for row in rows)) + 3
    yield look.painted(
        f"{'GATEWAYS':<{longest}}{'':>14}{'since':>8}{'events':>11}{'behind':>9}{'last event':>13}", "bold"
    )
    blind = {each.gateway for each in view.stale if each.account is None}
    for row in rows:
        state = "stale" if row["name"] in blind else str(row["state"])
        shown = "not heard" if state == "stale" else state
        since = row["connected_at"] or row["changed_at"]
        at = time_of_day(since, since) if isinstance(since, datetime) else "-"
        last = row["last_event_at"]
        seen = age(look.now - last) if isinstance(last, datetime) else "-"
        name = f"  {_mark(state, look)} {safe(str(row['name']))}"
        pad = longest - (width_of(safe(str(row["name"]))) + 4)
        figures = f"{at:>8}{count(_number(row, 'head_seq')):>11}{count(_number(row, 'lag_events')):>9}{seen:>13}"
        yield f"{name}{' ' * max(pad, 1)}{shown:<14}{figures}"


def _number(row: object, key: str) -> int:
    value = row[key] if isinstance(row, dict) else None
    return value if isinstance(value, int) else 0


def _sums(view: StatusView, look: Look) -> Iterator[str]:
    for label, text in (
        ("ACCOUNTS", _accounts(view, look)),
        ("UNITS", _units(view, look)),
        ("CASES", _cases(view, look)),
        ("ALERTS", _alerts(view, look)),
        ("RULES", _rules(view, look)),
    ):
        first, *more = wrapped(text, look.width - _LABEL)
        yield f"{look.painted(left(label, _LABEL), 'bold')}{first}"
        yield from (" " * _LABEL + line for line in more)


def _accounts(view: StatusView, look: Look) -> str:
    standing = view.standing
    if view.blind:
        return f"{_mark('stale', look)} 0 of {standing.accounts} covered now; {standing.covered_then} when last seen"
    word = "covered" if standing.accounts and standing.covered == standing.accounts else "gap"
    orders = (
        f"; {counted(standing.unaccounted_orders, 'order')} not accounted for" if standing.unaccounted_orders else ""
    )
    return f"{_mark(word, look)} {standing.covered} of {standing.accounts} covered{orders}"


def _units(view: StatusView, look: Look) -> str:
    units = view.standing.units
    if view.blind:
        return f"{_mark('stale', look)} {sum(units.values())} known, none judged now"
    return "   ".join(f"{_mark(word, look)} {units[word]} {word}" for word in _VERDICTS if word in units) or "none yet"


def _cases(view: StatusView, look: Look) -> str:
    standing = view.standing
    cleared = f"   {_mark('cleared', look)} {standing.cleared_today} cleared today" if standing.cleared_today else ""
    if not standing.open_cases:
        if view.nothing_known and not view.stale:
            return "none yet"
        known = "none known, but this is not current" if view.stale else f"{_mark('agreed', look)} none open"
        return f"{known}{'' if view.blind else cleared}"
    oldest = "" if standing.oldest is None else f", oldest {age(look.now - standing.oldest)}"
    breaks = counted(standing.open_breaks, "break")
    mark = _mark("stale" if view.blind else "break", look)
    return f"{mark} {standing.open_cases} open ({breaks}){oldest}{'' if view.blind else cleared}"


def _alerts(view: StatusView, look: Look) -> str:
    standing = view.standing
    if not standing.channels:
        if standing.receivers == 0:
            return look.written(f"{_mark('look at', look)} nobody is told, for no channel is set up: recon docs alerts")
        return f"{_mark('not yet', look)} nothing was sent yet"
    word = "failed" if standing.failed else "waiting" if standing.waiting else "delivered"
    mark = _mark("stale" if view.blind and word == "delivered" else word, look)
    last = "" if standing.last_sent_at is None else f"; last {age(look.now - standing.last_sent_at)} ago"
    sent = counted(standing.sent, "message")
    return f"{mark} {sent} in a day, {standing.waiting} waiting, {standing.failed} failed{last}"


def _rules(view: StatusView, look: Look) -> str:
    standing = view.standing
    if standing.rules_waiting:
        return f"{_mark('waiting', look)} those of {', '.join(standing.rules_waiting)} wait for a second person"
    digests = "   ".join(f"{name} {short_id(digest)}" for name, digest in standing.rules.items())
    shown = f"   {digests}" if digests and look.width >= WIDE else ""
    return f"{_mark('stale' if view.blind else 'in force', look)} in force, none waiting{shown}"
