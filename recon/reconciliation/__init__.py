"""Reconciliation: reports compared with the ledger, and the lifecycle of every break. Pure (semantics 4 to 10).

Begin with `reconciler.Reconciler`, the one entry: the fold hands it postings, observations, log time, decisions and
facts. Below it the rooms form one column, and imports only point down:

* `facts`: external facts applied to breaks and entries.
* `tracking`: openings, steps, fees and agreements of one unit.
* `breaks`: identity, classification, decisions, approval, resolution.
* `context`: one unit at one log time, as every decision sees it.
* `matching`: cuts, residuals and tolerances.
* `causes`: one record for each cause, with its test.
* `model`: the nouns: break, comparison, transition, lifecycle, severity, verdict.

What always holds: the residual of a unit is the sum of what open breaks, accrued fees and fee candidates claim; a break
changes its state only along a row of `model.lifecycle`; decisions read a context and change their own unit alone.
"""
