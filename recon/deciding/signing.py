"""Signing closings: what a signature says, and what it binds to (semantics 10.11).

The database compares logins, the document's digest and the log's; what is refused here is refused before anything is
written, with all that is missing.
"""

from __future__ import annotations

from recon.closing.closing import Closing
from recon.deciding.recording import Decision


def sign(closing: Closing, text: str, *, accept_gaps: bool, restates: int | None) -> Decision:
    """Return the first signature under a closing; with `restates` it stands in the place of the one at that event."""
    payload: dict[str, object] = {
        "action": "sign_close",
        "account": closing.account,
        "day": closing.day.isoformat(),
        "digest": closing.digest,
        "text": text,
        "accept_gaps": accept_gaps and not closing.whole,
        "document": closing.document,
    }
    if restates is not None:
        payload["restates"] = restates
    return Decision(closing.gateway, payload, closing.account)


def countersign(closing: Closing, seq: int, text: str, *, accept_gaps: bool) -> Decision:
    """Return the second signature under the closing that was first signed at an event."""
    payload: dict[str, object] = {
        "action": "countersign_close",
        "account": closing.account,
        "day": closing.day.isoformat(),
        "close": seq,
        "digest": closing.digest,
        "text": text,
        "accept_gaps": accept_gaps and not closing.whole,
    }
    return Decision(closing.gateway, payload, closing.account)
