"""The page and the read API as a person sees them who is limited to one account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from recon.db.engine import create_engine
from recon.db.limits import Pattern, lift, limit
from recon.db.roles import ANALYST
from recon.db.transactions import ThreadedDatabase
from recon.web.addresses import case_address, unit_address
from recon.web.api.resources import RESOURCES
from tests.conftest import TestDatabase
from tests.support.logins import login_of
from tests.support.page_client import page_of, visiting, words_of
from tests.web.test_screens import SCREENS, rows_of

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

MINE = "KRAKEN/JOHN"
HIDDEN = ("BINANCE", "BITMEX", "prod-us", "DERIBIT", "COINBASE")


@pytest.fixture
def bound(day: TestDatabase) -> Iterator[str]:
    """The address of the database for a limited login."""
    owner = create_engine(day.owner_url, "tests", pooled=False)
    with login_of(day, "bound", ANALYST) as url:
        name = url.split("//")[1].split("@", maxsplit=1)[0]
        limit(owner, name, [Pattern("prod-eu", MINE)], "a test")
        yield url
        lift(owner, name, "the test is over")


async def test_no_screen_and_no_resource_shows_another_account(day: TestDatabase, engine: Engine, bound: str) -> None:
    (other, *_) = rows_of(day, "SELECT case_id FROM recon.breaks WHERE account <> %s", MINE)
    (mine, *_) = rows_of(day, "SELECT case_id FROM recon.breaks WHERE account = %s", MINE)
    async with (
        page_of(day, ThreadedDatabase(engine, 2), ("prod-eu",), reader_url=bound) as address,
        visiting(address) as somebody,
    ):
        for path in ("/", "/breaks", *SCREENS, "/search?q=KRAKEN", *(f"/api/v1/{each.name}" for each in RESOURCES)):
            answer = await somebody.get(path)
            assert answer.status_code == 200, (path, words_of(answer))
            assert not [name for name in HIDDEN if name in answer.text], path
        assert (await somebody.get(case_address(mine["case_id"]))).status_code == 200
        for path in (
            case_address(other["case_id"]),
            unit_address("prod-eu", "BINANCE", "USDT"),
        ):
            answer = await somebody.get(path)
            assert answer.status_code == 404, path
        found = await somebody.get("/search?q=BINANCE")
        assert "prod-us" not in found.text
