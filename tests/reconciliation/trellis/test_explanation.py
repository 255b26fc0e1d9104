"""The evidence of a step names its readings by the words that `recon break show` has."""

from __future__ import annotations

from decimal import Decimal

from recon.exact import exact
from recon.ledger.fees.rate_table import RateTable
from recon.reconciliation.model.path_evidence import READINGS
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.column import Report
from recon.reconciliation.trellis.steps import Opened

SECOND = 1_000_000


def test_every_reading_of_a_step_has_words_and_none_is_left_out() -> None:
    trellis = AccountTrellis("A", RateTable(), SECOND)
    with exact():
        for seq, amount in enumerate((5, 5, 3), start=1):
            trellis.report(("A", "contract", "X"), Report(seq, seq * 60 * SECOND, (Decimal(amount),)))
        opened = [each for each in trellis.advance(240 * SECOND) if isinstance(each, Opened)]
        (path,) = [trellis.explain(each.step) for each in opened]
    assert path is not None
    assert {each.what for each in path.alternatives} == set(READINGS)
    assert path.alternatives[0].what == "jump"
    assert (path.before.value, path.after.value) == (Decimal(5), Decimal(3))
