"""Fees: a venue's schedule, a learned model, and the estimate of the model from samples. Pure (semantics 8.5)."""
