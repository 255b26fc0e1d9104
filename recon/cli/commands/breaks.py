"""`recon breaks`: open cases, or single breaks, or all of them."""

from __future__ import annotations

from typing import Annotated

import typer

from recon.cli.answer import Answer, answer
from recon.cli.as_of import KnownAt, ValidAt, past_of, say_times, title_of
from recon.cli.break_list import breaks_screen, cases_screen, past_screen
from recon.cli.currency import Currency, RequireCurrent
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.tables.terminal import is_terminal
from recon.clock import utc_now
from recon.db.source import Source, query_rows
from recon.display.words import counted
from recon.reads.breaks import ALL_BREAKS, ALL_CASES, OPEN_BREAKS, OPEN_CASES
from recon.reads.known_names import check_filter

_PROOF = """
    SELECT (SELECT count(*) FROM recon.accounts) AS accounts, count(*) FILTER (WHERE u.verdict = 'agreed') AS agreed
    FROM (SELECT verdict FROM recon_exact.balances UNION ALL SELECT verdict FROM recon_exact.positions) AS u
"""


@with_options(table_options)
def breaks(
    options: TableOptions,
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    legs: Annotated[bool, typer.Option("--legs", help="One row a break, as a pipe and --json always have.")] = False,
    require_current: RequireCurrent = False,
    as_of: ValidAt = None,
    known_at: KnownAt = None,
    json: Json = False,
) -> None:
    """Show open breaks, or all breaks.

    A break is drift (reported minus expected) that neither timing nor a later report explains. A terminal shows a row
    for each case, which is the breaks of one cause. Filters are gateway, account, unit, cause, certainty, state,
    severity, who, case, since and until.
    Exit status 11: the breaks are shown, but recon does not see everything now.
    """
    settings = settings_of(config)
    asked = options.narrowed(gateway=gateway, account=account)
    single, past = legs or json or not is_terminal(), past_of(as_of, known_at)

    def read(connection: Source) -> Answer:
        check_filter(connection, asked, settings.gateways)
        place = {name: asked.one(name) for name in ("gateway", "account")}
        currency, now = say_times(connection, settings, past, **place, required=require_current), utc_now()
        title = title_of(currency, now, past)
        text = "no breaks" if every else "no open breaks"
        unproven = every or asked.given or not currency.current or past.is_past
        empty = currency.empty(text if unproven else _proven(connection, text))
        if single:
            rows = options.sorted((ALL_BREAKS if every else OPEN_BREAKS).query(asked, now, as_of=past).rows(connection))
            screen = (past_screen if past.is_past else breaks_screen)(rows, title, empty)
            return Answer(screen, {**currency.document(), **past.document(), "breaks": rows}, currency)
        cases = (ALL_CASES if every else OPEN_CASES).query(asked, now, as_of=past).rows(connection)
        at = past.horizon(now) if past.is_past else None
        return Answer(cases_screen(cases, title, empty, at=at), [], currency)

    end(answer(settings, "breaks", options, read, json=json))


def end(currency: Currency | None) -> None:
    """End with a status of its own where what was shown is not current."""
    if currency is not None:
        currency.end()


def _proven(connection: Source, text: str) -> str:
    """Return that there is none, with what that rests on."""
    (row,) = query_rows(connection, _PROOF, {})
    units, accounts = int(str(row["agreed"])), int(str(row["accounts"]))
    return f"{text}: {counted(units, 'unit')} agreed, all {counted(accounts, 'account')} covered"
