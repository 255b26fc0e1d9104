"""Settings that loosen rules are proposed, and do not take effect until somebody approves them (semantics 10.2)."""

from __future__ import annotations

import pytest

from recon.config import Settings
from tests.conftest import TestDatabase
from tests.service.test_serving import ask, serving, until

pytestmark = [pytest.mark.postgres, pytest.mark.trio]


def settings(absolute: str) -> Settings:
    return Settings.model_validate(
        {"gateways": {"g": {"urls": ["ws://127.0.0.1:1/"]}}, "accounts": {"tolerance": {"absolute": absolute}}}
    )


def kinds(database: TestDatabase) -> list[object]:
    query = "SELECT kind FROM recon.events WHERE kind IN ('rules', 'rules.proposed') ORDER BY seq"
    return [kind for (kind,) in ask(database, query)]


async def run_once(database: TestDatabase, chosen: Settings) -> None:
    """Let the service record something after what it has to say of its rules."""
    failures = "SELECT count(*) FROM recon.events WHERE kind = 'session.failed'"
    before = ask(database, failures)
    async with serving(chosen, database):
        await until(lambda: ask(database, failures) != before)


async def test_looser_settings_wait_and_stricter_ones_hold_at_once(database: TestDatabase) -> None:
    told: list[object] = []
    steps = (("1", "rules"), ("2", "rules.proposed"), ("2", None), ("1", "rules"), ("0.5", "rules"), ("0.5", None))
    for absolute, kind in steps:
        told += [kind] if kind else []
        await run_once(database, settings(absolute))
        assert kinds(database) == told
    waits = "SELECT message FROM recon.findings WHERE kind = 'rules_wait'"
    assert "tolerance, absolute, from 1 to 2" in str(ask(database, waits))
