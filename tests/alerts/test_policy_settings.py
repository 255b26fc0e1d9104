"""The policy that the settings ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Final

import pytest

from recon.alerts.policy import rules
from recon.alerts.policy.rules import Policy, encode_policy
from recon.alerts.policy.shadowed import never_taken
from recon.alerts.policy_settings import DEFAULT_ROUTE, policy_of
from recon.config import load_settings
from recon.config.alert_policy import SEVERITIES
from recon.errors import ConfigError

EXAMPLE: Final = Path(__file__).parents[2] / "config" / "recon.example.toml"
CHANNELS = ["webhook:desk", "webhook:duty"]
BOTH = tuple(CHANNELS)
WHOLE = """
[alerts]
gather = "2s"
burst = 3
gate = { certainty = ["exact"], severity = "medium" }
again = { share = "0.250", usd = "1000.00", units = { BTC = "0.10", "*" = "100" } }
remind = { after = ["2h", "30m"], every = "8h" }
digest = { at = ["18:00", "08:00"], zone = "Europe/London", days = ["fri", "mon"] }

[[alerts.routes]]
name = "fills"
cause = ["missed_*"]
certainty = ["exact", "inferred"]
gateway = ["prod-*"]
account = ["KRAKEN/*"]
unit = ["BTC"]
event = ["break.*"]
severity = "low"
channels = ["webhook:desk"]
send = "page"
continue = true

[[alerts.escalate]]
after = "2h"
to = ["webhook:duty"]
[[alerts.escalate]]
after = "1h"
to = ["webhook:duty"]
severity = "high"

[[alerts.quiet_hours]]
channels = ["webhook:desk"]
start = "22:00"
end = "07:30"
zone = "Europe/London"
days = ["mon", "tue"]
passes = "critical"

[[alerts.maintenance]]
name = "upgrade"
since = 2026-01-10T06:00:00+01:00
until = 2026-01-10T08:00:00Z
gateway = ["prod-eu"]

[[alerts.limits]]
channels = ["webhook:desk"]
messages = 5
every = "10m"
[[alerts.limits]]
messages = 50
every = "1h"

[[alerts.budgets]]
pages = 20
"""


def policy(text: str, place: Path) -> Policy:
    path = place / "recon.toml"
    path.write_text(text)
    return policy_of(load_settings(path, {}).alerts, CHANNELS)


def refused(text: str, place: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        policy(text, place)
    return str(caught.value).replace(f"{place}/recon.toml: ", "")


def test_every_key_has_its_rule(tmp_path: Path) -> None:
    assert policy(WHOLE, tmp_path) == Policy(
        channels=BOTH,
        routes=(
            rules.Route(
                "fills", ("webhook:desk",), "page", goes_on=True, severity="low", causes=("missed_*",),
                certainties=("exact", "inferred"), gateways=("prod-*",), accounts=("KRAKEN/*",), units=("BTC",),
                events=("break.*",),
            ),
            DEFAULT_ROUTE,
        ),
        gate=rules.Gate(("exact",), "medium"),
        move=rules.Move((("BTC", Decimal("0.1")), ("*", Decimal(100))), Decimal("0.25"), Decimal(1000)),
        reminders=rules.Reminders((timedelta(minutes=30), timedelta(hours=2)), timedelta(hours=8)),
        escalations=(
            rules.Escalation(timedelta(hours=1), ("webhook:duty",), "high"),
            rules.Escalation(timedelta(hours=2), ("webhook:duty",)),
        ),
        quiet=(rules.QuietHours(("webhook:desk",), 1320, 450, "Europe/London", (0, 1), "critical"),),
        maintenance=(
            rules.Maintenance(
                "upgrade", datetime(2026, 1, 10, 5, tzinfo=UTC), datetime(2026, 1, 10, 8, tzinfo=UTC), ("prod-eu",)
            ),
        ),
        limits=(
            rules.Limit(("webhook:desk",), 5, timedelta(minutes=10)),
            rules.Limit(BOTH, 50, timedelta(hours=1)),
        ),
        budgets=(rules.Budget(BOTH, 20),),
        digest=rules.Digest((480, 1080), "Europe/London", (0, 4)),
        group_wait=timedelta(seconds=2),
        burst=3,
    )  # fmt: skip


def test_without_a_key_everything_goes_everywhere_by_the_gate(tmp_path: Path) -> None:
    plain = policy("", tmp_path)
    assert plain == Policy(BOTH, limits=(rules.Limit(BOTH, 60, timedelta(minutes=10)),))
    assert policy("[alerts]\nlimits = []", tmp_path) == Policy(BOTH)


def test_equal_settings_give_an_equal_policy_however_they_are_written(tmp_path: Path) -> None:
    other = (
        WHOLE.replace('"0.250"', '"0.25"')
        .replace('"1000.00"', '"1000"')
        .replace('["2h", "30m"]', '["30m", "120m"]')
        .replace("06:00:00+01:00", "05:00:00Z")
        .replace('["fri", "mon"]', '["mon", "fri"]')
    )
    assert other != WHOLE
    assert encode_policy(policy(other, tmp_path)) == encode_policy(policy(WHOLE, tmp_path))
    assert encode_policy(policy(WHOLE.replace("burst = 3", "burst = 4"), tmp_path)) != encode_policy(
        policy(WHOLE, tmp_path)
    )


def test_words_of_the_settings_are_those_of_the_policy() -> None:
    assert SEVERITIES == rules.SEVERITIES


def test_a_channel_cause_or_event_that_there_is_not_is_named_with_the_nearest(tmp_path: Path) -> None:
    text = """
[[alerts.routes]]
name = "fills"
channels = ["webhook:dest"]
cause = ["missed_fil", "fund*", "zzz*"]
event = ["gatewy.down", "break.*"]
[[alerts.escalate]]
after = "1h"
to = ["pager"]
[[alerts.limits]]
channels = ["webhook:duti"]
messages = 1
every = "1m"
"""
    there = "there are webhook:desk, webhook:duty"
    assert refused(text, tmp_path).splitlines() == [
        f"alerts.routes.fills.channels: there is no channel webhook:dest; {there}; did you mean webhook:desk?",
        f"alerts.escalate.to: there is no channel pager; {there}",
        f"alerts.limits.channels: there is no channel webhook:duti; {there}; did you mean webhook:duty?",
        "alerts.routes.fills.cause: there is no cause missed_fil; did you mean missed_fill?",
        "alerts.routes.fills.cause: there is no cause zzz*",
        "alerts.routes.fills.event: there is no event gatewy.down; did you mean gateway.down?",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('routes = [{ name = "a", severity = "hihg" }]', "did you mean high?"),
        ('routes = [{ name = "a", certainty = ["sure"] }]', "must be one of exact, inferred, candidate"),
        ('routes = [{ name = "a", channels = [] }]', "channels names none"),
        ('routes = [{ name = "a", channels = ["x"], send = "nothing" }]', 'channels contradicts send = "nothing"'),
        ('routes = [{ name = "a" }, { name = "a" }]', "two are named a"),
        ('routes = [{ channels = ["x"] }]', "must be given"),
        ('routes = [{ name = "a", colour = "red" }]', "unknown key"),
        ('quiet_hours = [{ start = "22:00", end = "22:00" }]', "start and end must differ"),
        ('quiet_hours = [{ start = "22:00", end = "07:00", zone = "Europe/Londn" }]', "must be a time zone"),
        ('quiet_hours = [{ start = "22", end = "07:00" }]', "must be a time of day"),
        ('maintenance = [{ name = "a", since = 2026-01-02T00:00:00Z, until = 2026-01-01T00:00:00Z }]', "later than"),
        (
            'maintenance = [{ name = "a", since = 2026-01-02T00:00:00, until = 2026-01-03T00:00:00Z }]',
            "time with its zone",
        ),
        ('remind = { every = "10s" }', "must be a minute or more"),
        ('limits = [{ messages = 0, every = "1m" }]', "must be at least 1"),
        ('gather = "11m"', "must be ten minutes or less"),
        ('again = { share = "-1" }', "must not be negative"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(text: str, said: str, tmp_path: Path) -> None:
    assert said in refused(f"[alerts]\n{text}", tmp_path)


def test_a_channel_that_is_never_loud_is_refused(tmp_path: Path) -> None:
    hours = '{ channels = ["webhook:duty"], start = "20:00", end = "08:00" }'
    day = '{ start = "07:00", end = "20:00", days = ["mon", "tue", "wed", "thu", "fri", "sat"] }'
    assert policy(f"[alerts]\nquiet_hours = [{hours}, {day}]", tmp_path).quiet, "Sunday's day is left"
    whole = day.replace('"sat"', '"sat", "sun"').replace("days", 'passes = "high", days')
    wrong = refused(f"[alerts]\nquiet_hours = [{hours}, {whole}]", tmp_path)
    assert wrong == "alerts.quiet_hours: webhook:duty is quiet all week; what is held there would never be told"


def test_the_policy_of_the_documents_is_one(tmp_path: Path) -> None:
    page = (files("recon") / "docs" / "operator.md").read_text(encoding="utf-8")
    section = page.partition("**7.7 ")[2].partition("**7.8 ")[0]
    text = section.partition("```toml\n")[2].partition("```")[0]
    shown = policy(text, tmp_path)
    assert [route.name for route in shown.routes] == ["blind", "fills", "tests", "default"]
    # Whoever copies it finds every kind of rule in it.
    assert all((shown.escalations, shown.quiet, shown.maintenance, shown.limits, shown.budgets, shown.reminders.after))
    assert never_taken(shown, ["prod-eu", "test-eu"]) == []


def test_the_example_file_shows_the_policy_that_holds_without_it(tmp_path: Path) -> None:
    example = load_settings(EXAMPLE, {}).alerts
    assert policy_of(example, CHANNELS) == policy("", tmp_path)


def test_the_environment_may_give_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "recon.toml"
    path.write_text("")
    environ = {"RECON_ALERTS__ROUTES": '[{"name": "a", "channels": ["webhook:duty"]}]', "RECON_ALERTS__BURST": "9"}
    made = policy_of(load_settings(path, environ).alerts, CHANNELS)
    assert (made.routes[0].channels, made.burst) == (("webhook:duty",), 9)


def test_routes_alone_may_name_receivers_of_what_is_open(tmp_path: Path) -> None:
    path = tmp_path / "recon.toml"
    path.write_text('[[alerts.routes]]\nname = "board"\nchannels = ["alertmanager:ops"]\n')
    made = policy_of(load_settings(path, {}).alerts, CHANNELS, ["alertmanager:ops"])
    assert (made.channels, made.routes[0].channels) == (BOTH, ("alertmanager:ops",))
    path.write_text('[[alerts.limits]]\nchannels = ["alertmanager:ops"]\nmessages = 5\nevery = "10m"\n')
    with pytest.raises(ConfigError, match="alertmanager:ops is told what is open, and gets no messages; only a route"):
        policy_of(load_settings(path, {}).alerts, CHANNELS, ["alertmanager:ops"])
