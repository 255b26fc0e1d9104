"""`recon replay`: what the books would say of a recording, without a database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
import typer

from recon.cli.options import Json
from recon.cli.output import Column, Row, columns, note, print_json, write
from recon.cli.table import print_table
from recon.config.rule_files import load_rules
from recon.display.figures import shown
from recon.display.words import safe
from recon.errors import DocumentRefused
from recon.reads.case.path import path_lines
from recon.testing.case import EXPECTED, FRAMES, Case, check_rules, load_case
from recon.testing.case_player import GATEWAY
from recon.testing.case_player import replay as play
from recon.testing.expectation import Expectation, differences, load_expectation
from recon.testing.outcome import BreakOutcome, Outcome

_TABLES: Final = {
    "orders": columns("key", "symbol", "side", "status", "amount_order", "amount_filled", "avg_px", "unaccounted"),
    "fills": columns("order", "ordinal", "symbol", "side", "amount", "price", "cash"),
    "units": [*columns("unit", "opening", "booked", "reported", "verdict"), Column("reason", prose=True)],
    "breaks": columns("unit", "amount", "cause", "certainty", "state", "case"),
    "findings": [*columns("seq", "account", "kind", "about"), Column("message", prose=True)],
}


class _Answer(NamedTuple):
    """What a case came to; the differences are None where nothing is compared."""

    case: Case
    outcome: Outcome
    differences: list[str] | None


def replay(
    cases: Annotated[
        list[Path], typer.Argument(metavar="CASE…", help=f"Directories with {FRAMES}, or directories of such ones.")
    ],
    *,
    rules: Annotated[
        Path | None,
        typer.Option(
            "--rules",
            "-r",
            metavar="FILE",
            help=f"Other rules for all cases: a rules document (JSON), or the tables [accounts] and "
            f"[gateways.{GATEWAY}.accounts.…] (TOML).",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help=f"Only compare with {EXPECTED}; exit with 1 if anything differs.")
    ] = False,
    json: Json = False,
) -> None:
    """Replay recordings without a database.

    The service's own fold reads each case on virtual time. It shows orders, fills, units with their verdicts, breaks
    and findings. `recon docs cases` tells the format.
    """
    payload = None if rules is None else _rules(rules)
    loaded = [
        (load_case(directory, rules=payload), _expected(directory) if check else None)
        for directory in _directories(cases)
    ]
    answers = [_answer(case, expected) for case, expected in loaded]
    if json:
        print_json([_document(answer) for answer in answers])
    else:
        for answer in answers:
            _print(answer)
    if any(answer.differences for answer in answers):
        raise typer.Exit(1)


def _directories(paths: list[Path]) -> list[Path]:
    """Return the cases: each directory with frames, and those below a directory without."""
    found: list[Path] = []
    for path in paths:
        below = [path] if (path / FRAMES).is_file() else sorted(each.parent for each in path.glob(f"*/{FRAMES}"))
        if not below:
            raise DocumentRefused(f"{path}: there is no {FRAMES}, here or one directory below")
        found += below
    return found


def _rules(path: Path) -> bytes:
    if path.suffix == ".toml":
        return msgspec.json.encode(load_rules(path).document(GATEWAY))
    try:
        payload = path.read_bytes()
    except OSError as error:
        raise DocumentRefused(f"{path}: cannot be read: {error.strerror}") from error
    check_rules(payload, path)
    return payload


def _expected(directory: Path) -> Expectation:
    expected = load_expectation(directory)
    if expected is None:
        raise DocumentRefused(f"{directory}: there is no {EXPECTED} to compare with; leave --check out")
    if expected.unread:
        note(f"{directory / EXPECTED}: not compared, because no such key is known: {', '.join(expected.unread)}")
    return expected


def _answer(case: Case, expected: Expectation | None) -> _Answer:
    outcome = play(case).outcome
    return _Answer(case, outcome, None if expected is None else differences(expected, outcome))


def _document(answer: _Answer) -> Row:
    document = {"case": answer.case.name, **msgspec.structs.asdict(answer.outcome)}
    document |= {key: [msgspec.structs.asdict(row) for row in document[key]] for key in _TABLES}
    return document if answer.differences is None else document | {"differences": answer.differences}


def _print(answer: _Answer) -> None:
    name = answer.case.name
    if answer.differences is not None:
        write(f"{safe(name)}: {'different' if answer.differences else 'as expected'}\n")
        write("".join(f"  {safe(line)}\n" for line in answer.differences))
        return
    write(f"case {safe(name)}; breaks that opened on the way: {answer.outcome.alerts}\n")
    rows: dict[str, list[Row]] = {
        key: [msgspec.structs.asdict(row) for row in getattr(answer.outcome, key)] for key in _TABLES
    }
    for title, named in _TABLES.items():
        if rows[title]:
            print_table(rows[title], named, title=title)
        else:
            write(f"# {title}: none\n")
        if title == "breaks":
            _print_paths(answer.outcome.open_breaks)
    write("\n")


def _print_paths(breaks: list[BreakOutcome]) -> None:
    """Print why each open break opened, as `recon break show` does (comparison 8)."""
    for each in breaks:
        if each.path is None:
            continue
        code = each.unit.rpartition("|")[2]
        since = "the opening" if each.after is None else f"{each.after:%H:%M:%S.%f}"[:-3]
        write(f"# why {safe(each.unit)} broke by {shown(each.amount)}\n")
        write(f"opened {each.opened_at:%H:%M:%S.%f}"[:-3] + f"; it arose after {since}, up to ")
        write(f"{each.until:%H:%M:%S.%f}"[:-3] + "\n")
        evidence = [msgspec.to_builtins(each.path)]
        write("".join(f"{line}\n" for line in path_lines({"evidence": evidence, "unit": code})))
