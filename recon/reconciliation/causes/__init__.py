"""Why a break is there: named with certainty and evidence, never tie-broken (semantics 8, architecture 4)."""

from recon.reconciliation.model.cause_codes import VERSION

__all__ = ["VERSION"]
