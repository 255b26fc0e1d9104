"""`recon positions`: expected and reported, for each contract, and the verdict."""

from __future__ import annotations

from recon.cli.as_of import KnownAt, ValidAt, past_of
from recon.cli.currency import RequireCurrent
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.unit_answer import CONTRACTS, answer_units


@with_options(table_options)
def positions(
    options: TableOptions,
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    require_current: RequireCurrent = False,
    as_of: ValidAt = None,
    known_at: KnownAt = None,
    json: Json = False,
) -> None:
    """Show positions: expected, reported, whether they agree.

    Below a unit that is not judged stands why, and where that helps the lines to add to the settings. Filters are
    gateway, account, unit, verdict, since and until.
    """
    settings = settings_of(config)
    asked = options.narrowed(gateway=gateway, account=account)
    past = past_of(as_of, known_at)
    answer_units(CONTRACTS, settings, options, asked, past, require_current=require_current, json=json)
