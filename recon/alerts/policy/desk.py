"""A working copy of the state during one look: cases, batches, and what is due next. Pure.

Its methods keep three indexes right: what is due, where each case waits, and how many entries there were.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from recon.alerts.policy.dues import case_due
from recon.alerts.policy.model import Outgoing, Silence, Step, StepKind
from recon.alerts.policy.rules import Policy
from recon.alerts.policy.state import MAX_BATCH, Batch, Book, Case, Decision, Entry, State, Why, batch_key


class Desk:
    """What is changed during one look; the state that came in stays as it was. `at` is how far time is advanced."""

    def __init__(self, state: State, policy: Policy, silences: Sequence[Silence], now: datetime) -> None:
        self.policy = policy if state.policy is None else state.policy
        self.at = now if state.at is None else state.at
        self.silences = {silence.id: silence for silence in silences}
        self.cases = dict(state.cases)
        self.batches = {key: _copy(batch) for key, batch in state.batches.items()}
        self.books = {name: msgspec.structs.replace(book, sent=list(book.sent)) for name, book in state.books.items()}
        self.steps: list[Step] = []
        self.messages: list[Outgoing] = []
        self._entries = state.entries
        self._where: dict[str, dict[str, int]] = {}
        self._due: list[tuple[datetime, int, str]] = []
        for name, batch in self.batches.items():
            if batch.why == "silence":
                batch.due = self._silence_ends(batch, now)
            for key, entries in Counter(entry.key for entry in batch.entries).items():
                self._where.setdefault(key, {})[name] = entries
        self._find_dues()

    def adopt(self, policy: Policy) -> None:
        """Put a policy in force from now on; what waits on a channel that is gone is dropped, with a step."""
        if policy == self.policy:
            return
        self.policy = policy
        for batch in [batch for batch in self.batches.values() if batch.channel not in policy.channels]:
            for entry in self.take_out(batch):
                self.step(entry, self.at, "not_routed", batch.channel, "the channel is no longer configured")
                self.forget(entry.key)
        for name in [name for name in self.books if name not in policy.channels]:
            del self.books[name]
        self._find_dues()

    def number(self) -> int:
        """Return the number of the next entry."""
        self._entries += 1
        return self._entries

    def book(self, channel: str) -> Book:
        """Return what a channel was sent."""
        return self.books.setdefault(channel, Book())

    def step(self, of: Case | Entry, at: datetime, kind: StepKind, channel: str, reason: str) -> None:
        """Write down what was done with a case."""
        if of.case_id:
            self.steps.append(Step(of.gateway, of.case_id, at, kind, channel, reason))

    def keep(self, case: Case) -> None:
        """Keep a case as it is now."""
        self.cases[case.key] = case
        due = case_due(self.policy, case)
        if due is not None:
            heapq.heappush(self._due, (due, 0, case.key))

    def forget(self, key: str) -> None:
        """Forget a case if nothing of it fires, and nothing of it waits."""
        case = self.cases.get(key)
        if case is not None and not case.subjects and not self._where.get(key):
            del self.cases[key]

    def put(self, entry: Entry, batch: Batch) -> None:
        """Let an entry wait in a batch; `batch` is what it is to be if there is none yet."""
        known = self.batches.get(batch.key)
        if known is None:
            known = self.batches[batch.key] = batch
            heapq.heappush(self._due, (batch.due, 1, batch.key))
        known.entries.append(entry)
        self._count(entry, known.key, 1)
        if len(known.entries) == MAX_BATCH:
            known.due = self.at
            heapq.heappush(self._due, (known.due, 1, known.key))

    def take_out(self, batch: Batch) -> list[Entry]:
        """Remove a batch, and return its entries in their order."""
        del self.batches[batch.key]
        for entry in batch.entries:
            self._count(entry, batch.key, -1)
        return sorted(batch.entries, key=lambda entry: entry.number)

    def waits(self, key: str, channel: str, whys: Iterable[Why] = ()) -> bool:
        """True if something of a case waits on a channel, in a batch of one of these kinds."""
        batches = (self.batches[batch] for batch in self._where.get(key, ()))
        wanted = frozenset(whys)
        return any(batch.channel == channel and (not wanted or batch.why in wanted) for batch in batches)

    def waits_in(self, key: str, channel: str, why: Why, about: str) -> bool:
        """True if something of a case waits in one batch."""
        return batch_key(channel, why, about) in self._where.get(key, ())

    def channels_of(self, case: Case) -> list[str]:
        """Return the channels that were told of a case, or are to be; those that are gone are not."""
        waiting = {self.batches[batch].channel for batch in self._where.get(case.key, ())}
        return sorted({*case.told, *case.digested, *waiting}.intersection(self.policy.channels))

    def remove(self, channel: str, keys: Iterable[str], fits: Callable[[Batch, Entry], bool]) -> list[Entry]:
        """Take the entries of some cases that fit out of a channel's batches, and return them."""
        removed: list[Entry] = []
        wanted = frozenset(keys)
        found = dict.fromkeys(batch for key in wanted for batch in self._where.get(key, ()))
        for batch in [self.batches[name] for name in found]:
            if batch.channel != channel:
                continue
            kept: list[Entry] = []
            for entry in batch.entries:
                (removed if entry.key in wanted and fits(batch, entry) else kept).append(entry)
            for entry in batch.entries if len(kept) < len(batch.entries) else ():
                self._count(entry, batch.key, -1)
            if len(kept) < len(batch.entries):
                self._refill(batch, kept)
        return removed

    def next_due(self) -> tuple[datetime, Case | Batch] | None:
        """Return what is due first, and when; None if nothing is."""
        while self._due:
            due, is_batch, key = self._due[0]
            found: Case | Batch | None = self.batches.get(key) if is_batch else self.cases.get(key)
            if found is not None and due == self._due_of(found):
                return due, found
            heapq.heappop(self._due)
        return None

    def decision(self) -> Decision:
        """Return what came of the look."""
        due = self.next_due()
        state = State(
            at=self.at,
            policy=self.policy,
            cases=self.cases,
            batches=self.batches,
            books=self.books,
            entries=self._entries,
        )
        return Decision(state, tuple(self.steps), tuple(self.messages), None if due is None else due[0])

    def _refill(self, batch: Batch, entries: list[Entry]) -> None:
        batch.entries = entries
        for entry in entries:
            self._count(entry, batch.key, 1)
        if not entries:
            del self.batches[batch.key]

    def _due_of(self, found: Case | Batch) -> datetime | None:
        return found.due if isinstance(found, Batch) else case_due(self.policy, found)

    def _find_dues(self) -> None:
        cases = ((case_due(self.policy, case), key) for key, case in self.cases.items())
        self._due = [(due, 0, key) for due, key in cases if due is not None]
        self._due += [(batch.due, 1, key) for key, batch in self.batches.items()]
        heapq.heapify(self._due)

    def _silence_ends(self, batch: Batch, now: datetime) -> datetime:
        """Return when a silence ends, as is known now; one that is gone has ended by now."""
        silence = self.silences.get(batch.about)
        return min(batch.due, now) if silence is None else silence.until

    def _count(self, entry: Entry, batch: str, change: int) -> None:
        waiting = self._where.setdefault(entry.key, {})
        waiting[batch] = waiting.get(batch, 0) + change
        if not waiting[batch]:
            del waiting[batch]
        if not waiting:
            del self._where[entry.key]


def _copy(batch: Batch) -> Batch:
    return msgspec.structs.replace(batch, entries=list(batch.entries))
