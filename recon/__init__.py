"""recon: event-sourced position and balance reconciliation.

The data goes through the packages in this order:

* `recon.ems` talks to EMS gateways, and `recon.log` appends what they send to the event log.
* `recon.projection` folds the log: `recon.ledger` says what the accounts should hold.
* `recon.reconciliation` compares the ledger with the reports, and names the cause of each break.
* `recon.backfill` fetches what a gap hid, and `recon.alerts` tells people.
* `recon.service` runs all of it; `recon.cli` is the command line; `recon.simulator` is a gateway to try it on.

Begin with `recon docs architecture`: the way of the data, the invariants, the glossary, and where to add what.
Then read `recon/projection/fold.py`, which calls everything that decides. `recon.service.wiring` binds the parts.
"""
