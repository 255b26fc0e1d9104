"""Matching an observation with cuts: residuals, spreads of open fees, tolerance. Pure (semantics 5.1, 6)."""
