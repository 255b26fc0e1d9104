"""Two receivers with one contract: a webhook over real HTTP, and one in memory for virtual clocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import trio

from recon.alerts.channels import Sender
from recon.alerts.channels.webhook import WebhookSender
from recon.alerts.message import Message
from recon.errors import DeliveryError
from tests.support.webhook_receiver import Answer, Receiver


class Harness(Protocol):
    """A sender, its receiver's planned answers, and the received messages."""

    sender: Sender

    def will_refuse(self, *, slow: bool = False, retry_after: int | None = None) -> None: ...

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

    def __init__(self) -> None:
        self.memory = MemorySender()
        self.sender: Sender = self.memory

    def will_refuse(self, *, slow: bool = False, retry_after: int | None = None) -> None:
        self.memory.reactions.append(Reaction(error=refusal(slow=slow, retry_after=retry_after)))

    def will_stall(self) -> None:
        self.memory.reactions.append(Reaction(seconds=float("inf")))

    def arrived(self) -> list[tuple[str, str]]:
        return [(message.id, message.body) for _, message in self.memory.seen]


class HttpHarness:
    """The receiver over HTTP."""

    def __init__(self, there: Receiver, sender: WebhookSender) -> None:
        self._there = there
        self.sender: Sender = sender

    def will_refuse(self, *, slow: bool = False, retry_after: int | None = None) -> None:
        headers = () if retry_after is None else (("retry-after", str(retry_after)),)
        self._there.answer(Answer(404 if slow else 503, headers=headers))

    def will_stall(self) -> None:
        self._there.answer(Answer(stall=True))

    def arrived(self) -> list[tuple[str, str]]:
        return [(one.headers["webhook-id"], one.body) for one in self._there.received]
