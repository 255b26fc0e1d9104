"""Backfill: asking a gateway over REST for what a gap in the session hid.

1. `view` holds the facts about a gateway's accounts that decide whether to ask. `backfill_view` takes them from the
   ledger.
2. `plan` turns a view into requests: which accounts, which requests, when (pure).
3. `agent` sends the requests and appends each one with its response to the log. The ledger interprets responses when
   it folds the log, so the agent never judges them.

Begin with `plan.next_run`.
"""
