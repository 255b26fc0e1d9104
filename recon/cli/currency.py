"""Whether what a command shows is current: each gateway recorded, connected and folded, each account covered.

1. What is not current is said first, on stderr, with since when and why; with `--json` it is part of the document.
2. Accounts of a gateway that is not current are not named: nothing is known of them.
3. With `--require-current` nothing is shown then, as if there were no database (operator 2.2).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Annotated, Final

import msgspec
import typer

from recon.cli.output import Row, note, text_of
from recon.cli.queries import SIGN_OF_LIFE
from recon.config import Settings
from recon.db.source import Source, query_rows
from recon.errors import NotCurrent

#: Books whose next event has waited for this long are behind.
BEHIND: Final = timedelta(seconds=10)
#: The exit status of a command that has shown what is not current.
SHOWN_NOT_CURRENT: Final = 11

RequireCurrent = Annotated[
    bool, typer.Option("--require-current", help="Show nothing, and end with 3, unless recon sees everything now.")
]

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
                    THEN format('the books are %s events behind the log', g.lag_events)
           END AS reason,
           CASE WHEN n.recorded_at < now() - :behind THEN n.recorded_at END AS behind_since
    FROM recon.gateways AS g
    LEFT JOIN recon.events AS n ON g.lag_events > 0 AND n.gateway = g.name AND n.seq = g.projected_seq + 1
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
    seen_until: object
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
        since = "nothing has ever been seen" if until is None else f"nothing has been seen since {text_of(until)}"
        what = f"gateway {self.gateway}" if self.account is None else f"account {self.account} of {self.gateway}"
        return ": ".join([what, *([] if self.heard else [since]), self.reason])


class Currency(msgspec.Struct, frozen=True):
    """What is not current of what a command shows: gateways, and accounts of others, each with since when and why."""

    stale: Sequence[Stale]

    @property
    def current(self) -> bool:
        """True if recon sees now whatever the command shows."""
        return not self.stale

    @property
    def lines(self) -> list[str]:
        """Return a line for each gateway or account that is not current."""
        return [each.line for each in self.stale]

    def document(self) -> dict[str, object]:
        """Return the first keys of a document: whether it is current, and if not, why."""
        return {
            "current": self.current,
            "reason": "; ".join(self.lines) or None,
            "not_current": [each.row for each in self.stale],
        }

    def empty(self, text: str) -> str:
        """Return what to say of an empty table: that nothing is known, where the newest is not shown."""
        return text if self.current else f"{text} known, but this is not current"

    def end(self) -> None:
        """End with a status of its own what was asked whether all is well. Call it after printing."""
        if self.stale:
            raise typer.Exit(SHOWN_NOT_CURRENT)


def say_currency(
    connection: Source,
    settings: Settings,
    *,
    gateway: str | None = None,
    account: str | None = None,
    required: bool = False,
) -> Currency:
    """Say on stderr what is not current, before anything is shown. Errors: NotCurrent where it is `required`."""
    currency = read_currency(connection, settings, gateway, account)
    if required and not currency.current:
        raise NotCurrent("\n".join(currency.lines))
    for line in currency.lines:
        note(f"not current: {line}")
    return currency


def read_currency(
    connection: Source, settings: Settings, gateway: str | None = None, account: str | None = None
) -> Currency:
    """Return what is not current."""
    return Currency(_stale(connection, settings.gateways, gateway, account))


def _stale(connection: Source, configured: Collection[str], gateway: str | None, account: str | None) -> list[Stale]:
    """Return what is not current; the gateways of the settings count, and without any all that have a log."""
    rows = {str(row["gateway"]): row for row in query_rows(connection, _GATEWAYS, {"behind": BEHIND})}
    wanted = [gateway] if gateway is not None else sorted(configured or rows)
    found: list[Stale] = []
    for name in wanted:
        row = rows.get(name)
        if row is None:
            found.append(Stale(name, None, None, "it was never recorded"))
        elif row["reason"] is not None:
            found.append(Stale(name, None, row["behind_since"] or row["seen_until"], str(row["reason"])))
    shown = set(wanted) - {each.gateway for each in found}
    accounts = query_rows(connection, _ACCOUNTS, {"account": account, "sign_of_life": SIGN_OF_LIFE})
    return found + [
        Stale(str(row["gateway"]), str(row["account"]), row["seen_until"], str(row["reason"]), heard=bool(row["heard"]))
        for row in accounts
        if row["gateway"] in shown
    ]
