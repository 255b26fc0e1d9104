"""Many people on the page: what they read goes by connections of their own, few at once, and none of the service's.

The service's own connections fold and record; a screen that took one would have the books wait for people.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
import trio
from sqlalchemy import Connection, Engine

from recon.db.transactions import ThreadedDatabase
from recon.web.guard import AT_ONCE, MAX_WAITING
from recon.web.page import READERS
from tests.conftest import TestDatabase
from tests.support.page_client import page_of, visiting
from tests.web.test_screens import rows_of

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

GATEWAYS = ("prod-eu", "prod-us")
SCREENS = ("/", "/breaks", "/units", "/coverage", "/log", "/alerts", "/rules", "/search?q=ETH")
#: People at once: more than have a turn, and fewer than are refused.
PEOPLE = 40
T = TypeVar("T")


class Counted:
    """The service's database; counts what is asked of it."""

    def __init__(self, engine: Engine) -> None:
        self._database = ThreadedDatabase(engine, 2)
        self.runs = 0

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:
        self.runs += 1
        return await self._database.run(work, deadline=deadline)


async def test_what_people_read_takes_no_connection_of_the_service_and_few_of_its_own(
    day: TestDatabase, engine: Engine
) -> None:
    assert READERS <= AT_ONCE < PEOPLE < AT_ONCE + MAX_WAITING
    service = Counted(engine)
    statuses: list[int] = []
    async with page_of(day, service, GATEWAYS, reader_url=day.analyst_url) as address:

        async def look(number: int) -> None:
            async with visiting(address) as somebody:
                statuses.append((await somebody.get(SCREENS[number % len(SCREENS)])).status_code)

        async with trio.open_nursery() as nursery:
            for number in range(PEOPLE):
                nursery.start_soon(look, number)
        held = rows_of(day, "SELECT count(*) AS held FROM pg_stat_activity WHERE application_name = 'recon page'")
    assert statuses == [200] * PEOPLE, "everybody is answered, if not at once"
    assert service.runs == 0, "no screen is read by the service's own connections"
    # The pool keeps what it opened: no more were ever open than it keeps.
    assert 1 <= held[0]["held"] <= READERS
