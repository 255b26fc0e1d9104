"""`recon docs`: the documents that ship with recon, from `recon/docs`."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Final

import typer
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Markdown
from rich.text import Text

from recon.cli.output import Column, write
from recon.cli.table import print_table
from recon.errors import ConfigError
from recon.nearest import hint

_SUFFIX: Final = ".md"
#: Longest line of code in a document, in characters.
_LONGEST_LINE: Final = 1000
_TOPICS: Final = [Column("topic"), Column("about")]


def docs(
    topic: Annotated[str | None, typer.Argument(metavar="TOPIC", help="A document. [default: list all]")] = None,
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Print the Markdown file as it is.")] = False,
) -> None:
    """Show the documents that ship with recon."""
    documents = read_documents()
    if topic is None:
        print_table([{"topic": name, "about": summary_of(text)} for name, text in documents.items()], _TOPICS)
        return
    if topic not in documents:
        raise ConfigError(f"there is no document {topic!r}; {hint(topic, documents)}")
    write(documents[topic] if raw else _rendered(documents[topic]))


def read_documents() -> dict[str, str]:
    """Return the text of every document by its topic, in alphabetical order."""
    found = (file for file in (files("recon") / "docs").iterdir() if file.name.endswith(_SUFFIX))
    return {file.name.removesuffix(_SUFFIX): file.read_text(encoding="utf-8") for file in sorted(found, key=str)}


def summary_of(text: str) -> str:
    """Return what a document is about: its title, after the colon."""
    return text.split("\n", 1)[0].partition(": ")[2]


class _Pasteable(CodeBlock):
    """Code as it stands in the file: a line that is longer than the terminal stays one line."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = Text(str(self.text).rstrip(), style="markdown.code_block", no_wrap=True, overflow="ignore")
        yield from console.render(code, console.options.update(width=_LONGEST_LINE))


class _Document(Markdown):
    elements = Markdown.elements | {"fence": _Pasteable, "code_block": _Pasteable}


def _rendered(text: str) -> str:
    console = Console()
    with console.capture() as captured:
        console.print(_Document(text), soft_wrap=False, crop=False)
    return captured.get()
