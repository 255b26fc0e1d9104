"""The ledger: what we expect an account to hold, folded from the event log. Pure.

Entry points: `Ledger` is one gateway's working set; `apply/` has one handler for each message or event, and
`gaps` and `coverage` decide whether an account is observed. The store loads a working set before a batch and
writes `Ledger.changes` after the batch.

Invariants:

1. A unit's value is opening + fills + explained, each an exact sum of the unit's entries (architecture 2.7).
2. An opening is posted once and never moves; an entry is never deleted, only reversed or replaced (semantics 4).
3. Execution reports join: the furthest report wins, in any order and however often (semantics 2.2).
4. A time is log time or a time in the data. No clock is read, so a rebuild decides as the live run did.
5. Timelines, evidence and open backfills have named bounds.
"""
