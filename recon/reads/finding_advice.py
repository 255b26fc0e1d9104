"""What to do about each kind of finding: one sentence, for terminal and page. Pure."""

from __future__ import annotations

from typing import Final

#: Nothing was lost, and nothing has to be done.
_NOTHING: Final = "nothing to do"
_VENUE: Final = "nothing is lost: the event is kept; if it comes often, show the event to the gateway's operator"
_ROW: Final = "the row is left out; show the event to the gateway's operator"

#: By the kind of a finding. A test holds every kind that recon notes against this table.
ADVICE: Final = {
    # What could not be read.
    "unreadable": _VENUE,
    "number": _VENUE,
    "field": _VENUE,
    "data": _VENUE,
    "row": _ROW,
    "history": _ROW,
    "row_without_asset": _ROW,
    "row_without_symbol": _ROW,
    "long_text": "nothing to do: the beginning is kept, and the event as it came",
    "more": "look at the event: the message has more findings than are listed",
    "account": "look at the event: if it is of an account of yours, ask the gateway's operator why it does not say so",
    "unknown_account": "ask the gateway's operator which account the answer is of",
    "message_reject": "the gateway refused a message of a client; look at the reason in the event",
    "event_refused": "the books lack the event: see recon events --refused, and report the reason",
    # Orders.
    "order_unclear": "the report is not booked; compare the order's fills with the venue's own list",
    "order_without_id": "the report is not booked; compare the account's fills with the venue's own list",
    "order_continues": _NOTHING,
    "order_settled": _NOTHING,
    "fills_disagree": "the totals count; compare the order's fills with the venue's own list",
    "amount_regression": "a break says by how much: see recon breaks",
    "overfill": "a break says by how much: see recon breaks",
    "contradictions_many": "compare the unit with the venue's own figures: further contradictions open no breaks",
    "instrument_unknown": "the fills wait until SYMBOLS_SNAPSHOT lists the symbol; if it never does, ask the operator",
    # Units and their names.
    "unmapped": "if the balance has another code, add it to the account's assets: see recon balances",
    "rehomed": _NOTHING,
    "asset_spelled": "nothing to do if the two are one; else name one of them in the account's assets",
    "symbol_spelled": "nothing to do if the two are one; else tell the gateway's operator",
    "balances_empty": "look at the venue: if the account is really empty, nothing to do",
    "positions_empty": "look at the venue: if the account is really flat, nothing to do",
    # Openings.
    "fill_before_opening": _NOTHING,
    "opening_uncertain": "compare the opening with a statement; record the difference if there is one",
    "opening_settled": _NOTHING,
    "opening_refused": "the fact fits neither value of the opening: compare it with the statement",
    # Comparison.
    "rest_differs": "look at the unit's stream: REST and the stream tell different amounts",
    "comparison_failed": "a defect of recon: report the message; the unit is set aside until then",
    "rounding_budget": "look at the unit's quantum in the settings: it rounds more than that explains",
    "not_held": "nothing to do: the books are exact; other programs find the digits in column exact",
    "fee_changed": "nothing to do if the venue changed your rate; see recon fees",
    "fee_asset": "nothing to do if the venue takes fees in that asset; see recon fees",
    # Facts and statements.
    "late_fact": _NOTHING,
    "fact_told_before": _NOTHING,
    "fact_before_opening": "nothing to do: the movement is part of the opening",
    "fact_conflict": "compare both with the statement: under one id, amount, time or another part differs",
    "fact_without_account": "record it again with an account that the gateway names",
    "fact_without_instrument": "record it again with a symbol that the gateway lists",
    "fact_waits": "a second person decides: see recon facts show",
    "facts_approved": _NOTHING,
    "facts_rejected": _NOTHING,
    "price_differs": "compare the price with the venue's own list",
    "source_corrected": "ask the source which of its two amounts holds",
    "told_ahead": _NOTHING,
    "told_ahead_forgotten": "record the trade again if it was one of yours",
    # Decisions and rules.
    "decision_refused": "nothing was changed; decide again if it still holds",
    "decision_without_break": "nothing was changed: the break no longer exists",
    "gap_settled": _NOTHING,
    "rules_wait": "a second person decides: see recon rules show",
    "rules_approved": _NOTHING,
    "rules_rejected": _NOTHING,
    "setting_unmatched": "correct the name in the settings, or take the line out",
    # Service.
    "clock_jumped": "check the time service of that machine",
    "rest_failed": "see recon coverage: what is open, and how to settle it",
}  # fmt: skip
_OVER: Final = "nothing to do: this is over"
#: What to do about a kind that the table does not have: a log may hold those of a later version.
_UNKNOWN: Final = "look at the event"


def advice_on(kind: str, *, over: bool = False) -> str:
    """Return what to do about a kind of finding."""
    return _OVER if over else ADVICE.get(kind, _UNKNOWN)


def needs_nobody(kind: str) -> bool:
    """True if a finding only tells, and nobody has to do anything."""
    return ADVICE.get(kind) == _NOTHING
