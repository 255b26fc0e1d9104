"""`recon findings`: what could not be read or contradicts itself, and what to do about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from shlex import quote
from typing import Final

from recon.cli.listing import Limit, Listing, Since, Wanted, show_listing
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, with_options
from recon.cli.output import Column, Row
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.tables.table import Note
from recon.reads.finding_advice import advice_on
from recon.reads.findings import FINDINGS


def _with_advice(row: Row) -> Row:
    """Return a finding with what to do, and the command that shows its event."""
    look = f"recon events --gateway {quote(str(row['gateway']))} --since {row['seq']} --limit 1"
    return {**row, "do": advice_on(str(row["kind"]), over=bool(row["is_over"])), "look": look}


def _notes(row: Row, shown: Collection[str]) -> Sequence[Note]:
    notes = [Note("what", str(row["message"])), Note("do", str(row["do"]))]
    return [note for note, key in zip(notes, ("message", "do"), strict=True) if key not in shown]


LISTING: Final = Listing(
    read=FINDINGS,
    columns=[
        Column("recorded_at", "at", kind="time"),
        Column("seq", "event", kind="count"),
        Column("gateway", rank=1),
        Column("account", rank=2),
        Column("kind"),
        Column("about", rank=3, prose=True),
        *(Column(key, prose=True, wide=True) for key in ("message", "do", "look")),
        Column("is_over", "over", wide=True),
        Column("number", wide=True),
    ],
    noun="finding",
    more=_with_advice,
    notes=_notes,
    notes_under="seq",
)


@with_options(table_options)
def findings(
    options: TableOptions,
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    since: Since = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Show findings in the data, and what to do about them.

    The latest come first.

    Filters are gateway, account, kind, since and until. `recon events --gateway NAME --since EVENT` shows the event.
    """
    show_listing(LISTING, options, Wanted(config, gateway, account, None, since, limit), json=json)
