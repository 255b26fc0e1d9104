"""What can be said of the venues of the settings: without asking them, and by asking them once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from recon.config import Settings, Venue
from recon.display.words import counted
from recon.errors import ConfigError, VenueError
from recon.venues.ccxt_client import CcxtClient
from recon.venues.library import NEEDED, exchange_of


class Look(NamedTuple):
    """What one look at a venue found, in words, and what to do about it."""

    state: Literal["ok", "hint", "failed"]
    words: str
    advice: str = ""


def venues_of(settings: Settings) -> Iterator[tuple[str, str, Venue]]:
    """Yield gateway, account and table of each venue of the settings."""
    for gateway, table in settings.gateways.items():
        for account, venue in table.venues.items():
            yield gateway, account, venue


def problems_of(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each venue that cannot be asked, by its key in the settings, and why; nobody is asked."""
    for gateway, account, venue in venues_of(settings):
        problem = _problem(venue)
        if problem is not None:
            yield f'gateways.{gateway}.venues."{account}"', problem


def _problem(venue: Venue) -> str | None:
    try:
        exchange = exchange_of(venue.exchange, {})
    except ConfigError as error:
        return str(error)
    unasked = [what for what in venue.ask if not exchange.has.get(NEEDED[what])]
    return f"ccxt cannot ask {venue.exchange} for {' or '.join(unasked)}; leave it out of ask" if unasked else None


def look_at(venue: Venue) -> Iterator[Look]:
    """Ask a venue once, and yield what was found: of its key, and of what is held."""
    try:
        client = CcxtClient(venue)
        client.prepare()
        rights = client.excess_rights()
        if rights is None:
            yield Look("hint", f"{venue.exchange} does not tell what the key may do", "see that it only reads")
        else:
            yield Look("ok", "the key may only read")
        if "balances" in venue.ask:
            yield Look("ok", f"{venue.exchange} tells {counted(len(client.balances()), 'balance')}")
        if "positions" in venue.ask:
            yield Look("ok", f"{venue.exchange} tells {counted(len(client.positions()), 'position')}")
    except (ConfigError, VenueError) as error:
        yield Look("failed", str(error), "see the venues of the settings")
