"""`recon alerts`: what was told and why, what waits, silences, sending again, and another policy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from recon.alerts import delivery_store, signal_store
from recon.alerts.delivery_store import Failure
from recon.alerts.policy.fold import decide
from recon.alerts.policy.rules import Policy, Route
from recon.alerts.route import Desk, route
from recon.alerts.watch.alert import watch_signal
from recon.alerts.watch.decide import Notice, Watched
from recon.db.engine import create_engine
from recon.db.roles import OPERATOR
from recon.display.figures import amount
from recon.service.alerting import measured
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.alert_rows import GATEWAY, Step
from tests.support.logins import login_of
from tests.support.webhook_receiver import Answer, receiver

pytestmark = pytest.mark.postgres

OPS = "webhook:ops"
SECRET = "whsec_c2VjcmV0IG9mIHRoZSB3ZWJob29r"
CONFIG = f"""
[gateways.{GATEWAY}]
urls = ["ws://127.0.0.1:1/"]

[webhooks.ops]
url = "http://127.0.0.1:1/"
secret = "{SECRET}"
"""
DESK = Desk(decide, Policy((OPS,), (Route("everything", (), send="page"),), group_wait=timedelta()), measured)
START = datetime.now(UTC) - timedelta(hours=2)


class Story:
    """Signals of one case, routed at given minutes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def tell(self, minute: float, *steps: Step, desk: Desk = DESK) -> None:
        with self.engine.begin() as connection:
            signal_store.append(connection, [step.signal() for step in steps])
            route(connection, desk, START + timedelta(minutes=minute))

    def deliver(self, minute: float, error: str | None = None) -> str:
        at = START + timedelta(minutes=minute)
        with self.engine.begin() as connection:
            message = delivery_store.claim(connection, channel=OPS, now=at).message
            assert message is not None
            if error is None:
                delivery_store.mark_delivered(connection, message, now=at)
            else:
                lost = Failure(error, None)
                delivery_store.mark_failed(connection, message, lost, now=at, draw=lambda: 0.0)
            return message.id


@pytest.fixture
def story(database: TestDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Story]:
    path = tmp_path / "recon.toml"
    path.write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("RECON_CONFIG", str(path))
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    engine = create_engine(database.service_url, "test")
    yield Story(engine)
    engine.dispose()


def test_nothing_was_told_yet(recon: Recon, story: Story) -> None:
    assert (recon("alerts", "list").status, recon("alerts", "list", "--json").json()) == (0, [])
    done = recon("alerts", "pending")
    assert done.status == 0
    assert done.err.index("not current: ") < done.err.index("every message is delivered known, but this is not current")
    done = recon("alerts", "why", "b1")
    assert (done.status, "nothing that was ever told begins with 'b1'" in done.err) == (2, True)
    assert recon("alerts", "show", "abc").status == 2


def test_why_says_each_step_in_its_order(recon: Recon, story: Story) -> None:
    story.tell(0, Step(), Step(break_id="b2", unit="XXBT", amount="0.001"))
    message = story.deliver(0.1)
    story.tell(1, Step(event="assign", seq=140, actor="alice"))
    story.tell(2, Step(event="cleared", seq=150))
    document = recon("alerts", "why", "b1", "--json").json()
    assert (document["gateway"], document["case_id"], document["waiting"]) == (GATEWAY, "c1", 0)
    steps = [(step["step"], step["kind"]) for step in document["steps"]]
    assert steps == [
        ("signal", "fires"), ("signal", "fires"), ("grouped", None), ("sent", "firing"),
        ("signal", "taken_up"), ("acknowledged", None),
        ("signal", "ends"), ("sent", "recovery"),
    ]  # fmt: skip
    out = recon("alerts", "why", "c1").out
    assert all(len(line) <= 80 for line in out.splitlines()), out
    for words in ("Sent on webhook:ops (firing)", message, "alice took it up", "Derived"):
        assert words in out
    assert recon("alerts", "why", "c1").out == out, "derived again, it is the same"
    (week,) = recon("alerts", "pending", "--json").json()["weeks"]
    assert (week["channel"], week["pages"], week["cases"], week["acted_on"], week["share"]) == (OPS, 1, 1, 1, "1.00")


def test_what_recon_does_not_see_is_told_in_words(recon: Recon, story: Story) -> None:
    at = datetime.now(UTC)
    detail = "failing: refused: the port is closed"
    down = Watched(GATEWAY, "gateway.down", "", at, at, True, at, True, 1, detail, None)
    with story.engine.begin() as connection:
        signal_store.append(connection, [watch_signal(Notice(down, over=False, at=at), 1)])
    (row,) = recon("alerts", "list", "--json").json()
    assert (row["event"], row["what"]) == ("gateway.down", detail)
    assert "refused: the port is closed" in recon("alerts", "why", "gateway.down").out
    with story.engine.begin() as connection:
        signal_store.append(connection, [watch_signal(Notice(down, over=True, at=at), 2)])
    over, _ = recon("alerts", "list", "--json").json()
    assert (over["event"], over["what"]) == ("gateway.down.over", f"over; it was {detail}")


def test_a_case_of_two_gateways_is_named_with_its_gateway(recon: Recon, story: Story) -> None:
    with story.engine.begin() as connection:
        signal_store.append(connection, [Step().signal(), Step().signal("other")])
    refused = recon("alerts", "why", "c1")
    assert (refused.status, "give more of the id, or --gateway" in refused.err) == (2, True)
    assert recon("alerts", "why", "c1", "--gateway", "other", "--json").json()["gateway"] == "other"
    assert recon("alerts", "why", "c1", "--gateway", "nix").status == 2


def test_a_signal_and_a_message_are_shown_by_the_beginning_of_their_ids(recon: Recon, story: Story) -> None:
    story.tell(0, Step())
    (row,) = recon("alerts", "list", "--since", "999d", "--json").json()
    assert (row["event"], row["state"], row["channels"]) == ("break.opened", "sending", OPS)
    shown = amount(Decimal(row["amount"]), row["unit"])
    assert f"{row['account']} {shown} {row['cause']}" in recon("alerts", "list", "--since", "999d").out
    assert "-10.5 " in row["what"]
    assert row["amount"] == "-10.50"
    for given, found in ((f"cause={row['cause']}", 1), ("kind=ends", 0)):
        rows = recon("alerts", "list", "--since", "999d", "--filter", given, "--json").json()
        assert len(rows) == found, given
    refused = recon("alerts", "list", "--filter", "kind=fired")
    assert (refused.status, "did you mean fires?" in refused.err) == (2, True)
    signal = recon("alerts", "show", row["id"][:12], "--json").json()
    assert signal["signal"]["document"]["id"] == row["id"]
    (message,) = signal["messages"]
    shown = recon("alerts", "show", message["id"], "--json").json()
    assert shown["message"]["data"]["case_seq"] == 1
    told = recon("alerts", "show", message["id"]).out
    assert "waiting" in told
    assert told.startswith("recon: break.opened")
    assert message["id"] in told
    words = recon("alerts", "show", row["id"][:12]).out
    assert words.startswith("break.opened, sending\n")
    assert "-10.5 " in words
    assert "{" not in words, "a person reads words, a program --json"
    assert f"recon alerts why {row['case_id'][:8]}" in words


def test_tables_of_alerts_fit_80_columns(recon: Recon, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.tell(0, Step(), Step(break_id="b2", unit="XXBT", amount="-123456789.00001"))
    story.deliver(0.1, "the receiver answered 503, and said a good deal about why it did so")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("PAGER", "")
    for arguments in (("list", "--since", "999d"), ("pending",)):
        shown = recon("alerts", *arguments)
        assert shown.out, arguments
        for line in re.sub(r"\x1b\[[0-9;]*m", "", shown.out).splitlines():
            assert len(line) <= 80, line
        assert "not current: " in shown.err, "it is said first that the service does not run"


def test_what_was_given_up_is_shown_and_sent_again(recon: Recon, story: Story, database: TestDatabase) -> None:
    story.tell(0, Step())
    message = story.deliver(0.1, error="answered 404")
    (row,) = recon("alerts", "pending", "--json").json()["messages"]
    assert (row["channel"], row["state"], row["messages"], row["last_error"]) == (OPS, "failed", 1, "answered 404")
    assert "given up" in recon("alerts", "why", "b1").out
    assert recon("alerts", "retry").status == 2
    assert recon("alerts", "retry", "another").status == 2
    refused = recon("alerts", "retry", "--channel", "webhook:oops")
    assert (refused.status, "there is no channel 'webhook:oops'; did you mean webhook:ops?" in refused.err) == (2, True)
    refused = recon("alerts", "list", "--gateway", "nix")
    assert (refused.status, "there is no gateway 'nix'" in refused.err) == (2, True)
    with login_of(database, "carol", OPERATOR) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECON_DATABASE__OPERATOR_URL", url)
        assert recon("alerts", "retry", message, "--json").json() == {"sent_again": 1}
    assert story.deliver(1) == message


def test_a_silence_holds_what_would_be_told_and_ends_early(recon: Recon, story: Story, database: TestDatabase) -> None:
    with login_of(database, "carol", OPERATOR) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECON_DATABASE__OPERATOR_URL", url)
        refused = recon("alerts", "silence", "--until", "2h", "--text", "quiet")
        assert (refused.status, "names a gateway" in refused.err) == (2, True)
        for option, name in (("--gateway", "nix"), ("--account", "NIX"), ("--unit", "ETHX"), ("--cause", "missed_fil")):
            asked = recon("alerts", "silence", "--until", "1d", "--text", "we know", option, name)
            assert (asked.status, f"there is no {option[2:]} {name!r}" in asked.err) == (2, True)
        made = recon("alerts", "silence", "--until", "1d", "--text", "we know", "--gateway", GATEWAY, "--json").json()
        story.tell(0, Step())
        (silence,) = recon("alerts", "pending", "--json").json()["silences"]
        assert (silence["id"], silence["reason"], silence["of"]) == (made["id"], "we know", f"gateway {GATEWAY}")
        assert (silence["by"].startswith("carol"), silence["authenticated"]) == (True, True)
        (held,) = recon("alerts", "pending", "--json").json()["held"]
        assert (held["channel"], held["alerts"]) == (OPS, 1)
        assert "Silenced on webhook:ops" in recon("alerts", "why", "b1").out
        assert recon("alerts", "unsilence", made["id"][:8]).status == 0, "the beginning of an id will do"
        assert recon("alerts", "unsilence", made["id"]).status == 2, "once is once"
    story.tell(5)
    story.tell(6)
    assert "Sent on webhook:ops" in recon("alerts", "why", "b1").out
    assert recon("alerts", "pending", "--json").json()["held"] == []


@pytest.mark.parametrize("until", ["soon", "2020-01-01", "90d"])
def test_a_silence_ends_in_bounded_time(recon: Recon, story: Story, until: str) -> None:
    assert recon("alerts", "silence", "--until", until, "--text", "quiet", "--gateway", GATEWAY).status == 2


def test_another_policy_is_compared_by_day_channel_and_kind(recon: Recon, story: Story, tmp_path: Path) -> None:
    story.tell(0, *[Step(break_id=f"b{n}", case_id=f"c{n}", seq=n) for n in range(1, 4)])
    story.tell(1, Step(break_id="b1", case_id="c1", event="cleared", seq=150))
    other = tmp_path / "other.toml"
    other.write_text("[alerts]\ngather = '0s'\n", encoding="utf-8")
    rows = recon("alerts", "what-if", "--rules", str(other), "--since", "1d", "--json").json()
    counted = {row["kind"]: row["sent"] for row in rows}
    assert (counted["firing"], counted["recovery"]) == (3, 1)
    with story.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM recon.deliveries")) == 4, "and nothing is sent"
    other.write_text("[alerts]\ngather = 'long'\n[gateways]\n", encoding="utf-8")
    assert recon("alerts", "what-if", "--rules", str(other)).status == 2


def test_a_receiver_is_tried(recon: Recon, story: Story, tmp_path: Path) -> None:
    with receiver() as there:
        config = CONFIG.replace("http://127.0.0.1:1/", there.url)
        (tmp_path / "recon.toml").write_text(config, encoding="utf-8")
        assert recon("alerts", "test", OPS).status == 0
        assert '"recon.test"' in there.received[0].body
        there.answer(Answer(410))
        gone = recon("alerts", "test", OPS)
        assert (gone.status, "410 Gone" in gone.err) == (7, True)
        shown = f'[alertmanager.main]\nurl = "{there.url}"\n[pagerduty.desk]\nurl = "{there.url}"\nrouting_key = "k"\n'
        (tmp_path / "recon.toml").write_text(config + shown, encoding="utf-8")
        there.received.clear()
        assert recon("alerts", "test", "alertmanager:main").status == 0
        assert recon("alerts", "test", "pagerduty:desk").status == 0
        assert [received.path for received in there.received] == ["/api/v2/alerts"] * 2 + ["/"] * 2
    unknown = recon("alerts", "test", "webhook:none")
    assert (unknown.status, OPS in unknown.err) == (2, True)
