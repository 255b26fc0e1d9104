"""What signing the days that are shown would do: first and second signatures, restatements, and what is in the way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from recon.deciding.recording import Decision
from recon.deciding.signing import countersign, sign
from recon.errors import DecisionRefused
from recon.reads.close import AccountClose
from recon.reads.close_days import nothing_known

#: Accounts that a refusal names before it counts the rest.
MAX_NAMED: Final = 5
#: Most accounts that are signed at once, as the log takes decisions.
MAX_SIGNED: Final = 1000


def signatures(
    closes: Sequence[AccountClose], text: str, now: datetime, *, login: str, accept_gaps: bool
) -> list[Decision]:
    """Return the signatures to be written: none for a day that two logins have signed, and nothing changed.

    Errors: DecisionRefused where a day is not over, nothing is known of it, coverage is not whole and nobody accepts
    that, or the login signed all of it already.
    """
    early = [each for each in closes if each.now.cut_off > now]
    if early:
        raise DecisionRefused(
            f"{early[0].now.day} is not over: its cut-off is at {early[0].now.cut_off:%Y-%m-%d %H:%M} UTC"
        )
    if all(each.unknown for each in closes):
        raise DecisionRefused(f"{nothing_known(closes)}; there is nothing to sign")
    open_ = [each for each in closes if each.state != "signed"]
    if not open_:
        raise DecisionRefused("two logins have signed each of these days, and nothing has changed them since")
    gaps = [each for each in open_ if not each.shown.whole]
    if gaps and not accept_gaps:
        named = [f"  {each.shown.account}: {each.shown.reasons[0]}" for each in gaps[:MAX_NAMED]]
        more = [f"  and {len(gaps) - MAX_NAMED} more"] if len(gaps) > MAX_NAMED else []
        raise DecisionRefused(
            "\n".join(
                [
                    f"coverage is not whole, so nobody can call {gaps[0].now.day} closed:",
                    *named,
                    *more,
                    "make up for the gaps (`recon coverage`), or accept them: --accept-gaps, by two logins",
                ]
            )
        )
    mine = [each for each in open_ if each.state == "waiting" and each.signed and each.signed.row["signed_by"] == login]
    if len(mine) == len(open_):
        raise DecisionRefused(f"{login} signed already: another login signs second")
    return [_signature(each, text, accept_gaps=accept_gaps) for each in open_ if each not in mine][:MAX_SIGNED]


def _signature(each: AccountClose, text: str, *, accept_gaps: bool) -> Decision:
    if each.state == "waiting" and each.signed is not None:
        return countersign(each.signed.closing, each.signed.seq, text, accept_gaps=accept_gaps)
    restates = None if each.signed is None else each.signed.seq
    return sign(each.now, text, accept_gaps=accept_gaps, restates=restates)
