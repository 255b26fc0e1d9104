"""What is checked before a day is called clean, in words: coverage, breaks, judgement, sources, log, and signatures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from recon.closing.closing import Closing
from recon.closing.lines import CloseLine
from recon.db.source import Row
from recon.display.ages import duration
from recon.display.figures import count
from recon.display.words import counted
from recon.reads.close import AccountClose

_MICROSECOND: Final = timedelta(microseconds=1)


def check_rows(closes: Sequence[AccountClose]) -> Iterator[Row]:
    """Yield what was checked: coverage, breaks, judgement, sources, the log, and who signed."""
    shown = [each.shown for each in closes]
    yield _coverage(shown)
    breaks = [each for closing in shown for line in closing.lines for each in line.breaks]
    oldest = max((each.age for each in breaks), default=None)
    yield _check("break" if breaks else "ok", "breaks", f"{len(breaks)} open" if breaks else "none open",
                 "" if oldest is None else f"the oldest is {oldest.days} d old; they are carried forward")  # fmt: skip
    lines = [line for closing in shown for line in closing.lines]
    judged = [line for line in lines if line.verdict in {"agreed", "break"}]
    others = [
        f"{each.account} {line.unit}: {line.verdict}" for each in shown for line in each.lines if line not in judged
    ]
    more = f" and {len(others) - 2} more" if len(others) > 2 else ""
    yield _check("ok" if not others else "unmodelled", "judged", f"{len(judged)} of {counted(len(lines), 'unit')}",
                 "; ".join(others[:2]) + more)  # fmt: skip
    yield _sources(lines)
    heads = {each.gateway: f"{each.gateway} to {count(each.known_seq)}, digest {each.head[:8]}" for each in shown}
    yield _check("ok", "log", "known", "; ".join(heads.values()))
    yield _sign_off(closes)


def _check(word: str, check: str, found: str, detail: str) -> Row:
    return {"mark": word, "check": check, "found": found, "detail": detail}


def _coverage(shown: Sequence[Closing]) -> Row:
    whole = [each for each in shown if each.whole]
    gaps = sum(each.coverage.gaps for each in shown)
    lost = duration(sum(each.coverage.unobserved_us for each in shown) * _MICROSECOND)
    if len(whole) == len(shown):
        made_up = f"; {counted(gaps, 'gap')} of {lost}, each made up for" if gaps else ""
        return _check("ok", "coverage", "complete", f"{counted(len(shown), 'account')}{made_up}")
    first = next(each for each in shown if not each.whole)
    others = len(shown) - len(whole) - 1
    more = f"; and {counted(others, 'more account', 'more accounts')}" if others else ""
    return _check("gap", "coverage", f"{len(whole)} of {counted(len(shown), 'account')}",
                  f"{first.account}: {first.reasons[0]}{more}")  # fmt: skip


def _sources(lines: Sequence[CloseLine]) -> Row:
    confirmed = [line for line in lines if line.source is not None]
    if not confirmed:
        detail = "no venue or custodian confirms these figures"
        return _check("unobserved", "sources", "EMS only", detail)
    word = "ok" if len(confirmed) == len(lines) else "pending"
    names = ", ".join(sorted({str(line.source) for line in confirmed}))
    return _check(word, "sources", names, f"{len(confirmed)} of {counted(len(lines), 'unit')} confirmed")


def _sign_off(closes: Sequence[AccountClose]) -> Row:
    by_state = {state: [each for each in closes if each.state == state] for state in ("restate", "open", "waiting")}
    if by_state["restate"]:
        names = ", ".join(each.now.account for each in by_state["restate"][:3])
        return _check("break", "sign-off", "restate", f"a later fact changed what was signed: {names}")
    if by_state["open"]:
        return _check("unobserved", "sign-off", "0 of 2", f"{counted(len(by_state['open']), 'account')} not signed")
    signers = sorted({str(each.signed.row["signed_by"]) for each in closes if each.signed is not None})
    if by_state["waiting"]:
        return _check("pending", "sign-off", "1 of 2", f"{', '.join(signers)} signed; another login signs next")
    seconds = sorted({str(each.signed.row["second_by"]) for each in closes if each.signed is not None})
    return _check("ok", "sign-off", "2 of 2", f"{', '.join(signers)}, then {', '.join(seconds)}")
