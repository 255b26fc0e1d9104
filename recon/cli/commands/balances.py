"""`recon balances`: expected and reported, for each asset, and the verdict."""

from __future__ import annotations

from recon.cli.answer import Answer, answer
from recon.cli.currency import RequireCurrent, moment_of, say_currency, with_currency
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.unit_list import BALANCES, units_screen
from recon.clock import utc_now
from recon.db.source import Source
from recon.reads import units
from recon.reads.known_names import check_filter


@with_options(table_options)
def balances(
    options: TableOptions,
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    require_current: RequireCurrent = False,
    json: Json = False,
) -> None:
    """Show balances: expected, reported, whether they agree.

    Below a unit that is not judged stands why, and where that helps the lines to add to the settings. Filters are
    gateway, account, unit, verdict, since and until.
    """
    settings = settings_of(config)
    asked = options.narrowed(gateway=gateway, account=account)

    def read(connection: Source) -> Answer:
        check_filter(connection, asked, settings.gateways)
        place = {name: asked.one(name) for name in ("gateway", "account")}
        currency, now = say_currency(connection, settings, **place, required=require_current), utc_now()
        list_ = units.BALANCES if json else units.SHOWN_BALANCES
        rows = list_.query(asked, now).rows(connection)
        document = {**currency.document(), "balances": options.sorted(rows)}
        shown = [] if json else [with_currency(row, currency) for row in rows]
        moment, empty = moment_of(currency, now), currency.empty("no balances")
        screen = units_screen(
            shown,
            BALANCES,
            "asset",
            moment=moment,
            empty=empty,
        )
        return Answer(screen, document, currency)

    answer(settings, "balances", options, read, json=json)
