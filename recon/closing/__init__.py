"""Closing an account's business day at its cut-off, as a pure function of the log up to a position (semantics 9.7)."""
