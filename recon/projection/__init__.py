"""Projection: the log folded into ledger, comparisons and breaks, one transaction at a time (architecture 3).

`fold` is the pure fold. `step` folds the next events of an edition in one transaction, and `projector` does so as the
log grows. `rebuild` and `what_if` fold the whole log anew. All SQL of the folded tables lies in `store`.
"""
