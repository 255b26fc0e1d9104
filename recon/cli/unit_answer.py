"""What `recon balances` and `recon positions` answer: one list of units, of assets or of contracts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from recon.cli.answer import Answer, answer
from recon.cli.as_of import say_times, title_of
from recon.cli.currency import with_currency
from recon.cli.output import Column
from recon.cli.tables.options import TableOptions
from recon.cli.unit_list import BALANCES, POSITIONS, units_screen
from recon.clock import utc_now
from recon.config import Settings
from recon.db.source import Source
from recon.reads import units
from recon.reads.as_of import AsOf
from recon.reads.filter import Filter
from recon.reads.known_names import check_filter
from recon.reads.read import Read


class UnitList(msgspec.Struct, frozen=True):
    """One of the two lists: its name, what a row is called by, its columns, and what documents and screens read."""

    name: str
    unit: Literal["asset", "symbol"]
    columns: Sequence[Column]
    document: Read
    shown: Read


ASSETS: Final = UnitList("balances", "asset", BALANCES, units.BALANCES, units.SHOWN_BALANCES)
CONTRACTS: Final = UnitList("positions", "symbol", POSITIONS, units.POSITIONS, units.SHOWN_POSITIONS)


#: Columns that a past time does not have.
OF_NOW: Final = frozenset({"drift_usd", "in_flight", "cases"})


def answer_units(
    list_: UnitList,
    settings: Settings,
    options: TableOptions,
    asked: Filter,
    as_of: AsOf,
    *,
    require_current: bool,
    json: bool,
) -> None:
    """Print a list of units, and end with its exit status."""
    columns = [each for each in list_.columns if each.key not in OF_NOW] if as_of.is_past else list_.columns

    def read(connection: Source) -> Answer:
        check_filter(connection, asked, settings.gateways)
        place = {name: asked.one(name) for name in ("gateway", "account")}
        currency, now = say_times(connection, settings, as_of, **place, required=require_current), utc_now()
        read_, of_accounts = (list_.document if json else list_.shown), Filter(asked.gateway, asked.account)
        rows = read_.query(asked, now, as_of=as_of).rows(connection)
        # Why a unit is not judged can rest on what else its account has.
        known = rows if json or asked == of_accounts else read_.query(of_accounts, now, as_of=as_of).rows(connection)
        document = {**currency.document(), **as_of.document(), list_.name: options.sorted(rows)}
        shown = [] if json else rows if as_of.is_past else [with_currency(row, currency) for row in rows]
        moment, empty = title_of(currency, now, as_of), currency.empty(f"no {list_.name}")
        screen = units_screen(shown, known, columns, list_.unit, moment=moment, empty=empty, past=as_of.is_past)
        return Answer(screen, document, currency)

    answer(settings, list_.name, options, read, json=json)
