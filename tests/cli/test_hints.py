"""What people record wakes the projector: the command notifies after its commit, by the gateway's name."""

from __future__ import annotations

import pytest

from recon.log.hints import LOG_CHANNEL
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.recorder_probe import connected

pytestmark = pytest.mark.postgres

#: Longest wait for a notification, in seconds.
PATIENCE = 20.0


def test_decisions_and_facts_tell_the_gateway_whose_log_they_are_in(recon: Recon, day: TestDatabase) -> None:
    break_ = recon("breaks", "--all", "--json").json()["breaks"][0]
    gateway, account = break_["gateway"], break_["account"]
    with connected(day.analyst_url) as listener:
        listener.execute(f"LISTEN {LOG_CHANNEL}")
        assert recon("break", "comment", break_["id"], "--text", "seen", "--no-wait").status == 0
        fact = ["--asset", "BTC", "--amount", "1", "--id", "A-1", "--text", "told", "--no-wait", "--new-asset", "BTC"]
        result = recon("record", "deposit", "--gateway", gateway, "--account", account, *fact)
        assert result.status == 0, result.err
        assert [told.payload for told in listener.notifies(timeout=PATIENCE, stop_after=2)] == [gateway, gateway]
