"""The causes that a break can have, and the tests that name them (semantics 8, architecture 4).

To add a cause:
1. Open the file of its family: integrity, fills, fees, periodic, transfers, derivatives, measure, rounding, mapping.
2. Write its test: a function of a BreakContext (`context.py`) that returns a CauseMatch or `no_match(why)`.
3. Add its record, a `Cause` (`cause.py`), to CAUSES of the file; of equally strong causes the first one is shown.
4. Add a case that only this cause explains to `tests/reconciliation/causes/test_evaluation.py`.
5. Add its code to the table in `recon/docs/architecture.md` 4.7. Increase VERSION in `registry.py` for a release.
"""

from recon.reconciliation.causes.registry import VERSION

__all__ = ["VERSION"]
