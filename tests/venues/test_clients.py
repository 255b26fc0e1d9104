"""One contract for every client of a venue: the one through the library, on a real socket, and the fake."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from recon.errors import VenueError
from recon.venues.ccxt_client import CcxtClient
from recon.venues.client import VenueClient
from tests.support.fake_kraken import READING, FakeKraken, Traded, fake_kraken
from tests.support.fake_venue import FakeVenueClient, hurried, venue_settings

D = Decimal
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
#: What a client can be asked; there is nothing else.
METHODS = {"prepare", "excess_rights", "balances", "positions", "trades", "close"}


class Case:
    """A venue, and the clients that ask it for spot and for positions."""

    def __init__(self, venue: FakeKraken, spot: VenueClient, futures: VenueClient) -> None:
        self.venue, self.spot, self.futures = venue, spot, futures


@pytest.fixture(params=["fake", "ccxt"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    if request.param == "fake":
        venue = FakeKraken()
        client = FakeVenueClient(venue)
        yield Case(venue, client, client)
        return
    pytest.importorskip("ccxt")
    with fake_kraken() as venue:
        spot = hurried(CcxtClient(venue_settings(venue.url)))
        futures = hurried(CcxtClient(venue_settings(venue.url, exchange="krakenfutures", ask=["positions"])))
        yield Case(venue, spot, futures)
        spot.close()
        futures.close()


def test_it_reads_and_can_do_nothing_else(case: Case) -> None:
    for client in (case.spot, case.futures):
        public = {name for name, _ in inspect.getmembers(type(client), callable) if not name.startswith("_")}
        assert public == METHODS


def test_amounts_are_exact_to_the_last_digit(case: Case) -> None:
    case.venue.balances = lambda: {"XXBT": "1.234567890123456789", "ZUSD": "98765432109.87654321", "SOL": "0"}
    case.spot.prepare()
    held = {each.unit: each.amount for each in case.spot.balances()}
    assert held == {"BTC": D("1.234567890123456789"), "USD": D("98765432109.87654321"), "SOL": D(0)}


def test_positions_are_signed(case: Case) -> None:
    case.venue.positions = {"pf_xbtusd": "-2.5"}
    case.futures.prepare()
    assert [(each.unit, each.amount) for each in case.futures.positions()] == [("pf_xbtusd", D("-2.5"))]


def test_trades_since_a_time_have_their_ids_and_their_fees(case: Case) -> None:
    late = NOON + timedelta(hours=1, milliseconds=250)
    case.venue.trades = [
        Traded("T1", "1", "100", NOON),
        Traded("T2", "0.10000001", "50000.1", late, order_id="O-2", side="sell", fee="1.3"),
    ]
    case.spot.prepare()
    [told] = case.spot.trades(None, NOON + timedelta(minutes=1))
    assert (told.id, told.order_id, told.side, told.at) == ("T2", "O-2", "SELL", late)
    assert (told.quantity, told.price, told.cash) == (D("0.10000001"), D("50000.1"), D("5000.010500001"))
    assert (told.base, told.quote, told.fee, told.fee_asset) == ("BTC", "USD", D("1.3"), "USD")
    assert len(case.spot.trades(None, NOON - timedelta(minutes=1))) == 2


def test_a_key_that_may_do_more_than_read_is_refused(case: Case) -> None:
    assert case.spot.excess_rights() == []
    case.venue.rights = (*READING, "modify-trades", "withdraw-funds")
    assert case.spot.excess_rights() == ["modify-trades", "withdraw-funds"]
    with pytest.raises(VenueError, match=r"may do more than read \(modify-trades, withdraw-funds\)"):
        case.spot.prepare()
