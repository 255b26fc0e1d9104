"""The strip of truth: whether what a screen shows is current, as of when, and how far each gateway has come."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from recon.db.source import Source, query_rows
from recon.display.words import counted
from recon.reads.as_of import NOW, AsOf
from recon.reads.currency import Stale, read_stale

#: current; behind: the books lag; partly: some gateways or accounts are not seen; stale: no gateway is.
Kind: TypeAlias = Literal["current", "behind", "partly", "stale"]

_GATEWAYS: Final = """
    SELECT g.name, g.state, g.head_seq, g.projected_seq, g.lag_events, g.last_event_at, now() AS at
    FROM recon.gateways AS g ORDER BY g.name
"""
_ACCOUNTS: Final = """
    SELECT count(*) AS accounts, count(*) FILTER (WHERE a.state = 'covered') AS covered FROM recon.accounts AS a
"""
_WORK: Final = "SELECT count(*) AS cases FROM recon_exact.cases AS c WHERE c.open_breaks > 0"
_AT: Final = "SELECT now() AS at"


class GatewayTruth(msgspec.Struct, frozen=True):
    """How far one gateway has come."""

    name: str
    head_seq: int
    lag: int


class Truth(msgspec.Struct, frozen=True):
    """What the strip says."""

    at: datetime
    gateways: Sequence[GatewayTruth]
    accounts: int
    covered: int
    #: Open cases, for the top bar.
    cases: int
    stale: Sequence[Stale]
    #: Of which time a screen is; its `at` is then the earlier one of the two.
    as_of: AsOf = NOW

    @property
    def past(self) -> str:
        """Return both times of a past time in words; empty for now."""
        return self.as_of.words if self.as_of.is_past else ""

    @property
    def kind(self) -> Kind:
        """Return what can be believed; what was known once stays so."""
        if self.as_of.known_at is not None:
            return "current"
        whole = [each for each in self.stale if each.account is None]
        unseen = {each.gateway for each in whole if not _behind(each)}
        if unseen >= {each.name for each in self.gateways}:
            return "stale"
        if whole and not unseen:
            return "behind"
        return "partly" if self.stale else "current"

    @property
    def seen_until(self) -> datetime | None:
        """Return until when everything that is not current was seen."""
        return min((each.seen_until for each in self.stale if each.seen_until is not None), default=None)

    @property
    def stopped(self) -> list[str]:
        """Return what is not seen at all, and why; gateways of one reason together."""
        whole = [each for each in self.stale if each.account is None]
        reasons = list(dict.fromkeys(each.reason for each in whole))
        return [
            f"{', '.join(each.gateway for each in whole if each.reason == reason)}: {reason.replace('`', '')}"
            for reason in reasons
        ]

    @property
    def lag(self) -> int:
        """Return how many events the books are behind, over all gateways."""
        return sum(each.lag for each in self.gateways)

    @property
    def behind(self) -> str:
        """Return in words how far the books are behind."""
        return f"behind {counted(self.lag, 'event')}" if self.lag else "nothing behind"

    @property
    def believed(self) -> bool:
        """True if an empty list means that there is nothing."""
        return self.kind == "current" and self.covered == self.accounts


def _behind(stale: Stale) -> bool:
    return stale.reason.startswith("the books are ")


def read_truth(source: Source, configured: Collection[str]) -> Truth:
    """Return what the strip says now; the gateways of the settings count."""
    rows = query_rows(source, _GATEWAYS, {})
    (accounts,) = query_rows(source, _ACCOUNTS, {})
    (work,) = query_rows(source, _WORK, {})
    at = rows[0]["at"] if rows else query_rows(source, _AT, {})[0]["at"]
    if not isinstance(at, datetime):
        raise TypeError("the database's time is no time")
    return Truth(
        at=at,
        gateways=[
            GatewayTruth(str(row["name"]), int(str(row["head_seq"])), int(str(row["lag_events"]))) for row in rows
        ],
        accounts=int(str(accounts["accounts"])),
        covered=int(str(accounts["covered"])),
        cases=int(str(work["cases"])),
        stale=read_stale(source, configured),
    )
