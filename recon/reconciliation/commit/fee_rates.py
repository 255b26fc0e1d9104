"""What was learnt of an account's fee rates, for people to see. Pure (semantics 8.5)."""

from __future__ import annotations

from recon.display.figures import shown
from recon.ledger.account import Account
from recon.ledger.fees.fee_key import BASE, QUOTE, share_of, third
from recon.ledger.ledger import Ledger
from recon.reconciliation.trellis.steps import RateLearnt
from recon.times import LogTime


def note_rate(ledger: Ledger, account: Account, learnt: RateLearnt, at: LogTime) -> None:
    """Note a rate that was learnt: it is shown, and a change, or a fee in another asset, is a finding."""
    ledger.mark_rates_changed(account)
    key, rate = learnt.key, share_of(learnt.rate)
    of = f"{key.order_class} orders" + (f" of {key.market}" if key.market else "")
    if learnt.kind != "first":
        message = f"the fee of {of} is {shown(rate)} of the {key.role} leg now"
        message += "" if learnt.kind == "tier" else " too"
        ledger.note_finding(account.name, at, "fee_changed", key.role, message)
    elif key.role not in {BASE, QUOTE} and rate:
        asset = key.role.removeprefix(third(""))
        message = f"fees of {of} seem to be taken in {asset}: {shown(rate)} of what they traded"
        ledger.note_finding(account.name, at, "fee_asset", asset, message)
