"""The closings of a day as evidence: each document with its digest and its two signatures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from recon.closing.document import JSON, written
from recon.db.source import Source
from recon.errors import IntegrityError
from recon.reads.close import AccountClose, read_closes, verify
from recon.reads.close_days import check_day


class DayEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The closing of one account's day that evidence is of; positions and logins are None where nobody signed."""

    gateway: str
    account: str
    opens_at: datetime
    cut_off: datetime
    #: The last log position that it rests on, signatures included.
    last_seq: int
    signed: bool
    document: JSON


def closings_of(
    source: Source, now: datetime, day: date, *, gateway: str | None, accounts: Sequence[str] | None
) -> tuple[list[DayEvidence], list[str]]:
    """Return the day of each account, and remarks on what falls short.

    What was signed is computed again from the log first. Errors: ConfigError where there is nothing to say of the day,
    IntegrityError where what was signed differs.
    """
    closes = read_closes(source, now, day=day, gateway=gateway, accounts=accounts)
    check_day(closes, now)
    remarks: list[str] = []
    for each in closes:
        if each.signed is not None and (why := verify(source, each.signed)) is not None:
            raise IntegrityError(f"{each.now.account} on {day}: what was signed cannot be borne out: {why}")
        remarks += _remarks(each)
    return [_evidence(each) for each in closes], remarks


def _remarks(each: AccountClose) -> list[str]:
    name = f"{each.now.gateway} {each.now.account}"
    if each.state == "open":
        return [f"{name}: nobody has signed this day; the closing is as it is known now"]
    if each.state == "waiting":
        return [f"{name}: one login has signed; a second one is missing"]
    if each.state == "restate":
        return [f"{name}: something changed since it was signed (`recon close --diff`); what was signed is here"]
    return []


def _evidence(each: AccountClose) -> DayEvidence:
    row = {} if each.signed is None else each.signed.row
    closing = each.now if each.signed is None else each.signed.closing
    document = closing.document if each.signed is None else row["document"]
    seqs = [closing.known_seq, *(int(str(row[name])) for name in ("seq", "second_seq") if row.get(name) is not None)]
    return DayEvidence(
        gateway=closing.gateway,
        account=closing.account,
        opens_at=closing.opens_at,
        cut_off=closing.cut_off,
        last_seq=max(seqs),
        signed=each.state in {"signed", "restate"} and row.get("second_by") is not None,
        document=written(
            {
                "gateway": closing.gateway,
                "account": closing.account,
                "state": each.state,
                "digest": closing.digest if each.signed is None else str(row["digest"]),
                **{name: row.get(name) for name in ("seq", "signed_by", "signed_at", "text")},
                **{name: row.get(name) for name in ("second_seq", "second_by", "second_at", "second_text")},
                **{name: row.get(name) for name in ("accept_gaps", "restates")},
                "document": document,
            }
        ),
    )
