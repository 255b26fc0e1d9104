"""What proves or fixes a cause, for the user. Pure.

`{record}` stands for the command that records the cause, and `{place}` for the options of its gateway and account.
"""

from __future__ import annotations

from typing import Final

STATEMENT: Final = "if the venue's statement confirms it, record it: {record}"
FEE_SCHEDULE: Final = "compare with the venue's fee schedule (`fees` in the settings); record a single fee: {record}"
VENUE_TRADES: Final = "import the venue's own trades: recon import FILE --mapping NAME {place}"
PRECISION: Final = "set the unit's quantum, or a tolerance, in the settings"
OPERATOR: Final = "ask the operator of the gateway: the report is wrong"
SOURCE: Final = (
    "ask the source and the gateway's operator which of them is right; record what the books miss, or import the"
    " source's corrected balances: recon import FILE --as-balances --at TIME --source SOURCE {place}"
)
