"""What holds for every policy and every day: nothing is lost, bounds are kept, and looking changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.alerts.policy.history import History, replay
from recon.alerts.policy.model import Outgoing, Signal, Silence, Step
from recon.alerts.policy.routing import ways_of
from recon.alerts.policy.rules import Policy, decode_policy, encode_policy
from tests.alerts.policy.scripts import CHANNELS, Look, Run, days, ended, policies, run, silences

_SETTINGS = settings(max_examples=60, deadline=None)


@_SETTINGS
@given(policies, days(), silences, st.lists(st.integers(1, 4000), max_size=12))
def test_neither_looking_more_often_nor_a_restart_changes_anything(
    policy: Policy, looks: list[Look], hushed: list[Silence], minutes: list[int]
) -> None:
    whole = ended(looks)
    once = run(policy, whole, hushed)
    ticks = [Look(looks[0].at + timedelta(minutes=each)) for each in minutes]
    often = sorted([*whole, *(tick for tick in ticks if tick.at < whole[-1].at)], key=lambda look: look.at)
    again = run(policy, often, hushed, restart=True)
    assert (again.steps, again.messages) == (once.steps, once.messages)
    due = looked_when_due(policy, whole, hushed)
    assert (due.steps, due.messages) == (once.steps, once.messages)


def looked_when_due(policy: Policy, looks: Sequence[Look], hushed: list[Silence]) -> Run:
    """Return what comes of looks at the given times, and whenever the former look said that the next one is due."""
    done = Run(run(policy, []).state, [], [])
    for look in looks:
        while done.next_due is not None and done.next_due < look.at:
            extend(done, run(policy, [Look(done.next_due)], hushed, state=done.state))
        extend(done, run(policy, [look], hushed, state=done.state))
    return done


def extend(done: Run, part: Run) -> None:
    done.steps += part.steps
    done.messages += part.messages
    done.state, done.next_due = part.state, part.next_due


@_SETTINGS
@given(policies, policies, days(), silences, st.integers(0, 15))
def test_replay_says_what_was_done_also_across_a_change_of_the_policy(
    first: Policy, second: Policy, looks: list[Look], hushed: list[Silence], change: int
) -> None:
    whole = ended(looks)
    since = whole[min(change, len(whole) - 1)].at
    in_force = [(whole[0].at - timedelta(seconds=1), first), (since, second)]
    live = run(in_force, whole, hushed)
    history = History([(look.at, look.signals) for look in whole if look.signals], in_force, hushed)
    decisions = list(replay(history, whole[-1].at))
    assert [step for decision in decisions for step in decision.steps] == live.steps
    assert [message for decision in decisions for message in decision.messages] == live.messages


@_SETTINGS
@given(policies, days(), silences, st.integers(0, 15))
def test_replay_with_the_silences_as_they_ended_says_what_was_done_while_nobody_knew(
    policy: Policy, looks: list[Look], hushed: list[Silence], lift: int
) -> None:
    whole = ended(looks)
    lifted_at = whole[min(lift, len(whole) - 1)].at
    lifted = [msgspec.structs.replace(each, until=max(each.since, min(each.until, lifted_at))) for each in hushed]
    live = Run(run(policy, []).state, [], [])
    for look in whole:
        extend(live, run(policy, [look], hushed if look.at < lifted_at else lifted, state=live.state))
    replayed = run(policy, whole, lifted)
    assert replayed.messages == live.messages
    # A step tells when its silence ends, as far as was known.
    assert [unsaid(step) for step in replayed.steps] == [unsaid(step) for step in live.steps]


def unsaid(step: Step) -> Step:
    return msgspec.structs.replace(step, reason="")


@_SETTINGS
@given(policies, days(), silences)
def test_nothing_is_lost_and_no_bound_is_broken(policy: Policy, looks: list[Look], hushed: list[Silence]) -> None:
    whole = ended(looks)
    done = run(policy, whole, hushed)
    check_nothing_is_lost(policy, looks, done)
    check_order(policy, whole, done, by_subject=bool(hushed))
    check_messages(done)
    check_limits(policy, done)
    check_recoveries(whole, done)
    check_prompts(whole, done)


def check_nothing_is_lost(policy: Policy, looks: Sequence[Look], done: Run) -> None:
    told = {(message.channel, each) for message in done.messages for each in message.signals}
    silenced = {(step.channel, step.gateway, step.case_id) for step in done.steps if step.kind == "silenced"}
    for each in (each for look in looks for each in look.signals):
        if each.kind not in ("fires", "again", "tells", "wants_approval"):
            continue
        for way in ways_of(policy, each).ways:
            is_told = (way.channel, each.id) in told
            assert is_told or (way.channel, each.gateway, each.case_id) in silenced, f"{each.id} on {way.channel}"
    assert done.state.cases == {}, "what is over is forgotten"
    assert done.state.batches == {}, "nothing waits for ever"


def check_order(policy: Policy, looks: Sequence[Look], done: Run, *, by_subject: bool) -> None:
    """A channel is told of a case in order; a silence may cover one leg of it, while the other goes on.

    A reminder tells of the whole case, whatever of it the channel was sent before.
    """
    known = {each.id: each for look in looks for each in look.signals}
    places = {name: place for place, name in enumerate(known)}
    for channel in CHANNELS:
        order = dict.fromkeys(each for message in done.of(channel) for each in message.signals)
        cases: dict[tuple[str, str], list[int]] = {}
        for each in (known[name] for name in order if is_for(policy, channel, known[name])):
            cases.setdefault((each.gateway, each.subject if by_subject else each.case_id), []).append(places[each.id])
        assert all(numbers == sorted(numbers) for numbers in cases.values()), (channel, cases)


def is_for(policy: Policy, channel: str, each: Signal) -> bool:
    """True if a signal goes to a channel by itself; a move that is not material goes with the next reminder."""
    if each.kind == "ends":
        return True
    return each.kind != "moves" and channel in {way.channel for way in ways_of(policy, each).ways}


def check_messages(done: Run) -> None:
    """Each message has its own id and something to tell, and each of its cases has the step that says so."""
    assert len({message.id for message in done.messages}) == len(done.messages)
    for message in done.messages:
        assert (message.signals and message.cases) or "page budget" in message.reason
        sent = [(step.gateway, step.case_id) for step in done.steps if step.message == message.id]
        assert sent == list(message.cases)


def check_limits(policy: Policy, done: Run) -> None:
    for channel in CHANNELS:
        limit = next((each for each in policy.limits if channel in each.channels), None)
        times = [message.at for message in done.of(channel)]
        if limit is not None:
            assert most_within(times, limit.interval) <= limit.messages, channel


def most_within(times: Sequence[datetime], interval: timedelta) -> int:
    return max((sum(begin <= at < begin + interval for at in times) for begin in times), default=0)


def check_recoveries(looks: Sequence[Look], done: Run) -> None:
    """That something is over is told only where it was told that it began."""
    known = {each.id: each for look in looks for each in look.signals}
    for channel in CHANNELS:
        cases: set[tuple[str, str]] = set()
        for message in done.of(channel):
            told = [known[each] for each in message.signals]
            cases |= {(each.gateway, each.case_id) for each in told if each.kind != "ends"}
            assert all((each.gateway, each.case_id) in cases for each in told), message


def check_prompts(looks: Sequence[Look], done: Run) -> None:
    """Nobody is reminded of a case that somebody has."""
    for message in (each for each in done.messages if each.kind in ("reminder", "escalation")):
        for gateway, case_id in message.cases:
            assert not is_taken(looks, message, gateway, case_id), message


def is_taken(looks: Sequence[Look], message: Outgoing, gateway: str, case_id: str) -> bool:
    """True if somebody had the case when the message was sent."""
    taken, open_ = False, set[str]()
    for each in (each for look in looks if look.at < message.at for each in look.signals):
        if (each.gateway, each.case_id) == (gateway, case_id):
            taken = changed(each, open_, taken=taken)
    return taken


def changed(each: Signal, open_: set[str], *, taken: bool) -> bool:
    if each.kind in ("fires", "again", "moves"):
        open_.add(each.subject)
    elif each.kind == "ends":
        open_.discard(each.subject)
    if each.kind == "taken_up":
        return bool(open_)
    return taken and bool(open_) and each.kind not in ("again", "given_back")


@_SETTINGS
@given(policies)
def test_a_policy_is_equal_after_it_was_written_and_has_one_hash(policy: Policy) -> None:
    written = decode_policy(encode_policy(policy))
    assert written == policy
    assert encode_policy(written) == encode_policy(policy)
    assert encode_policy(msgspec.structs.replace(policy, burst=policy.burst + 1)) != encode_policy(policy)
