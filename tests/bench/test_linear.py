"""Four times the rows cost about four times the steps, for every hostile load (architecture 2.11); no clock decides."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import msgspec
import pytest

from recon.ledger import carried_fills, generations, lookups
from recon.ledger.account_mappings import AssumedRow
from recon.reconciliation.breaks import related
from recon.reconciliation.commit import contradictions
from recon.testing.driver import GatewayDriver
from recon.testing.messages import balance_row
from tests.bench.growth_loads import LOADS
from tests.bench.linear import cost

if TYPE_CHECKING:
    from _typeshed import TraceFunction

ROOT = Path(__file__).parents[2]
#: Rows of the smaller run, and how many times as many the larger one has.
ROWS, TIMES = 32, 4
#: The larger run may take this many times the steps of the smaller one for each row: what is bounded fills up.
MOST_GROWTH = 1.5
#: Bounds that the rows would reach only at the end: they are lower here.
BOUNDS = (
    (carried_fills, "MAX_ORDERS"),
    (generations, "MAX_COMPARED"),
    (contradictions, "MAX_CONTRADICTIONS"),
    (related, "MAX_COMPARED"),
)
#: Rebuilding a whole list or map to add to it: allowed where a bound in the same line keeps it short, or for these.
COPIES_ALLOWED = {
    "recon/ledger/gaps.py": "at most 64 backfills",
    "recon/ledger/observations.py": "at most two sides",
    "recon/ledger/orders.py": "at most 32 fills without cash",
    "recon/ledger/rule_changes.py": "of the settings",
    "recon/ledger/posting/derivatives.py": "where a contract's terms changed",
    "recon/reconciliation/breaks/ended_steps.py": "the breaks of one unit",
    "recon/reconciliation/breaks/related.py": "the amounts of one break",
    "recon/reconciliation/breaks/resolution.py": "what a person or a fact did to one break",
    "recon/reconciliation/breaks/decisions.py": "what a person did to one break",
    "recon/reconciliation/facts/break_explanation.py": "the amounts of one break",
    "recon/reconciliation/model/comparisons.py": "the breaks of one unit",
    "recon/reconciliation/reconciler.py": "the breaks of one unit",
    "recon/reconciliation/commit/contradictions.py": "the breaks of one unit",
    "recon/reconciliation/commit/steps.py": "the breaks of one unit",
    "recon/reconciliation/sources/source_breaks.py": "the breaks of one unit, and evidence within its bound",
    "recon/reconciliation/sources/books_then.py": "what was booked in sum since a time, within its bound",
    "recon/reconciliation/sources/checks.py": "the sources of one unit, one for each class",
}


def _steps(work: Callable[[], object]) -> float:
    """Return the lines of recon that work executes, each turn of a loop anew."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: object) -> TraceFunction | None:
        nonlocal count
        if event == "call" and "/recon/" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return float(count)


@pytest.mark.parametrize("name", LOADS)
def test_a_row_takes_as_many_steps_among_many_as_among_few(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, bound in BOUNDS:
        monkeypatch.setattr(module, bound, ROWS // 4)
    load = msgspec.structs.replace(LOADS[name], share=1)
    few, many = (cost(load, rows, _steps) for rows in (ROWS, TIMES * ROWS))
    assert many <= MOST_GROWTH * few, f"{few:.0f} steps a row at {ROWS} rows, {many:.0f} at {TIMES * ROWS}"


def test_a_balance_takes_as_many_steps_however_many_rows_are_taken_for_assets() -> None:
    def taken(rows: int) -> float:
        driver = GatewayDriver()
        driver.start(balance_row("BTC", "1"))
        snapshots = driver.ledger.accounts[driver.account].snapshots
        for number in range(rows):
            snapshots.assume(f"A{number}", AssumedRow(f"X{number}", None))
        return _steps(lambda: driver.balances(balance_row("C", "1")))

    assert taken(100 * ROWS) <= MOST_GROWTH * taken(ROWS)


def test_the_count_sees_each_turn_of_a_loop_in_one_line() -> None:
    pairs = {f"S{number}": (f"B{number}", "USDT") for number in range(400)}
    assert _steps(lambda: lookups.PairsByAsset(pairs)) > 5 * len(pairs)


def test_no_map_or_list_is_copied_whole_to_add_to_it() -> None:
    paths = [*ROOT.glob("recon/ledger/**/*.py"), *ROOT.glob("recon/reconciliation/**/*.py")]
    names = {str(path.relative_to(ROOT)): path for path in paths}
    found = [
        f"{name}:{node.lineno}"
        for name, path in names.items()
        if name not in COPIES_ALLOWED
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign) and _copies(node.value)
    ]
    assert found == []


def _copies(value: ast.expr) -> bool:
    """True for `[*a.b, c]` and `{**a.b, c: d}` without a bound: the parts of an object, and one more."""
    if isinstance(value, ast.List):
        return len(value.elts) > 1 and any(_is_part(each.value) for each in value.elts if isinstance(each, ast.Starred))
    if isinstance(value, ast.Dict):
        pairs = zip(value.keys, value.values, strict=True)
        return len(value.keys) > 1 and any(key is None and _is_part(each) for key, each in pairs)
    return False


def _is_part(value: ast.expr) -> bool:
    return isinstance(value, ast.Attribute)
