"""What people do with several cases at once: each is decided by itself, and has its own result.

1. A case that may not be decided so, or that changed since it was shown, is left as it is; the others are decided.
2. A form that lacks something decides nothing: that is alike for every case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from recon.db.source import query_rows
from recon.display.ids import short_id
from recon.display.words import counted, safe
from recon.errors import AppendRefused, ConfigError, DecisionRefused, DocumentRefused
from recon.reads.breaks import SHOWN_BREAKS
from recon.reconciliation.model.lifecycle import PersonStep, next_state
from recon.web.case_forms import MOST_TICKED, TICK
from recon.web.forms import Form, optional
from recon.web.login import own_path
from recon.web.screen import Deed, Done, Outcome, Wanted
from recon.web.screens.case_deeds import ShownCase, decide_case

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: What can be done with several cases, and how it is said.
STEPS: Final[Mapping[str, tuple[PersonStep, str]]] = {
    "assign": ("assign", "Assigned"),
    "accept": ("accept", "Accepted, or proposed where material:"),
    "propose": ("propose", "Proposed"),
}


def _act(connection: Connection, wanted: Wanted) -> Done:
    form = wanted.form
    step, said = STEPS.get(form.get("step", ""), (None, ""))
    if step is None:
        raise DocumentRefused("Nothing was written: say what to do with the selected cases")
    shown = {name.removeprefix(TICK): value for name, value in form.items() if name.startswith(TICK)}
    if not shown:
        raise DocumentRefused("Nothing was written: no case is selected; press x on its row, or tick it")
    if len(shown) > MOST_TICKED:
        raise DocumentRefused(
            f"Nothing was written: {len(shown)} cases are selected, and at most {MOST_TICKED} at once"
        )
    # By gateway, so that two people who decide at once cannot wait for each other in a circle.
    rows = query_rows(connection, SHOWN_BREAKS, {"cases": list(shown)})
    cases = {str(case): list(breaks) for case, breaks in groupby(rows, key=lambda row: row["case_id"])}
    outcomes = [
        _decided(connection, ShownCase(case, shown[case]), step, breaks, wanted) for case, breaks in cases.items()
    ]
    gone = [case for case in shown if case not in cases]
    outcomes += [Outcome(f"case {short_id(safe(case))}", refused="there is no such case") for case in gone]
    done = sum(not each.refused for each in outcomes)
    return Done(
        to=_back(form),
        said=f"{said} {done} of {counted(len(outcomes), 'case')}.",
        recorded=[recorded for each in outcomes for recorded in each.recorded],
        outcomes=outcomes,
    )


def _decided(
    connection: Connection, case: ShownCase, step: PersonStep, breaks: Sequence[Mapping[str, Any]], wanted: Wanted
) -> Outcome:
    """Decide on one case in a savepoint of its own, so that a refusal takes back nothing else."""
    account = safe(str(breaks[0]["account"]))
    what = f"{account}, case {short_id(case.id)}"
    form = wanted.form
    if step == "propose" and optional(form, "cause") is None:
        causes = list(dict.fromkeys(str(each["cause"]) for each in breaks if next_state(step, each["state"])))
        if len(causes) > 1:
            return Outcome(what, refused=f"its breaks have the causes {' and '.join(causes)}: open it, and name one")
        form = {**form, "cause": causes[0] if causes else str(breaks[0]["cause"])}
    try:
        with connection.begin_nested():
            return Outcome(what, decide_case(connection, case, step, form, wanted.now, wanted.login))
    except (DecisionRefused, ConfigError, AppendRefused) as error:
        return Outcome(what, refused=str(error))


def _back(form: Form) -> str:
    """Return the list that the form was of."""
    path = own_path(form.get("back", ""))
    return path if path.partition("?")[0] == "/breaks" else "/breaks"


DEEDS: Final = (Deed(name="breaks_act", path="/breaks/act", screen="breaks", do=_act),)
