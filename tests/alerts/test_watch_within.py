"""With the default settings each way to be blind is told within 30 s of its beginning, whenever the watcher looks.

The clock is a number: facts are made for each look, as the log would show them then.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import trio
import trio.testing
from sqlalchemy import Connection

from recon.alerts.watch.conditions import conditions
from recon.alerts.watch.decide import Key, Notice, Watched, decide
from recon.alerts.watch.facts import AccountFact, Facts, GatewayFact
from recon.config import Settings
from recon.errors import DatabaseError
from recon.ledger.rules import HEARTBEAT_BOUND_US
from recon.log.recorder import TICK_SECONDS
from recon.service import watcher
from recon.service.watcher import LOOK_SECONDS, plan_of, watch
from recon.status import StatusReporter

T0 = datetime(2026, 1, 5, 3, tzinfo=UTC)
LONG_AGO = T0 - timedelta(hours=1)
WITHIN = 30.0
PLAN = plan_of(Settings())
#: A gap begins at the first event once the heartbeat is missed; without frames that is a tick.
GAP_AFTER = HEARTBEAT_BOUND_US / 1_000_000 + TICK_SECONDS


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def gateway(second: float, **changes: object) -> GatewayFact:
    well = {
        "state": "connected", "changed_at": LONG_AGO, "connected_at": LONG_AGO, "recorder": "host:1",
        "last_event_at": at(second),
    }  # fmt: skip
    return GatewayFact("prod-eu", **{**well, **changes})  # type: ignore[arg-type]  # the fields by their names


def refused(second: float) -> Facts:
    fact = gateway(second, state="failing", reason="refused", changed_at=T0) if second >= 0 else gateway(second)
    return Facts(at(second), [fact], [AccountFact("prod-eu", "A", "covered", None, at(min(second, 0)))], [])


def silent(second: float) -> Facts:
    state = "gap" if second >= GAP_AFTER else "covered"
    return Facts(at(second), [gateway(second)], [AccountFact("prod-eu", "A", state, None, at(min(second, 0)))], [])


def stuck(second: float) -> Facts:
    waits = {"unfolded_at": T0, "lag_events": 7} if second >= 0 else {}
    account = AccountFact("prod-eu", "A", "covered", None, at(min(second, 0)))
    return Facts(at(second), [gateway(second, **waits)], [account], [])


@pytest.mark.parametrize("phase", [0.0, 1.3, 2.5, 3.7, 4.9])
@pytest.mark.parametrize(
    ("facts", "kind"),
    [(refused, "gateway.down"), (silent, "gateway.stalled"), (stuck, "projection.behind")],
)
def test_it_is_told_within_the_bound(facts: Callable[[float], Facts], kind: str, phase: float) -> None:
    known: dict[Key, Watched] = {}
    told: list[Notice] = []
    second = -60.0 + phase
    while second < WITHIN - LOOK_SECONDS + phase:
        notices, known = decide(known, conditions(facts(second)), at(second), PLAN.waits)
        assert not (notices and second < 0), "nothing is told while all is well"
        told += notices
        second += LOOK_SECONDS
    assert [notice.watched.kind for notice in told] == [kind]
    assert told[0].at <= at(WITHIN)


@pytest.mark.trio
async def test_while_the_database_is_away_the_watcher_goes_on_looking_and_queues_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    states: list[str] = []
    looks = 0

    class Away:
        async def run(self, work: Callable[[Connection], int], *, deadline: float) -> int:  # noqa: ARG002 - as a database
            nonlocal looks
            looks += 1
            if looks <= 5:
                error = DatabaseError("the connection was cut")
                error.transient = True
                raise error
            return 1

    status = StatusReporter(lambda: T0, lambda made: states.append(made.state))
    queued: list[float] = []
    with trio.move_on_after(6 * LOOK_SECONDS - 1.0):
        await watch(
            Away(),  # type: ignore[arg-type]  # the one method that is used
            PLAN,
            now=lambda: T0,
            status=status,
            on_queued=lambda: queued.append(trio.current_time()),
        )
    assert states == ["retrying", "watching"]
    assert len(queued) == 1
    assert watcher.LOOK_SECONDS * looks <= WITHIN, "once the database is back, the first look is within the bound"
