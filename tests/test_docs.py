"""The documents that ship: every citation, link, path, query and command line in and of them is true."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text
from typer.core import TyperGroup

from recon.cli.command_line import COMMANDS, LazyGroup, command_line, imported
from recon.db.engine import create_engine
from recon.simulator.scenarios import demo_plan
from tests.conftest import TestDatabase
from tests.support.database_days import write_day

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = {path.stem: path for path in sorted((ROOT / "recon" / "docs").glob("*.md"))}
PAGES: Final = [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.values()]
SOURCES: Final = [
    path
    for folder in ("recon", "tests", "migrations", "config")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".sql", ".toml"} and path != Path(__file__)
]
MAX_README_LINES: Final = 150
MAX_WORDS: Final = 20

_NAMES: Final = "|".join(DOCS)
_NUMBER: Final = r"\d+(?:\.\d+)?"
#: `semantics 2.3, 2.6`, `protocol 3 to 10`, `architecture 2.4 and 2.6`.
_CITED: Final = re.compile(rf"\b({_NAMES})\s+({_NUMBER}(?:(?:,\s*|\s+and\s+|\s+to\s+|-){_NUMBER})*)", re.IGNORECASE)
_TEST_CITED: Final = re.compile(rf"def test_({_NAMES})_(\d+(?:_\d+)*)__")
_RULES_CITED: Final = re.compile(r"(recon/[\w/]+\.py), rules? (\d+)(?: (?:to|and) (\d+))?")
_SECTION: Final = re.compile(rf"^(?:##+ |\*\*)({_NUMBER})[.* ]", re.MULTILINE)
_LINK: Final = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_PATH: Final = re.compile(r"(?<![\w./-])(?:recon|tests|migrations|config|\.ci)/[\w./-]*[\w/]")
_MODULE: Final = re.compile(r"python -m ([\w.]+)")
_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN: Final = re.compile(r"`([^`\n]+)`")
_TOPICS: Final = {name: set(_SECTION.findall(path.read_text(encoding="utf-8"))) for name, path in DOCS.items()}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def joined(code: str) -> str:
    """Undo the line breaks of comments and docstrings, so that a citation may wrap."""
    return re.sub(r"\n[ \t]*(?:#:?|--)?[ \t]*", " ", code)


def citations(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (document, number) of each citation in a file."""
    content = read(path)
    for found in _CITED.finditer(joined(content)):
        yield from ((found[1].lower(), number) for number in re.findall(_NUMBER, found[2]))
    for found in _TEST_CITED.finditer(content):
        yield found[1], found[2].replace("_", ".")


def test_documents_have_numbered_sections() -> None:
    for name, numbers in _TOPICS.items():
        assert numbers, name
    assert {"5.3", "8.5", "10.3"} <= _TOPICS["semantics"]
    assert {"2.4", "2.11", "3.6"} <= _TOPICS["architecture"]


def test_every_cited_number_is_a_section_of_a_shipped_document() -> None:
    cited = [(path, name, number) for path in [*SOURCES, *PAGES] for name, number in citations(path)]
    assert len(cited) > 200, "the citations are found"
    wrong = [f"{relative(path)}: {name} {number}" for path, name, number in cited if number not in _TOPICS[name]]
    assert not wrong, "\n".join(wrong)


def test_no_document_that_does_not_ship_is_cited() -> None:
    elsewhere = re.compile(r"\b(?:design|redesign|measured|trellis)(?:\.md|\s+\d)|\bsection \d", re.IGNORECASE)
    wrong = [
        f"{relative(path)}: {found[0]}"
        for path in [*SOURCES, *PAGES]
        for found in elsewhere.finditer(joined(read(path)))
    ]
    assert not wrong, "\n".join(wrong)


def test_names_of_tests_say_which_document_or_module_a_number_is_of() -> None:
    for path in (ROOT / "tests").rglob("test_*.py"):
        content = read(path)
        assert not re.search(r"def test_\d", content), f"{relative(path)}: a number of no document"
        if re.search(r"def test_rules?_\d", content):
            assert _RULES_CITED.search(ast.get_docstring(ast.parse(content)) or ""), f"{relative(path)}: rules of what?"


def test_cited_rules_of_a_module_stand_in_its_docstring() -> None:
    for path in SOURCES:
        for module, first, last in _RULES_CITED.findall(joined(read(path))):
            said = ast.get_docstring(ast.parse(read(ROOT / module))) or ""
            for number in {first, last} - {""}:
                assert re.search(rf"^{number}\. ", said, re.MULTILINE), (
                    f"{relative(path)} cites {module}, rule {number}"
                )


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_paths_and_modules_exist(page: Path) -> None:
    content = read(page)
    for link in _LINK.findall(content):
        assert (page.parent / link).exists(), link
    for path in _PATH.findall(content):
        # A name in capitals stands for one that the reader chooses.
        there = ROOT / re.split(r"/[^/]*[A-Z]{3}", path)[0]
        assert there.exists(), path
    for module in _MODULE.findall(content):
        assert find_spec(module), module


def command_lines(content: str) -> Iterator[str]:
    """Yield every `recon …` of a page, in text and in blocks."""
    outside = _FENCE.sub("", content)
    for span in _SPAN.findall(outside):
        if span.startswith("recon "):
            yield from re.split(r"(?<=\w), (?=recon )", span.replace("\\|", "|"))
    for _, block in _FENCE.findall(content):
        for line in block.splitlines():
            found = re.match(r"\s*(?:\S*/)?(recon [a-z].*)", line) or re.search(r"&& \S*/(recon .*)", line)
            if found:
                yield found[1].partition(" #")[0]


def problem_of(line: str) -> str | None:
    """Return why a command line is none, by its command and its options; None where it is one."""
    words = shlex.split(re.sub(r"[\[\]…|]|\.\.\.", " ", line.replace("'", " ")))[1:]
    command = command_line()
    context = command.make_context("recon", [], resilient_parsing=True)
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        if isinstance(command, LazyGroup):
            found = imported(words[0]) if words[0] in COMMANDS else None
        else:
            found = command.get_command(context, words[0])
        if found is None:
            return f"no command {words[0]}"
        command, context = found, found.make_context(words.pop(0), [], parent=context, resilient_parsing=True)
    known = {name for each in command.get_params(context) for name in (*each.opts, *each.secondary_opts)}
    wrong = [word for word in words if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known]
    return f"no option {wrong[0]}" if wrong else None


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_command_lines_name_commands_and_options_that_exist(page: Path) -> None:
    wrong = [f"{line}: {why}" for line in command_lines(read(page)) if (why := problem_of(line)) is not None]
    assert not wrong, "\n".join(wrong)


def test_command_lines_are_found_and_wrong_ones_refused() -> None:
    lines = [line for page in PAGES for line in command_lines(read(page))]
    assert len(set(lines)) > 30
    assert problem_of("recon brake show ID") == "no command brake"
    assert problem_of("recon break show ID --colour") == "no option --colour"


#: Functions of schema recon that people call, with the names of what they take; others begin theirs with p_.
_PUBLIC_FUNCTIONS: Final = """
    SELECT 'recon.' || p.proname || '('
        || array_to_string(trim_array(p.proargnames, cardinality(p.proargnames) - p.pronargs), ', ') || ')'
    FROM pg_proc AS p
    WHERE p.pronamespace = 'recon'::regnamespace AND NOT EXISTS (
        SELECT FROM unnest(p.proargnames) AS a (name) WHERE starts_with(a.name, 'p_'))
"""


@pytest.mark.postgres
def test_queries_of_the_analyst_s_document_run(database: TestDatabase) -> None:
    write_day(database.service_url, demo_plan(7, 30.0))
    content = read(DOCS["analyst"])
    queries = [block for language, block in _FENCE.findall(content) if language == "sql"]
    assert len(queries) >= 10
    engine = create_engine(database.analyst_url, "test", pooled=False)
    with engine.connect() as connection:
        rows = {query: connection.execute(text(query)).all() for query in queries}
        views = connection.scalars(text("SELECT viewname FROM pg_views WHERE schemaname = 'recon'"))
        assert {f"recon.{view}" for view in views} == set(re.findall(r"^\| `(recon\.\w+)` \|", content, re.MULTILINE))
        functions = set(connection.scalars(text(_PUBLIC_FUNCTIONS)))
        assert functions == set(re.findall(r"^\| `(recon\.\w+\([\w, ]*\))` \|", content, re.MULTILINE))
    engine.dispose()
    for query, found in rows.items():
        if "reported <> opening" in query:
            assert not found, "conservation"


def test_every_room_is_in_the_architecture() -> None:
    rooms = {
        found
        for line in re.findall(r"^\| `recon/.*", read(DOCS["architecture"]), re.MULTILINE)
        for found in _SPAN.findall(line)
    }
    there = [path for path in (ROOT / "recon").iterdir() if not path.name.startswith("_")]
    there += [
        path
        for layer in ("ledger", "reconciliation", "ems")
        for path in (ROOT / "recon" / layer).iterdir()
        if path.is_dir()
    ]
    assert {relative(path) for path in there if "__" not in path.name} <= rooms


def test_the_readme_is_short() -> None:
    assert len(read(ROOT / "README.md").splitlines()) <= MAX_README_LINES


def sentences(content: str) -> Iterator[str]:
    """Yield the sentences of a page's prose: no tables, no blocks, no headings."""
    prose = [line for line in _FENCE.sub("\n", content).splitlines() if not line.lstrip().startswith(("|", "#"))]
    paragraphs = re.split(r"\n\s*(?=[*-] |\d+\. |\n)", "\n".join(prose))
    for paragraph in paragraphs:
        plain = re.sub(r"`[^`]*`|\]\([^)]*\)", "X", " ".join(paragraph.split()))
        yield from re.split(r"(?<=[.!?:;])\*{0,2}\s+", plain)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=relative)
def test_sentences_are_short(page: Path) -> None:
    long = [sentence for sentence in sentences(read(page)) if len(re.findall(r"\S*\w\S*", sentence)) > MAX_WORDS]
    assert not long, "\n".join(long)
