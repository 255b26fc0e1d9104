"""The causes that a break can have, and the tests that name them (semantics 8, architecture 4).

To add a cause:
1. Open the file of its family: fills, fees, periodic, transfers, derivatives, measure, rounding, mapping, integrity.
2. Write its test: a function from a context (`context.py`) to a CauseMatch or `no_match(why)`.
3. Add its record, a `Cause` (`cause.py`), to the family's CAUSES; the order there is the order among equals.
4. Add one case that only this cause explains to `tests/reconciliation/causes/test_table.py`.
5. Increase VERSION in `registry.py`: stored breaks show which version named their cause.
"""

from recon.reconciliation.causes.registry import VERSION

__all__ = ["VERSION"]
