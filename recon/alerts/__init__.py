"""Alerts: who is told of breaks, and of recon not seeing.

1. A *signal* is stored in the transaction that derived it (`signal_store`): of a break (`break_alert`), of an event
   that the fold refused (`refused`), of a finding (`finding`), or of recon's own sight (`watch`).
2. The `router` has the `policy` take what was stored, and queues its messages in the same transaction (`route`).
3. A `dispatcher` for each channel delivers them (`delivery_store`, `channels`): at least once, under one id; the
   receiver drops repetitions. `retry` decides when a failed message is sent again, `message` what it carries.
4. Whom the policy told and why is derived again from what was stored (`history`), and `prune` removes what is old.
"""
