"""Whether what is shown is current: each gateway recorded, connected and folded, each account covered.

Accounts of a gateway that is not current are not named: nothing is known of them.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import msgspec

from recon.db.source import Row, Source, query_rows
from recon.display.ages import time_of_day

#: Books whose next event has waited for this long are behind.
BEHIND: Final = timedelta(seconds=10)
#: A service or an account that has said nothing for this long is not there.
SIGN_OF_LIFE: Final = timedelta(seconds=30)

#: A lease ends with its holder's connection, so a killed service is noticed at once.
_GATEWAYS: Final = """
    SELECT g.name AS gateway, g.state,
           -- Events of our own, such as decisions, are no sign of the gateway.
           coalesce((SELECT max(a.last_alive_at) FROM recon.accounts AS a WHERE a.gateway = g.name), g.last_event_at)
               AS seen_until,
           CASE WHEN g.recorder IS NULL THEN 'no service records it; start `recon run`'
                WHEN g.state IN ('disconnected', 'failing')
                    THEN concat_ws(
                        ': ', 'it is ' || g.state, nullif(nullif(g.reason, ''), g.state), nullif(g.detail, ''))
                WHEN g.state <> 'connected' THEN 'it is ' || g.state
                WHEN n.recorded_at < now() - :behind
                    THEN format('the books are %s event%s behind the log', g.lag_events,
                                CASE WHEN g.lag_events > 1 THEN 's' END)
           END AS reason,
           CASE WHEN n.recorded_at < now() - :behind THEN n.recorded_at END AS behind_since
    FROM recon.gateways AS g
    LEFT JOIN LATERAL recon.log_at(g.name, g.projected_seq + 1) AS n ON g.lag_events > 0
    ORDER BY g.name
"""
# By log time: how far the log itself has come is what the query above tells.
_ACCOUNTS: Final = """
    SELECT a.gateway, a.account, a.last_alive_at AS seen_until,
           CASE WHEN a.state = 'covered' THEN 'it shows no sign of life'
                ELSE concat_ws(': ', 'it is not covered, but ' || a.state, a.reason) END AS reason,
           a.state IN ('catching_up', 'unresolved') AS heard
    FROM recon.accounts AS a JOIN recon.gateways AS g ON g.name = a.gateway
    WHERE (a.state <> 'covered' OR a.last_alive_at IS NULL OR a.last_alive_at < g.last_event_at - :sign_of_life)
      AND (CAST(:account AS text) IS NULL OR a.account = :account)
    ORDER BY a.gateway, a.account
"""


class Stale(msgspec.Struct, frozen=True):
    """A gateway, or an account of it, that is not current; `heard`: it is seen, but not known to be complete."""

    gateway: str
    account: str | None
    seen_until: datetime | None
    reason: str
    heard: bool = False

    @property
    def row(self) -> Row:
        """Return it for a document."""
        return {
            "gateway": self.gateway, "account": self.account, "seen_until": self.seen_until, "reason": self.reason,
        }  # fmt: skip

    @property
    def line(self) -> str:
        """Return it in words."""
        until = self.seen_until
        seen = time_of_day(until, exact=True)
        since = "nothing has ever been seen" if until is None else f"nothing has been seen since {seen}"
        what = f"gateway {self.gateway}" if self.account is None else f"account {self.account} of {self.gateway}"
        return ": ".join([what, *([] if self.heard else [since]), self.reason])


def read_stale(
    source: Source, configured: Collection[str], gateway: str | None = None, account: str | None = None
) -> list[Stale]:
    """Return what is not current; the gateways of the settings count, and without any all that have a log."""
    rows = {str(row["gateway"]): row for row in query_rows(source, _GATEWAYS, {"behind": BEHIND})}
    wanted = [gateway] if gateway is not None else sorted(configured or rows)
    found: list[Stale] = []
    for name in wanted:
        row = rows.get(name)
        if row is None:
            found.append(Stale(name, None, None, "it was never recorded"))
        elif row["reason"] is not None:
            found.append(Stale(name, None, _time(row["behind_since"] or row["seen_until"]), str(row["reason"])))
    shown = set(wanted) - {each.gateway for each in found}
    accounts = query_rows(source, _ACCOUNTS, {"account": account, "sign_of_life": SIGN_OF_LIFE})
    return found + [
        Stale(
            str(row["gateway"]),
            str(row["account"]),
            _time(row["seen_until"]),
            str(row["reason"]),
            heard=bool(row["heard"]),
        )
        for row in accounts
        if row["gateway"] in shown
    ]


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
