"""Receivers with one contract: one for each channel, and one in memory for virtual clocks.

A channel says which refusals it can tell apart, and whether it passes the body on or only its words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import trio

from recon.alerts.channels import Sender
from recon.alerts.channels.alert_log import AlertLogSender
from recon.alerts.channels.command import CommandSender
from recon.alerts.channels.webhook import WebhookSender
from recon.alerts.message import Message
from recon.config import AlertLog, Command
from recon.errors import DeliveryError
from tests.support.webhook_receiver import Answer, Receiver

#: How a refusal is told: whether only a person can repair it, and the delay that the receiver requests, in seconds.
Refusal: TypeAlias = tuple[bool, int | None]
SOON: Final[Refusal] = (False, None)
SLOW: Final[Refusal] = (True, None)
LATER: Final[Refusal] = (False, 7)


class Harness(Protocol):
    """A sender, its receiver's planned answers, and the received messages."""

    sender: Sender
    refusals: frozenset[Refusal]
    can_stall: bool
    with_body: bool

    def will_refuse(self, refusal: Refusal) -> None: ...

    def will_stall(self) -> None: ...

    def arrived(self) -> list[tuple[str, str]]: ...


@dataclass(frozen=True)
class Reaction:
    """The reaction of the receiver in memory: wait, then accept or refuse."""

    seconds: float = 0.0
    error: DeliveryError | None = None


@dataclass
class MemorySender:
    """A receiver in memory: it follows its planned reactions, then accepts everything at once."""

    reactions: list[Reaction] = field(default_factory=list)
    seen: list[tuple[float, Message]] = field(default_factory=list)
    taken: list[Message] = field(default_factory=list)
    on_taken: Callable[[], None] = lambda: None

    async def send(self, message: Message) -> None:
        self.seen.append((trio.current_time(), message))
        reaction = self.reactions.pop(0) if self.reactions else Reaction()
        await trio.sleep(reaction.seconds)
        if reaction.error is not None:
            raise reaction.error
        self.taken.append(message)
        self.on_taken()


def refusal(*, slow: bool = False, retry_after: float | None = None) -> DeliveryError:
    error = DeliveryError("webhook 'ops' answered 404 Not Found" if slow else "webhook 'ops' answered 503")
    error.slow, error.retry_after = slow, retry_after
    return error


class MemoryHarness:
    """The receiver in memory."""

    refusals = frozenset({SOON, SLOW, LATER})
    can_stall = with_body = True

    def __init__(self) -> None:
        self.memory = MemorySender()
        self.sender: Sender = self.memory

    def will_refuse(self, refused: Refusal) -> None:
        slow, retry_after = refused
        self.memory.reactions.append(Reaction(error=refusal(slow=slow, retry_after=retry_after)))

    def will_stall(self) -> None:
        self.memory.reactions.append(Reaction(seconds=float("inf")))

    def arrived(self) -> list[tuple[str, str]]:
        return [(message.id, message.body) for _, message in self.memory.seen]


class HttpHarness:
    """The receiver over HTTP."""

    refusals = frozenset({SOON, SLOW, LATER})
    can_stall = with_body = True

    def __init__(self, there: Receiver, sender: WebhookSender) -> None:
        self._there = there
        self.sender: Sender = sender

    def will_refuse(self, refused: Refusal) -> None:
        slow, retry_after = refused
        headers = () if retry_after is None else (("retry-after", str(retry_after)),)
        self._there.answer(Answer(404 if slow else 503, headers=headers))

    def will_stall(self) -> None:
        self._there.answer(Answer(stall=True))

    def arrived(self) -> list[tuple[str, str]]:
        return [(one.headers["webhook-id"], one.body) for one in self._there.received]


class CommandHarness:
    """A program that notes what it is given and follows a plan, a line a run."""

    refusals = frozenset({SOON, SLOW})
    can_stall = with_body = True

    def __init__(self, place: Path) -> None:
        self._place = place
        self._program = place / "program"
        self._program.write_text(PROGRAM, encoding="utf-8")
        self._program.chmod(0o755)
        (place / "plan").touch()
        self.sender: Sender = self.sender_within("5s")

    def sender_within(self, limit: str) -> CommandSender:
        settings = Command.model_validate({"command": [str(self._program), str(self._place)], "time_limit": limit})
        return CommandSender("ops", settings, {"PATH": "/usr/bin:/bin"})

    def plan(self, line: str) -> None:
        with (self._place / "plan").open("a", encoding="utf-8") as plan:
            plan.write(f"{line}\n")

    def will_refuse(self, refused: Refusal) -> None:
        slow, _ = refused
        self.plan("exit 1" if slow else "exit 75")

    def will_stall(self) -> None:
        self.plan("exec sleep 1000")

    def arrived(self) -> list[tuple[str, str]]:
        ids = (self._place / "ids").read_text(encoding="utf-8").split()
        return [(id_, (self._place / f"body-{number}").read_text(encoding="utf-8")) for number, id_ in enumerate(ids)]


PROGRAM = """#!/bin/sh
cd "$1" || exit 3
touch ids
cat > "body-$(wc -l < ids | tr -d ' ')"
echo "$RECON_ALERT_ID" >> ids
next=$(head -n 1 plan)
sed -i 1d plan
eval "$next"
"""


class AppriseHarness:
    """The real library, whose receiver of JSON is over HTTP."""

    refusals = frozenset({SOON})
    can_stall = True
    with_body = False

    def __init__(self, there: Receiver, sender: Sender) -> None:
        self._there = there
        self.sender: Sender = sender

    def will_refuse(self, _: Refusal) -> None:
        self._there.answer(Answer(500))

    def will_stall(self) -> None:
        self._there.answer(Answer(stall=True))

    def arrived(self) -> list[tuple[str, str]]:
        texts = [json.loads(one.body)["message"] for one in self._there.received]
        return [(text.split("\n")[-1], "") for text in texts]


class LogHarness:
    """The service's own log: it takes everything at once."""

    refusals: frozenset[Refusal] = frozenset()
    can_stall = with_body = False

    def __init__(self, written: list[MutableMapping[str, object]]) -> None:
        self._written = written
        self.sender: Sender = AlertLogSender("ops", AlertLog())

    def will_refuse(self, _: Refusal) -> None:
        raise AssertionError("the log refuses nothing")

    def will_stall(self) -> None:
        raise AssertionError("the log does not stall")

    def arrived(self) -> list[tuple[str, str]]:
        return [(str(line["message"]), "") for line in self._written if line["event"] == "alert"]
