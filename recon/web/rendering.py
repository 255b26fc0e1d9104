"""Templates: every text from outside is escaped, and its control characters are written out.

1. What a template does not know is an error, never an empty text.
2. Only texts and whole numbers are written as they are. A decimal, a time or nothing needs a filter that says how.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Undefined
from markupsafe import Markup, escape

from recon.display.ages import age, duration, moment, time_of_day
from recon.display.figures import Figure, amount, count, figure
from recon.display.ids import short_id
from recon.display.shapes import shape_of
from recon.display.words import counted, safe
from recon.display.worth import share, worth, worth_figure

_PLACE: Final = Path(__file__).parent / "templates"
#: Longest fraction that has a room of its own in the sheet.
MAX_ROOM: Final = 20


#: How texts begin that are said after other words too.
_LOWER: Final = frozenset(
    {"the", "there", "no", "nothing", "a", "an", "it", "its", "this", "that", "of", "not", "some"}
)


def environment(static: Callable[[str], str]) -> Environment:
    """Return the templates of the page; `static` gives the address of a file."""
    made = Environment(
        loader=FileSystemLoader(_PLACE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=written,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    made.globals["static"] = static
    made.filters |= {
        "age": _age,
        "amount": amount,
        "cell": cell,
        "counted": counted,
        "count": count,
        "duration": duration,
        "figure": figure,
        "iso": _iso,
        "lines": lines,
        "moment": moment,
        "sentence": sentence,
        "share": share,
        "short": short_id,
        "state": state,
        "time": time_of_day,
        "underlined": underlined,
        "when": when,
        "worth": worth,
        "worth_figure": worth_figure,
    }
    return made


def written(value: object) -> object:
    """Return what a template writes. Errors: TypeError for what would be written in no way of ours."""
    if isinstance(value, Markup | Undefined):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError(f"a template writes a {type(value).__name__} without saying how")
    return safe(value) if isinstance(value, str) else value


def sentence(text: str) -> str:
    """Return a text as the beginning of a sentence; what begins with a name or a value is left as it is."""
    first = text.partition(" ")[0]
    return f"{first[0].upper()}{text[1:]}" if first in _LOWER else text


def underlined(word: str) -> Markup:
    """Return a long name that a narrow column may break after each `_`."""
    return Markup("_<wbr>").join(escape(safe(part)) for part in word.split("_"))


def lines(text: str) -> Markup:
    """Return a text of several lines, escaped, with its line ends as they are."""
    return Markup("\n").join(escape(safe(line)) for line in text.split("\n"))


def cell(value: Figure) -> Markup:
    """Return the two parts of a figure, which a column aligns on the point."""
    # A list has thousands of them: `Markup.format` costs four times as much.
    whole, fraction = escape(value.whole), escape(value.fraction)
    return Markup(f'<span class="i">{whole}</span><span class="f">{fraction}</span>')  # noqa: S704 - both are escaped


def room_of(figures: list[Figure]) -> int:
    """Return the digits of the longest fraction, as the sheet has rooms for."""
    return min(MAX_ROOM, max((max(0, len(each.fraction) - 1) for each in figures), default=0))


@lru_cache(maxsize=256)
def state(word: str, css: str | None = None) -> Markup:
    """Return a state as its word with its shape."""
    shape = css or shape_of(word).css
    return Markup('<span class="st {}">{}</span>').format(shape, safe(word)) if shape else escape(safe(word))


def when(at: datetime | None, now: datetime, how: str = "age") -> Markup:
    """Return a time as an age, a time of day or a moment, with its exact time for proof."""
    if at is None:
        return Markup("-")
    return _time(_iso(at), moment(at, exact=True), how == "age", _TIMES[how](at, now))


def _time(iso: str, exact: str, is_age: bool, shown: str) -> Markup:
    ticking = ' data-age=""' if is_age else ""
    # Times have no character that HTML reads, but for the `<` of an age below a second.
    text = f'<time datetime="{iso}" title="{exact}"{ticking}>{escape(shown)}</time>'
    return Markup(text)  # noqa: S704 - see above


_TIMES: Final[Mapping[str, Callable[[datetime, datetime], str]]] = {
    "age": lambda at, now: age(now - at),
    "time": time_of_day,
    "exact": lambda at, now: time_of_day(at, now, exact=True),
    "moment": lambda at, _: moment(at),
}


def _age(at: datetime | None, now: datetime) -> str:
    return age(None if at is None else now - at)


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def decimal_of(value: object) -> Decimal | None:
    """Return a number of a row; None where it is not known."""
    return None if value is None else value if isinstance(value, Decimal) else Decimal(str(value))
