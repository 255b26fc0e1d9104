"""The formats of reports: each writes a header and batches of rows to a stream, in memory that does not grow.

CSV and JSON need nothing; Parquet, xlsx and HTML need the libraries of `recon[reports]`, imported where they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import BinaryIO, Final, Literal, NamedTuple, TypeAlias, get_args

from recon.errors import ConfigError
from recon.nearest import listed
from recon.reports.formats.sink import Sink
from recon.reports.header import Header
from recon.reports.pictures import Picture

Format: TypeAlias = Literal["csv", "json", "parquet", "xlsx", "html"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
#: Formats that are no text, and so nothing for a terminal.
BINARY: Final[frozenset[Format]] = frozenset({"parquet", "xlsx"})


class _Place(NamedTuple):
    """Where a format is, and the libraries that it needs, by the names of their packages and of their modules."""

    module: str
    needs: Mapping[str, str]


_PLACES: Final[Mapping[Format, _Place]] = {
    "csv": _Place("csv_file", {}),
    "json": _Place("json_file", {}),
    "parquet": _Place("parquet_file", {"pyarrow": "pyarrow"}),
    "xlsx": _Place("xlsx_file", {"xlsxwriter": "xlsxwriter"}),
    "html": _Place("html_file", {"vl-convert-python": "vl_convert"}),
}


def sink_of(format_: Format) -> Callable[[BinaryIO, Header, list[Picture]], Sink]:
    """Return what writes a format. Errors: ConfigError where its libraries are not installed."""
    place = _PLACES[format_]
    missing = [package for package, module in place.needs.items() if not _is_here(module)]
    if missing:
        raise ConfigError(
            f"{format_} needs {listed(missing, 'and')}: install recon[reports], or take --format csv or json"
        )
    sink: Callable[[BinaryIO, Header, list[Picture]], Sink] = import_module(
        f"recon.reports.formats.{place.module}"
    ).sink
    return sink


def _is_here(module: str) -> bool:
    try:
        import_module(module)
    except ImportError:
        return False
    return True
