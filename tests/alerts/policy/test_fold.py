"""What the policy does with signals, rule by rule."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from recon.alerts.policy.model import Silence
from recon.alerts.policy.rules import (
    Budget,
    Digest,
    Escalation,
    Limit,
    Maintenance,
    Move,
    Policy,
    QuietHours,
    Reminders,
    Route,
)
from recon.alerts.policy.state import acted_share
from tests.alerts.policy.scripts import T0, Look, after, run, signal

ONE = Policy(("desk",))
LATER = Look(after(days=9))


def test_the_legs_of_a_case_are_one_message() -> None:
    looks = [Look(T0, (signal(1, subject="base"),)), Look(after(seconds=0.5), (signal(2, subject="quote"),)), LATER]
    done = run(ONE, looks)
    (message,) = done.messages
    assert (message.kind, message.signals, message.cases) == ("firing", ("n1", "n2"), (("g", "c"),))
    assert message.at == after(seconds=1), "the first leg waits as long as was told, and no longer"
    assert done.said("desk") == ["grouped", "sent"]


def test_a_leg_that_comes_late_is_a_message_of_its_own() -> None:
    done = run(ONE, [Look(T0, (signal(1),)), Look(after(seconds=2), (signal(2, subject="t"),)), LATER])
    assert [message.signals for message in done.messages] == [("n1",), ("n2",)]


def test_a_burst_of_one_gateway_is_one_message_and_a_few_cases_are_not() -> None:
    policy = Policy(("desk",), burst=3)
    few = run(policy, [Look(T0, tuple(signal(each, case=f"c{each}") for each in range(3))), LATER])
    assert [len(message.cases) for message in few.messages] == [1, 1, 1]
    down = signal(0, case="gateway.down", subject="", certainty="", cause="")
    many = run(policy, [Look(T0, (down, *(signal(each, case=f"c{each}") for each in range(1, 201)))), LATER])
    (message,) = many.messages
    assert len(message.cases) == 201
    assert message.reason == "201 cases of gateway g came within 1s: one message"
    other = run(
        policy, [Look(T0, tuple(signal(each, case=f"c{each}", gateway=f"g{each}") for each in range(5))), LATER]
    )
    assert len(other.messages) == 5, "the burst of another gateway is another message"


def test_what_ends_and_fires_again_within_the_wait_is_told_in_order() -> None:
    looks = [Look(T0, (signal(1), signal(2, "ends"), signal(3), signal(4, subject="t"))), LATER]
    assert [(message.kind, message.signals) for message in run(ONE, looks).messages] == [
        ("firing", ("n1",)), ("recovery", ("n2",)), ("firing", ("n3", "n4")),
    ]  # fmt: skip
    burst = [Look(T0, (signal(1), signal(2, "ends"), signal(3, case="d"), signal(4))), LATER]
    assert [(message.kind, message.signals) for message in run(Policy(("desk",), burst=1), burst).messages] == [
        ("firing", ("n1", "n3")), ("recovery", ("n2",)), ("firing", ("n4",)),
    ]  # fmt: skip


def test_without_a_wait_each_look_is_told_at_once() -> None:
    done = run(Policy(("desk",), group_wait=timedelta()), [Look(T0, (signal(1), signal(2, subject="t")))])
    assert [(message.at, message.signals) for message in done.messages] == [(T0, ("n1", "n2"))]


@pytest.mark.parametrize(
    ("certainty", "severity", "kind"),
    [
        ("exact", "info", "firing"),
        ("inferred", "info", "firing"),
        ("candidate", "medium", "digest"),
        ("candidate", "high", "firing"),
        ("candidate", "critical", "firing"),
        ("", "", "firing"),
    ],
)
def test_the_gate_sends_what_is_sure_or_material_and_leaves_the_rest_to_the_digest(
    certainty: str, severity: str, kind: str
) -> None:
    done = run(ONE, [Look(T0, (signal(1, certainty=certainty, severity=severity),)), LATER])
    assert done.kinds("desk") == [kind]
    if kind == "digest":
        assert done.messages[0].at == after(hours=14), "eight o'clock of the next morning"
        assert done.said("desk") == ["digested", "sent"]
        assert done.steps[0].reason == "route default: candidate, severity medium; digest of 2026-03-29 08:00 UTC"


def test_a_candidate_that_becomes_material_is_sent_with_what_waited_for_the_digest() -> None:
    small = signal(1, certainty="candidate", severity="low")
    large = signal(2, "moves", certainty="candidate", severity="high", amount=Decimal(99))
    done = run(ONE, [Look(T0, (small,)), Look(after(hours=1), (large,)), LATER])
    assert [(message.kind, message.signals) for message in done.messages] == [("firing", ("n1", "n2"))]


def test_a_leg_of_a_case_that_was_sent_goes_the_same_way() -> None:
    legs = [signal(1), signal(2, subject="t", certainty="candidate", severity="low")]
    done = run(ONE, [Look(T0, (legs[0],)), Look(after(hours=1), (legs[1],)), LATER])
    assert done.kinds("desk") == ["firing", "firing"]


def test_a_second_person_is_asked_for_at_once() -> None:
    done = run(ONE, [Look(T0, (signal(1, "wants_approval", certainty="candidate", severity="low"),)), LATER])
    assert done.kinds("desk") == ["notice"]


def test_what_has_no_end_is_told_once_and_forgotten() -> None:
    policy = Policy(("desk",), reminders=Reminders((timedelta(hours=1),)))
    done = run(policy, [Look(T0, (signal(1, "tells", certainty="", severity=""),)), LATER])
    assert done.kinds("desk") == ["notice"]
    assert done.state.cases == {}


@pytest.mark.parametrize(
    ("move", "amount", "usd", "told"),
    [
        (Move(share=Decimal("0.5")), 14, 14, False),
        (Move(share=Decimal("0.5")), 15, 15, True),
        (Move(share=Decimal("0.5")), -10, -10, True),
        (Move((("B*", Decimal(2)),), share=None), 11, 11, False),
        (Move((("B*", Decimal(2)),), share=None), 8, 8, True),
        (Move((("ETH", Decimal(2)),), share=None), 99, 99, False),
        (Move(share=None, usd=Decimal(1000)), 11, 900, False),
        (Move(share=None, usd=Decimal(1000)), 11, 1010, True),
        (Move(share=Decimal(0)), 10, 10, False),
    ],
)
def test_a_move_is_told_if_it_is_material(move: Move, amount: int, usd: int, *, told: bool) -> None:
    first = signal(1, amount_usd=Decimal(10))
    second = signal(2, "moves", amount=Decimal(amount), amount_usd=Decimal(usd))
    done = run(Policy(("desk",), move=move), [Look(T0, (first,)), Look(after(hours=1), (second,)), LATER])
    assert done.kinds("desk") == (["firing", "moved"] if told else ["firing"])
    assert ("not_material" in done.said("desk")) is not told


def test_moves_are_measured_from_what_was_told_last() -> None:
    amounts = [10, 13, 16, 20]
    looks = [
        Look(after(hours=hour), (signal(hour, "moves" if hour else "fires", amount=Decimal(amount)),))
        for hour, amount in enumerate(amounts)
    ]
    done = run(ONE, [*looks, LATER])
    assert [message.signals for message in done.messages] == [("n0",), ("n2",)], "16 is 6 above 10; 20 is 4 above 16"


@pytest.mark.parametrize("facts", [{"cause": "withdrawal"}, {"severity": "high"}, {"certainty": "exact"}])
def test_another_cause_and_more_severity_or_certainty_are_told_without_a_move(facts: dict[str, str]) -> None:
    first = signal(1, certainty="inferred")
    second = signal(2, "moves", **({"certainty": "inferred"} | facts))
    assert run(ONE, [Look(T0, (first,)), Look(after(hours=1), (second,)), LATER]).kinds("desk") == ["firing", "moved"]


REMINDING = Policy(
    ("desk", "duty"),
    routes=(Route("desk", ("desk",)),),
    reminders=Reminders((timedelta(minutes=30), timedelta(hours=2)), timedelta(hours=4)),
)


def test_reminders_come_by_age_then_again_and_again_until_somebody_has_it() -> None:
    taken = signal(2, "taken_up", actor="ann")
    done = run(REMINDING, [Look(T0, (signal(1),)), Look(after(hours=11), (taken,)), LATER])
    assert done.kinds("desk") == ["firing"] + ["reminder"] * 4
    ages = [message.at - timedelta(seconds=1) - T0 for message in done.messages[1:]]
    assert ages == [timedelta(minutes=30), timedelta(hours=2), timedelta(hours=6), timedelta(hours=10)]
    assert done.messages[1].reason == "reminder 1: nobody took it up in 30m"
    assert done.said("desk")[-1] == "acknowledged"
    assert done.steps[-1].reason == "ann took it up: nobody is reminded"


def test_reminders_end_some_time() -> None:
    policy = Policy(("desk",), reminders=Reminders((), timedelta(hours=1)))
    done = run(policy, [Look(T0, (signal(1),)), Look(after(days=40))])
    assert done.kinds("desk").count("reminder") == 500
    assert done.next_due is None


def test_firing_once_more_undoes_that_somebody_has_it() -> None:
    looks = [
        Look(T0, (signal(1), signal(2, "taken_up"))),
        Look(after(hours=5), (signal(3, "again"),)),
        Look(after(hours=5, minutes=31)),
    ]
    assert run(REMINDING, looks).kinds("desk") == ["firing", "firing", "reminder"]


def test_what_fires_after_its_end_is_nobodys_though_its_end_still_waits_to_be_told() -> None:
    looks = [
        Look(T0, (signal(1), signal(2, "taken_up"))),
        Look(after(hours=5), (signal(3, "ends"),)),
        Look(after(hours=5, seconds=0.5), (signal(4),)),
        Look(after(hours=5, minutes=31)),
    ]
    done = run(REMINDING, looks)
    assert done.kinds("desk") == ["firing", "recovery", "firing", "reminder"]
    assert done.messages[-1].at == after(hours=5, minutes=30, seconds=1.5)


def test_a_reminder_that_waits_for_its_burst_is_void_when_somebody_takes_the_case_up() -> None:
    looks = [Look(T0, (signal(1),)), Look(after(minutes=30, seconds=0.5), (signal(2, "taken_up"),)), LATER]
    assert run(REMINDING, looks).kinds("desk") == ["firing"]


def test_a_reminder_tells_every_leg_as_it_is_now() -> None:
    looks = [Look(T0, (signal(1), signal(2, subject="t"))), Look(after(minutes=1), (signal(3, "moves"),))]
    done = run(REMINDING, [*looks, Look(after(minutes=31))])
    assert done.of("desk")[-1].signals == ("n3", "n2")
    assert done.said("desk").count("grouped") == 1, "the legs of the firing, and not those of the reminder"


def test_nobody_is_reminded_of_what_went_to_the_digest_or_is_over() -> None:
    candidate = signal(1, certainty="candidate", severity="low")
    assert run(REMINDING, [Look(T0, (candidate,)), LATER]).kinds("desk") == ["digest"]
    over = [Look(T0, (signal(1),)), Look(after(minutes=5), (signal(2, "ends"),)), LATER]
    assert run(REMINDING, over).kinds("desk") == ["firing", "recovery"]


ESCALATING = Policy(
    ("desk", "duty", "boss"),
    routes=(Route("desk", ("desk",)),),
    escalations=(Escalation(timedelta(minutes=30), ("duty",)), Escalation(timedelta(hours=2), ("boss",), "high")),
)


def test_a_case_that_nobody_takes_up_is_escalated_step_by_step() -> None:
    done = run(ESCALATING, [Look(T0, (signal(1, severity="high"),)), LATER])
    assert [(message.channel, message.kind) for message in done.messages] == [
        ("desk", "firing"), ("duty", "escalation"), ("boss", "escalation"),
    ]  # fmt: skip
    assert done.messages[1].reason == "escalation: nobody took it up in 30m"


def test_an_escalation_is_for_its_severity_and_more_and_not_for_what_somebody_has() -> None:
    assert run(ESCALATING, [Look(T0, (signal(1),)), LATER]).kinds("boss") == []
    taken = [Look(T0, (signal(1),)), Look(after(minutes=29), (signal(2, "taken_up"),)), LATER]
    assert run(ESCALATING, taken).kinds("duty") == []


def test_who_was_told_by_an_escalation_is_told_of_the_end() -> None:
    done = run(ESCALATING, [Look(T0, (signal(1),)), Look(after(hours=1), (signal(2, "ends"),)), LATER])
    assert done.kinds("desk") == ["firing", "recovery"]
    assert done.kinds("duty") == ["escalation", "recovery"]
    assert done.kinds("boss") == []


def test_the_end_is_not_told_where_an_escalation_was_void_before_it_could_be_sent() -> None:
    policy = msgspec.structs.replace(ESCALATING, limits=(Limit(("duty",), 1, timedelta(days=1)),))
    first = [Look(T0, (signal(1, case="c1"),)), Look(after(hours=1), (signal(2, case="c2"),))]
    ends = Look(after(hours=2), (signal(3, "ends", case="c1"), signal(4, "ends", case="c2")))
    done = run(policy, [*first, ends, LATER])
    assert [(message.kind, message.signals) for message in done.of("duty")] == [
        ("escalation", ("n1",)), ("summary", ("n3",)),
    ]  # fmt: skip
    assert done.said("duty", "c2")[-1] == "not_routed"


def test_what_a_silence_held_is_not_told_after_what_is_newer() -> None:
    looks = [Look(T0, (signal(1),)), Look(after(hours=1), (signal(2, "moves", cause="transfer"),)), LATER]
    done = run(ONE, looks, [silence(cause="deposit")])
    assert [(message.kind, message.signals) for message in done.messages] == [("firing", ("n2",))]


def test_the_end_is_not_told_of_what_was_silenced_under_another_cause() -> None:
    hushed = silence(cause="deposit")
    looks = [Look(T0, (signal(1),)), Look(after(hours=1), (signal(2, "ends", cause="transfer"),)), LATER]
    assert run(ONE, looks, [hushed]).messages == []


#: From 22:00 to 07:00 London, where the clocks go forward in this very night.
NIGHT = QuietHours(("desk",), 22 * 60, 7 * 60, zone="Europe/London", passes="critical")


def test_quiet_hours_hold_and_end_with_one_summary() -> None:
    policy = Policy(("desk",), quiet=(NIGHT,))
    looks = [
        Look(after(hours=5), (signal(1, case="c1"),)),
        Look(after(hours=6), (signal(2, case="c2"),)),
        Look(after(hours=7), (signal(3, "ends", case="c1"),)),
        LATER,
    ]
    done = run(policy, looks)
    (message,) = done.messages
    assert (message.kind, message.signals, message.held) == ("summary", ("n1", "n2", "n3"), 3)
    assert message.at == after(hours=12), "seven o'clock in London is six in UTC from this morning on"
    assert message.reason == "held by quiet hours of desk, until 2026-03-29 06:00 UTC"
    assert done.said("desk", "c2") == ["held", "sent"]


def test_what_is_severe_passes_quiet_hours_with_what_was_held_of_its_case() -> None:
    policy = Policy(("desk",), quiet=(NIGHT,))
    looks = [
        Look(after(hours=5), (signal(1),)),
        Look(after(hours=6), (signal(2, "moves", severity="critical"),)),
        LATER,
    ]
    (message,) = run(policy, looks).messages
    assert (message.kind, message.signals, message.at) == ("firing", ("n1", "n2"), after(hours=6, seconds=1))


def test_a_reminder_that_was_held_does_not_go_along_once_somebody_has_the_case() -> None:
    policy = Policy(("desk",), quiet=(NIGHT,), reminders=Reminders((timedelta(hours=5),)))
    looks = [
        Look(T0, (signal(1),)),
        Look(after(hours=5.5), (signal(2, "taken_up"),)),
        Look(after(hours=6), (signal(3, "moves", severity="critical"),)),
        LATER,
    ]
    done = run(policy, looks)
    assert "held" in done.said("desk"), "the reminder was"
    assert [(message.kind, message.signals) for message in done.messages] == [("firing", ("n1",)), ("moved", ("n3",))]


def test_quiet_hours_hold_one_reminder_of_a_case_and_not_one_an_hour() -> None:
    policy = Policy(("desk",), quiet=(NIGHT,), reminders=Reminders((), timedelta(hours=1)))
    done = run(policy, [Look(T0, (signal(1),)), Look(after(hours=12, seconds=2))])
    assert done.kinds("desk") == ["firing", "reminder", "reminder", "reminder", "summary"]
    assert done.messages[-1].held == 1


def test_quiet_hours_disturb_no_other_channel() -> None:
    done = run(Policy(("desk", "duty"), quiet=(NIGHT,)), [Look(after(hours=5), (signal(1),)), LATER])
    assert (done.kinds("desk"), done.kinds("duty")) == (["summary"], ["firing"])


def test_a_maintenance_window_holds_its_accounts_and_no_others() -> None:
    window = Maintenance("upgrade", after(hours=1), after(hours=3), ("g",), ("x*",))
    held, free = signal(1, case="c1", account="xy"), signal(2, case="c2", account="y")
    done = run(Policy(("desk",), maintenance=(window,)), [Look(after(hours=1), (held, free)), LATER])
    assert [(message.kind, message.signals, message.at) for message in done.messages] == [
        ("firing", ("n2",), after(hours=1, seconds=1)),
        ("summary", ("n1",), after(hours=3)),
    ]
    assert done.messages[1].reason == "held by maintenance upgrade, until 2026-03-28 21:00 UTC"


def test_of_several_windows_the_one_that_lasts_longest_holds() -> None:
    windows = (Maintenance("short", T0, after(hours=1)), Maintenance("long", T0, after(hours=2)))
    evenings = tuple(QuietHours(("desk",), 18 * 60, end * 60) for end in (19, 20))
    for policy in (Policy(("desk",), maintenance=windows), Policy(("desk",), quiet=evenings)):
        done = run(policy, [Look(T0, (signal(1),)), LATER])
        assert done.said("desk") == ["held", "sent"]
        assert [message.at for message in done.messages] == [after(hours=2)]


def silence(until: float = 2, **facts: str) -> Silence:
    return Silence("s1", T0, after(hours=until), "ann", "known", **facts)


def test_a_silence_holds_and_what_still_fires_at_its_end_is_summed_up() -> None:
    looks = [
        Look(T0, (signal(1, case="c1"), signal(2, case="c2"), signal(3, case="c3", account="y"))),
        Look(after(hours=1), (signal(4, "ends", case="c1"),)),
        LATER,
    ]
    done = run(ONE, looks, [silence(account="x")])
    assert [(message.kind, message.signals) for message in done.messages] == [("firing", ("n3",)), ("summary", ("n2",))]
    assert done.messages[1].at == after(hours=2)
    assert done.said("desk", "c1") == ["silenced", "ended", "silenced"], "what fired and ended in it is not told"
    assert done.steps[0].reason == "silence s1 of ann, until 2026-03-28 20:00 UTC: known"


def test_a_silence_that_ends_early_releases_what_it_held_then() -> None:
    before = run(ONE, [Look(T0, (signal(1),)), Look(after(minutes=5))], [silence()])
    assert before.next_due == after(hours=2)
    done = run(ONE, [Look(after(hours=1))], [silence(until=0.5)], state=before.state)
    assert [message.at for message in done.messages] == [after(minutes=30)]
    gone = run(ONE, [Look(after(hours=1))], [], state=before.state)
    assert [message.at for message in gone.messages] == [after(hours=1)]


LIMITED = Policy(("desk",), limits=(Limit(("desk",), 2, timedelta(minutes=10)),))


def test_a_limit_holds_what_is_too_much_and_sums_it_up_when_there_is_room() -> None:
    looks = [Look(after(minutes=each), (signal(each, case=f"c{each}"),)) for each in range(6)]
    done = run(LIMITED, [*looks, LATER])
    assert done.kinds("desk") == ["firing", "firing", "summary"]
    summary = done.messages[-1]
    assert (summary.at, summary.signals, summary.held) == (after(minutes=10, seconds=1), ("n2", "n3", "n4", "n5"), 4)
    assert summary.reason == "held by the limit of 2 messages in 10m"
    assert done.said("desk", "c5") == ["limited", "sent"]


def test_what_comes_when_there_is_room_again_does_not_overtake_what_was_held() -> None:
    looks = [Look(after(minutes=each), (signal(each, case=f"c{each}"),)) for each in (0, 1, 2, 10)]
    done = run(LIMITED, [*looks, LATER])
    assert [message.signals for message in done.messages] == [("n0",), ("n1",), ("n2", "n10")]
    assert done.messages[-1].at == after(minutes=10, seconds=1)


def test_what_a_limit_held_has_one_step_though_a_new_policy_holds_it_longer() -> None:
    tighter = msgspec.structs.replace(LIMITED, limits=(Limit(("desk",), 1, timedelta(hours=1)),))
    looks = [Look(after(minutes=each), (signal(each, case=f"c{each}"),)) for each in (0, 1, 2)]
    done = run([(T0, LIMITED), (after(minutes=5), tighter)], [*looks, Look(after(minutes=5)), LATER])
    assert done.said("desk", "c2") == ["limited", "sent"]
    assert done.messages[-1].at == after(hours=1, minutes=1, seconds=1)


def test_a_case_counts_once_a_week_however_often_it_is_told_and_taken_up() -> None:
    looks = [
        Look(T0, (signal(1),)),
        Look(after(hours=1), (signal(2, subject="t"), signal(3, "taken_up"), signal(4, "taken_up"))),
        Look(after(hours=2)),
    ]
    (week,) = acted_share(run(ONE, looks).state)
    assert (week.pages, week.cases, week.acted) == (2, 1, 1)


def test_the_page_budget_is_told_once_a_week_with_the_share_that_somebody_acted_on() -> None:
    policy = Policy(("desk",), budgets=(Budget(("desk",), 2),), digest=Digest())
    looks = [
        Look(T0, (signal(1, case="c1"),)),
        Look(after(hours=1), (signal(2, "taken_up", case="c1"), signal(3, "taken_up", case="c1"))),
        Look(after(hours=2), (signal(4, "taken_up", case="c1"), signal(5, case="c2"))),
        Look(after(hours=3), (signal(6, case="c3"),)),
    ]
    done = run(policy, [*looks, Look(after(hours=4))])
    notices = [message for message in done.messages if message.kind == "notice"]
    assert [message.reason for message in notices] == [
        "the page budget of desk is used up: 2 of 2 pages in the week of 2026-03-23; somebody acted on 1 of 2 cases"
    ]
    (week,) = acted_share(done.state)
    assert (week.pages, week.cases, week.acted) == (4, 3, 1), "the notice is a page as well"
    next_week = run(policy, [Look(after(days=3), (signal(7, case="c7"),)), Look(after(days=4))], state=done.state)
    assert next_week.kinds("desk") == ["firing"]


def test_a_silence_of_everything_does_not_cover_what_the_policy_says_of_itself() -> None:
    policy = Policy(("desk",), budgets=(Budget(("desk",), 1),))
    hushed = Silence("s1", after(seconds=1.5), after(days=1), "ann", "all")
    done = run(policy, [Look(T0, (signal(1),)), Look(after(hours=1))], [hushed])
    assert done.kinds("desk") == ["firing", "notice"]


def test_the_end_is_told_only_where_the_beginning_was() -> None:
    routes = (Route("material", ("duty",), severity="high", goes_on=True), Route("desk", ("desk",)))
    looks = [Look(T0, (signal(1),)), Look(after(hours=1), (signal(2, "ends", severity="critical"),)), LATER]
    done = run(Policy(("desk", "duty"), routes=routes), looks)
    assert (done.kinds("desk"), done.kinds("duty")) == (["firing", "recovery"], [])


def test_a_route_may_refuse_to_tell_of_ends() -> None:
    routes = (Route("no ends", (), send="nothing", events=("*.ends",)), Route("all", ()))
    done = run(
        Policy(("desk",), routes=routes), [Look(T0, (signal(1),)), Look(after(hours=1), (signal(2, "ends"),)), LATER]
    )
    assert done.kinds("desk") == ["firing"]
    assert done.steps[-1].reason == "route no ends sends it nowhere"


def test_the_end_of_what_waits_for_the_digest_is_told_there() -> None:
    candidate = signal(1, certainty="candidate", severity="low")
    done = run(ONE, [Look(T0, (candidate,)), Look(after(hours=1), (signal(2, "ends"),)), LATER])
    assert [(message.kind, message.signals) for message in done.messages] == [("digest", ("n1", "n2"))]


def test_what_no_route_takes_has_the_step_that_says_so() -> None:
    done = run(Policy(("desk",), routes=(Route("high", (), severity="high"),)), [Look(T0, (signal(1),)), LATER])
    assert done.messages == []
    assert [(step.kind, step.reason) for step in done.steps] == [("not_routed", "no route takes it")]


def test_steps_about_a_case_that_is_not_known_change_nothing() -> None:
    strangers = tuple(signal(number, kind) for number, kind in enumerate(("taken_up", "ends")))  # type: ignore[arg-type]
    done = run(ONE, [Look(T0, strangers), LATER])
    assert (done.messages, done.state.cases, done.said("desk")) == ([], {}, ["acknowledged"])


def test_a_channel_that_is_gone_gets_nothing_and_the_others_go_on() -> None:
    both, one = Policy(("desk", "duty")), Policy(("desk",))
    changed = run([(T0, both), (after(seconds=0.5), one)], [Look(T0, (signal(1),)), Look(after(seconds=0.5)), LATER])
    assert [message.channel for message in changed.messages] == ["desk"]
    assert [step.reason for step in changed.steps if step.channel == "duty"] == ["the channel is no longer configured"]
    reminding = msgspec.structs.replace(one, reminders=Reminders((timedelta(hours=2),)))
    looks = [Look(T0, (signal(1),)), Look(after(hours=1)), Look(after(hours=3), (signal(2, "ends"),)), LATER]
    later = run([(T0, both), (after(hours=1), reminding)], looks)
    assert (later.kinds("desk"), later.kinds("duty")) == (["firing", "reminder", "recovery"], ["firing"])


def test_a_new_policy_reminds_from_now_on_and_not_of_the_past() -> None:
    looks = [Look(T0, (signal(1),)), Look(after(hours=3)), Look(after(hours=3, minutes=1))]
    policies = [(T0, Policy(("desk",))), (after(hours=3), REMINDING)]
    assert run(policies, looks[:2]).next_due == after(hours=3, seconds=1)
    assert [message.at for message in run(policies, looks).messages[1:]] == [after(hours=3, seconds=1)]


def test_time_never_goes_back() -> None:
    first = run(ONE, [Look(after(hours=1), (signal(1),))])
    done = run(ONE, [Look(after(hours=2))], state=run(ONE, [Look(T0, (signal(2, case="d"),))], state=first.state).state)
    assert [message.at for message in done.messages] == [after(hours=1, seconds=1)] * 2
