"""Episodes: one log from its first event, played to its end and judged by three oracles.

1. Nothing escapes from decoding, folding, the row writers and the database.
2. The folded position reaches the head of the log.
3. The calm account has the books of the log without the hostile events, and its break opens within the usual delay.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Final

from recon.projection.fold import Fold
from recon.times import microseconds
from tests.fuzz import calm
from tests.fuzz.failures import NoBreak, NotAsAlone
from tests.fuzz.grammar import ACCOUNTS, CALM
from tests.fuzz.own_events import Hints
from tests.fuzz.players import Batch, Books, Player
from tests.fuzz.streams import Stream, is_calm, plain

#: Largest batches by the level's name: the fold's are small, so that books and events alternate. In Postgres the events
#: of a batch share their log time, and all of them come within a settlement window.
MAX_BATCH_EVENTS: Final = {"fold": 40, "postgres": 30}
#: How often the process that folds is a new one.
RESTART_SHARE: Final = 0.15
#: Most breaks that a hostile writer remembers.
MAX_HINTS: Final = 20


def batches(stream: Stream, draw: random.Random, player: Player, count: int, largest: int) -> Iterator[Batch]:
    """Yield the events of a stream in batches of any size; the stream sees the books that the player has made."""
    while count > 0:
        size = min(count, draw.choice((1, 2, draw.randrange(1, largest))))
        count -= size
        yield Batch([stream.next() for _ in range(size)], draw.random() < RESTART_SHARE)
        stream.hints = hints_of(player.fold)


def verdict(played: Iterable[Batch], player: Player, alone: Player | None, taken: list[Batch]) -> Exception | None:
    """Play batches and return what did not hold, if anything; `taken` gets the batches that were played.

    `alone` plays the log without the hostile events; None leaves the comparison out.
    """
    try:
        for batch in played:
            taken.append(batch)
            player.play(batch)
        if alone is not None:
            for batch in taken:
                alone.play(Batch(plain(batch.events), batch.restarts))
            _compare(player.calm_books(), alone.calm_books())
        _check_break(player.fold, taken)
    except Exception as error:  # noqa: BLE001 - whatever escapes is what is looked for
        return error
    return None


def hints_of(fold: Fold) -> Hints:
    """Return what a hostile writer sees of the books of hostile accounts."""
    hints = Hints()
    for key, comparison in fold.reconciler.comparisons.items():
        if key[0] in ACCOUNTS and len(hints.breaks) < MAX_HINTS:
            hints.breaks += [each.id for each in comparison.breaks]
            hints.digests += [each.proposal.digest for each in comparison.breaks if each.proposal is not None]
    if fold.ledger.proposed_rules is not None:
        hints.rules_digests.append(fold.ledger.proposed_rules.digest)
    for name, account in fold.ledger.accounts.items():
        backfill = account.coverage.backfill
        if name in ACCOUNTS and backfill is not None and backfill.until_seq is not None:
            hints.gaps[name] = backfill.until_seq
    return hints


def _compare(books: Books, alone: Books) -> None:
    for table in sorted(books.keys() | alone.keys()):
        here, there = books.get(table, []), alone.get(table, [])
        if here != there:
            rows = [f"+ {row}" for row in here if row not in there] + [f"- {row}" for row in there if row not in here]
            raise NotAsAlone(f"{table}: {len(here)} rows, alone {len(there)}\n" + "\n".join(rows[:6]))


def _check_break(fold: Fold, taken: list[Batch]) -> None:
    """Raise NoBreak unless the planted break opened in time, or the log was too short or disturbed for all."""
    planned = [each for batch in taken for each in batch.events]
    first_us = calm.START_US + int(calm.WRONG_FROM_SECONDS * 1_000_000)
    latest_us = first_us + int(calm.USUAL_DELAY_SECONDS * 1_000_000)
    if fold.ledger.clock.last_us < latest_us or any(each.origin == "shared" for each in planned):
        return
    reports = [
        each for each in planned if is_calm(each.event.account) and microseconds(each.event.recorded_at) > first_us
    ]
    if len(reports) < calm.USUAL_DELAY_SECONDS / calm.POLL_SECONDS:
        return
    found = fold.reconciler.comparisons.get((CALM, "asset", "USDT"))
    opened = [each.opened_us for each in (found.breaks if found else []) if each.amount == calm.WRONG_BY]
    if not opened or min(opened) > latest_us:
        raise NoBreak("the planted break did not open within the usual delay")
