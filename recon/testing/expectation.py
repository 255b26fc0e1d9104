"""The outcome expected of a case, and its differences from the outcome there was, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from recon.errors import DocumentRefused
from recon.exact import plain
from recon.testing.case import EXPECTED
from recon.testing.outcome import BreakOutcome, OrderOutcome, Outcome, UnitOutcome


class ExpectedUnit(msgspec.Struct, frozen=True):
    """What is expected of a unit: only what is given is compared; null: not known; a list allows several verdicts."""

    opening: Decimal | msgspec.UnsetType | None = msgspec.UNSET
    booked: Decimal | msgspec.UnsetType | None = msgspec.UNSET
    reported: Decimal | msgspec.UnsetType | None = msgspec.UNSET
    verdict: str | list[str] | msgspec.UnsetType = msgspec.UNSET
    #: True if the books need not have the unit.
    absent_ok: bool = False


class ExpectedBreak(msgspec.Struct, frozen=True):
    """A break that is open at the end; without causes, every cause is allowed."""

    unit: str
    amount: Decimal
    causes: list[str] = []


class ExpectedOrder(msgspec.Struct, frozen=True):
    """What is expected of an order: only what is given is compared."""

    status: str | msgspec.UnsetType = msgspec.UNSET
    amount_filled: Decimal | msgspec.UnsetType = msgspec.UNSET
    unaccounted: bool | msgspec.UnsetType = msgspec.UNSET


class Expectation(msgspec.Struct, frozen=True):
    """What is expected of a case. The breaks are all that are open at the end; None: they are not compared."""

    units: dict[str, ExpectedUnit] = {}
    breaks: list[ExpectedBreak] | None = None
    #: Groups of units whose open breaks are one case.
    cases: list[list[str]] = []
    orders: dict[str, ExpectedOrder] = {}
    findings_absent: list[str] = []
    findings_present: list[str] = []
    #: Most breaks that may open on the way; None: any number.
    alerts_at_most: int | None = None
    quiet_s: int | None = None
    begins_at: str | None = None
    source: str = ""
    trouble: str = ""
    note: str = ""
    #: Keys of the file that mean nothing here, and so are not compared.
    unread: list[str] = []


_decode: Final = msgspec.json.Decoder(Expectation).decode
_rows: Final = msgspec.json.Decoder(list[msgspec.Raw] | None).decode
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
#: Where the file has objects, and what their keys are.
_SHAPES: Final = {"units": ExpectedUnit, "orders": ExpectedOrder}


def load_expectation(directory: Path) -> Expectation | None:
    """Read what is expected of a case; None where it does not say. Raise DocumentRefused."""
    path = directory / EXPECTED
    if not path.is_file():
        return None
    try:
        content = path.read_bytes()
        return msgspec.structs.replace(_decode(content), unread=sorted(_unread(content)))
    except OSError as error:
        raise DocumentRefused(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise DocumentRefused(f"{path}: {error}") from error


def _unread(content: bytes) -> set[str]:
    """Return the keys that nothing reads: a slip of the pen must not look like a check that passed."""
    document = _fields(content)
    unread = set(document) - (set(Expectation.__struct_fields__) - {"unread"})
    for place, shape in _SHAPES.items():
        for item in _fields(document[place]).values() if place in document else ():
            unread |= {f"{place}.{key}" for key in _fields(item).keys() - set(shape.__struct_fields__)}
    breaks = _rows(document["breaks"]) if "breaks" in document else None
    for item in breaks or ():
        unread |= {f"breaks.{key}" for key in _fields(item).keys() - set(ExpectedBreak.__struct_fields__)}
    return unread


def differences(expected: Expectation, outcome: Outcome) -> list[str]:
    """Return every difference as a sentence; an empty list says that the outcome is the one expected."""
    return [
        *_unit_differences(expected, outcome),
        *_break_differences(expected, outcome),
        *_order_differences(expected, outcome),
        *_finding_differences(expected, outcome),
    ]


def _unit_differences(expected: Expectation, outcome: Outcome) -> Iterator[str]:
    units = {unit.unit: unit for unit in outcome.units}
    for name, wanted in expected.units.items():
        unit = units.get(name)
        if unit is not None:
            yield from _unit_difference(name, wanted, unit)
        elif not wanted.absent_ok:
            yield f"unit {name} is not in the books"


def _unit_difference(name: str, wanted: ExpectedUnit, unit: UnitOutcome) -> Iterator[str]:
    figures = {
        "opening": (wanted.opening, unit.opening),
        "booked": (wanted.booked, unit.booked),
        "reported": (wanted.reported, unit.reported),
    }
    for figure, (want, have) in figures.items():
        if want is not msgspec.UNSET and have != want:
            yield f"unit {name}: {figure} is {_number(have)}, expected {_number(want)}"
    if wanted.verdict is not msgspec.UNSET:
        allowed = [wanted.verdict] if isinstance(wanted.verdict, str) else wanted.verdict
        if unit.verdict not in allowed:
            because = "" if unit.reason is None else f" ({unit.reason})"
            yield f"unit {name}: the verdict is {unit.verdict}{because}, expected {' or '.join(allowed)}"


def _break_differences(expected: Expectation, outcome: Outcome) -> Iterator[str]:
    if expected.breaks is not None:
        found = outcome.open_breaks
        for wanted in expected.breaks:
            same = [each for each in found if (each.unit, each.amount) == (wanted.unit, wanted.amount)]
            # Of several equal breaks, the one whose cause is allowed is meant.
            same.sort(key=lambda each: bool(wanted.causes) and each.cause not in wanted.causes)
            if not same:
                yield f"no break of {plain(wanted.amount)} is open in {wanted.unit}"
                continue
            found.remove(same[0])
            if wanted.causes and same[0].cause not in wanted.causes:
                yield f"{_named(same[0])} has the cause {same[0].cause}, expected {' or '.join(wanted.causes)}"
        for each in found:
            yield f"{_named(each)} is open ({each.cause}, {each.certainty}), and not expected"
    for units in expected.cases:
        cases = {each.case for each in outcome.open_breaks if each.unit in units}
        if len(cases) != 1:
            yield f"the open breaks of {', '.join(units)} are of {len(cases)} cases, expected one"
    if expected.alerts_at_most is not None and outcome.alerts > expected.alerts_at_most:
        yield f"breaks that opened on the way: {outcome.alerts}, expected at most {expected.alerts_at_most}"


def _order_differences(expected: Expectation, outcome: Outcome) -> Iterator[str]:
    orders: dict[str, OrderOutcome] = {order.key: order for order in outcome.orders}
    for key, wanted in expected.orders.items():
        order = orders.get(key)
        if order is None:
            yield f"order {key} is not in the books"
            continue
        if wanted.status is not msgspec.UNSET and order.status != wanted.status:
            yield f"order {key}: the status is {order.status}, expected {wanted.status}"
        if wanted.amount_filled is not msgspec.UNSET and order.amount_filled != wanted.amount_filled:
            filled, want = plain(order.amount_filled), plain(wanted.amount_filled)
            yield f"order {key}: amount_filled is {filled}, expected {want}"
        if wanted.unaccounted is not msgspec.UNSET and order.unaccounted is not wanted.unaccounted:
            yield f"order {key} is {'' if order.unaccounted else 'not '}unaccounted for, expected the opposite"


def _finding_differences(expected: Expectation, outcome: Outcome) -> Iterator[str]:
    kinds = [finding.kind for finding in outcome.findings]
    for kind in expected.findings_absent:
        if kind in kinds:
            first = outcome.findings[kinds.index(kind)]
            yield f"there is a finding {kind} about {first.about}, and none was expected: {first.message}"
    for kind in expected.findings_present:
        if kind not in kinds:
            yield f"there is no finding {kind}, and one was expected"


def _named(each: BreakOutcome) -> str:
    return f"the break of {plain(each.amount)} in {each.unit}"


def _number(value: Decimal | msgspec.UnsetType | None) -> str:
    return plain(value) if isinstance(value, Decimal) else "not known"
