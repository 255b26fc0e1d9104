"""`recon what-if`: breaks under different rules, compared with those in the books."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from recon.cli.archives import ArchiveOption
from recon.cli.beside.answers import Answers
from recon.cli.beside.task import Question
from recon.cli.connection import connect, existing_database
from recon.cli.options import Config, GatewayFilter, Jobs, Json, settings_of, with_options
from recon.cli.output import Column, Row, note, print_json
from recon.cli.progress import folding_progress
from recon.cli.queries import gateway_names
from recon.cli.table import print_table
from recon.cli.tables.options import TableOptions, one_look_options
from recon.config import secrets_of
from recon.config.rule_files import load_rules
from recon.display.words import counted
from recon.projection.what_if import Difference, KnownBreak, WhatIfReport

_SHOWN: Final = [
    Column(key)
    for key in ("gateway", "what", "account", "unit", "id", "amount", "would_be", "cause", "would_be_cause", "state")
]


@with_options(one_look_options)
def what_if(
    options: TableOptions,
    *,
    rules: Annotated[
        Path,
        typer.Option(
            "--rules", "-r", metavar="FILE", help="The other rules (TOML): [accounts] and [gateways.NAME.accounts.…]."
        ),
    ],
    config: Config = None,
    gateway: GatewayFilter = None,
    archive: ArchiveOption = None,
    jobs: Jobs = None,
    json: Json = False,
) -> None:
    """Compare breaks under different rules.

    The whole log is folded under the other rules. The books do not change, no alert is sent, and the service may run.
    """
    options.check_list("what-if", _SHOWN)
    document = load_rules(rules)
    settings = settings_of(config)
    with existing_database(settings) as handle:
        with connect(handle.service_url, "what-if") as connection:
            names = gateway_names(connection, gateway)
        tasks = [
            Question(
                handle.service_url,
                name,
                None if archive is None else str(archive),
                msgspec.json.encode(document.document(name)),
            )
            for name in names
        ]
        with folding_progress() as begin:
            found = Answers(WhatIfReport, begin, secrets=secrets_of(settings))
            found.collect(tasks, jobs)
    answers = [found.answered[name] for name in names if name in found.answered]
    if answers or not names:
        _print(answers, options, as_json=json)
    found.end_if_failed()


def _print(answers: list[WhatIfReport], options: TableOptions, *, as_json: bool) -> None:
    if as_json:
        print_json([msgspec.to_builtins(_narrowed(answer, options)) for answer in answers])
        return
    rows = [_row(answer, each) for answer in answers for each in answer.differences]
    print_table(rows, _SHOWN, empty="no difference", options=options)
    for answer in answers:
        counts = f"{counted(answer.breaks_now, 'break')} now, {answer.breaks_then:,} under the other rules"
        note(f"{answer.gateway}: {counts}, up to event {answer.seq}")


def _narrowed(answer: WhatIfReport, options: TableOptions) -> WhatIfReport:
    """Return an answer with those of its differences that are asked for; its counts stay."""
    kept = [each for each in answer.differences if options.kept([_row(answer, each)], _SHOWN)]
    return msgspec.structs.replace(answer, differences=kept)


def _row(answer: WhatIfReport, difference: Difference) -> Row:
    now, then = difference.now, difference.then
    break_: KnownBreak | None = now or then
    if break_ is None:  # pragma: no cover - a difference has one side
        return {}
    states = [each.state for each in (now, then) if each is not None]
    return {
        "gateway": answer.gateway,
        "what": difference.what,
        "account": break_.account,
        "unit": break_.unit,
        "id": break_.id,
        "amount": None if now is None else now.amount,
        "would_be": None if then is None else then.amount,
        "cause": None if now is None else now.cause,
        "would_be_cause": None if then is None else then.cause,
        "state": " → ".join(dict.fromkeys(states)),
    }
