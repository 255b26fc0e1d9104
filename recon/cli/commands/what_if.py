"""`recon what-if`: breaks under different rules, compared with those in the books."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from recon.cli.connection import connect, existing_database
from recon.cli.options import Config, GatewayFilter, Json, settings_of
from recon.cli.output import Column, Row, note, print_json
from recon.cli.progress import progress_bar
from recon.cli.queries import gateway_names
from recon.cli.table import print_table
from recon.config.rule_files import load_rules
from recon.projection.what_if import Difference, KnownBreak, WhatIfReport
from recon.projection.what_if import what_if as ask

_SHOWN: Final = [
    Column(key)
    for key in ("gateway", "what", "account", "unit", "id", "amount", "would_be", "cause", "would_be_cause", "state")
]


def what_if(
    *,
    rules: Annotated[
        Path,
        typer.Option(
            "--rules", "-r", metavar="FILE", help="The other rules (TOML): [accounts] and [gateways.NAME.accounts.…]."
        ),
    ],
    config: Config = None,
    gateway: GatewayFilter = None,
    json: Json = False,
) -> None:
    """Compare breaks under different rules.

    The whole log is folded under the other rules. The books do not change, no alert is sent, and the service may run.
    """
    document = load_rules(rules)
    with existing_database(settings_of(config)) as handle:
        with connect(handle.service_url, "what-if") as connection:
            names = gateway_names(connection, gateway)
        payloads = {name: msgspec.json.encode(document.document(name)) for name in names}
        with progress_bar() as begin:
            answers = [ask(handle.service_url, name, payloads[name], progress=begin(name)) for name in names]
    if json:
        print_json([msgspec.to_builtins(answer) for answer in answers])
        return
    print_table(
        [_row(answer, each) for answer in answers for each in answer.differences], _SHOWN, empty="no difference"
    )
    for answer in answers:
        counts = f"{answer.breaks_now} breaks now, {answer.breaks_then} under the other rules"
        note(f"{answer.gateway}: {counts}, up to event {answer.seq}")


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
