"""The house itself: layers, purity, functions that fit on a screen, and a project that speaks of itself alone."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 400
SOURCES = sorted((ROOT / "recon").rglob("*.py")) + sorted((ROOT / "migrations").rglob("*.py"))


def test_functions_fit_on_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {length} lines"
        for path in [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_files_have_one_responsibility_s_worth_of_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {length} lines"
        for path in SOURCES
        if "migrations" not in path.parts  # a migration is read once, from top to bottom
        if (length := len(path.read_text(encoding="utf-8").splitlines())) > MAX_FILE_LINES
    ]
    assert not long, "\n".join(long)


def test_a_function_s_docstring_is_an_imperative_or_says_when_it_is_true() -> None:
    command = [*_tool("ruff"), "check", "--no-cache", "--select", "D401", "--output-format", "concise", "recon"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own tool
    lines = [line for line in done.stdout.splitlines() if " D401 " in line]
    other = [line for line in lines if not re.search(r'"True (if|while) ', line)]
    assert not other, "\n".join(other)


def _tool(name: str) -> list[str]:
    return [str(Path(sys.executable).with_name(name))]


@pytest.mark.parametrize(
    "command",
    [
        [*_tool("lint-imports"), "--no-cache"],
        [*_tool("ruff"), "check", "--no-cache", "."],
        [*_tool("ruff"), "format", "--no-cache", "--check", "."],
        [*_tool("mypy")],
    ],
    ids=["layers", "lint", "format", "types"],
)
def test_the_tools_are_content(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own tools
    assert done.returncode == 0, done.stdout + done.stderr


def test_whatever_calls_itself_pure_lies_in_a_pure_package() -> None:
    """The import contracts hold a module that says so to it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    held = {each for contract in contracts if "pure" in contract["name"] for each in contract["source_modules"]}
    loose = []
    for path in SOURCES:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        claim = re.search(r"\bPure\b", docstring.partition("\n\n")[0])
        if claim and not any(module == each or module.startswith(f"{each}.") for each in held):
            loose.append(module)
    assert not loose, f"these call themselves pure, and no contract holds them to it: {loose}"


#: The parts of an account, a unit and an order, and the one file that assigns their fields.
PARTS = {
    "recon/ledger/account.py": {"liveness", "snapshots", "coverage", "evidence", "approvals", "told"},
    "recon/ledger/account_mappings.py": {"mappings"},
    "recon/ledger/fees/rate_table.py": {"rates"},
    "recon/ledger/units.py": {"balance", "reported", "contract", "fees", "rounding"},
    "recon/ledger/orders.py": {"identity", "reported", "booked", "flags"},
}


def test_every_part_of_the_ledger_s_nouns_has_one_writer() -> None:
    """Nobody assigns a field of a part but the file that declares it: the others call its methods."""
    names = set().union(*PARTS.values())
    elsewhere = [
        f"{path.relative_to(ROOT)}:{node.lineno} assigns {ast.unparse(node)}"
        for path in SOURCES
        if path.relative_to(ROOT).as_posix() not in PARTS
        and path.relative_to(ROOT).parts[1] in {"ledger", "reconciliation", "projection"}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        if ast.unparse(node.value).rpartition(".")[2] in names
    ]
    assert not elsewhere, "\n".join(elsewhere)


def test_no_property_is_bound_by_the_time_of_its_examples() -> None:
    assert settings.default is not None
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check


#: The packages whose sentences people read: findings, causes, evidence, reasons, refusals.
TOLD = {"ledger", "reconciliation", "deciding"}


def test_sentences_have_figures_as_the_screens_do() -> None:
    """`plain` is for what programs read: a sentence has separators, and no digit that says nothing."""
    raw = [
        f"{path.relative_to(ROOT)}:{node.lineno} writes {ast.unparse(node)} into a sentence"
        for path in SOURCES
        if path.relative_to(ROOT).parts[1] in TOLD
        for text in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(text, ast.JoinedStr)
        for node in ast.walk(text)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "plain"
    ]
    assert not raw, "\n".join(raw)


#: What is counted in sentences; `recon.display.words.counted` writes one of it as one.
_COUNTED = re.compile(
    r" (?:more |open |further |waiting )*(?:accounts|alerts|amounts|approvals|attempts|balances|breaks|cases|checks"
    r"|closings|contracts|days|entries|events|facts|files|fills|findings|gaps|gateways|logins|messages|orders|pages|positions"
    r"|postings|prices|reports|rows|sessions|settings|signals|statuses|steps|things|times|trades|units)\b"
)
#: Numbers that are never one: bounds, and what is said only where there are several.
_NEVER_ONE = {
    ("alert_why.py", "delivery['attempts']"), ("alerts_why.py", "delivery['attempts']"),
    ("break_actions.py", "len(active)"),
    ("bulk_deeds.py", "len(shown)"), ("ccxt_client.py", "len(rows)"), ("expectation.py", "len(cases)"),
    ("fee_rates.py", "key.order_class"), ("html_file.py", "self._count"), ("measure.py", "number_text(factor)"),
    ("paging.py", "resource.most"), ("path.py", "times // place * place"),
    ("quarantine.py", "self._in_a_row"), ("sending.py", "cases"), ("unit_advice.py", "len(alike)"),
    ("verifier.py", "len(manifest['files'])"), ("wording.py", "data.case_count"),
}  # fmt: skip


def test_one_of_something_is_said_as_one() -> None:
    """A number before a noun goes through `counted`, but for bounds and numbers that are never one."""
    found = []
    for path in (path for path in SOURCES if path.relative_to(ROOT).parts[0] == "recon"):
        for text in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts = text.values if isinstance(text, ast.JoinedStr) else []
            for number, words in itertools.pairwise(parts):
                if not isinstance(number, ast.FormattedValue) or not isinstance(words, ast.Constant):
                    continue
                name = ast.unparse(number.value)
                is_bound = re.search(r"\b_?[A-Z]{3}", name) is not None
                if _COUNTED.match(str(words.value)) and not is_bound and (path.name, name) not in _NEVER_ONE:
                    found.append(f"{path.relative_to(ROOT)}: {{{name}}}{words.value!s:.30}")
    assert not found, "\n".join(found)


def test_the_top_level_is_what_was_agreed() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    if tracked.returncode:
        pytest.skip("not a checkout")
    allowed = {
        ".ci", ".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "alembic.ini", "config", "migrations",
        "pyproject.toml", "recon", "tests",
    }  # fmt: skip
    assert {line.split("/")[0] for line in tracked.stdout.splitlines()} <= allowed


def test_no_path_of_a_machine_is_in_the_project() -> None:
    machine = re.compile(r"/(?:work|root|home)/[a-z]")
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in [
            *SOURCES,
            ROOT / "README.md",
            ROOT / "pyproject.toml",
            *(path for path in (ROOT / "config").rglob("*") if path.is_file()),
            *(ROOT / "recon" / "docs").iterdir(),
        ]
        for match in machine.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)
