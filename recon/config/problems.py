"""What is wrong with settings, a line for each problem: the file or variable, the key, the problem, what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from recon.config.tables import Settings
from recon.library_words import setting_problem
from recon.nearest import did_you_mean

PREFIX: Final = "RECON_"
#: Names below these are data, so one variable with JSON sets the whole section.
DATA_SECTIONS: Final = (
    "accounts",
    *(name for name, field in Settings.model_fields.items() if get_origin(field.annotation) is dict),
)


def problems_of(
    error: ValidationError, root: type[BaseModel], path: Path | None, overrides: Mapping[str, object] | None = None
) -> list[str]:
    """Return a line for each problem of a document that is not of `root`; no value is in it.

    `overrides` are the values that variables gave, where some did.
    """
    # The value is only compared with the words that are allowed.
    return [_line(detail, root, overrides or {}, path) for detail in error.errors(include_url=False)]


def _line(detail: ErrorDetails, root: type[BaseModel], overrides: Mapping[str, object], path: Path | None) -> str:
    location = detail["loc"]
    what = setting_problem(detail["type"], detail["msg"], detail.get("ctx"), detail["input"])
    if detail["type"] == "extra_forbidden":
        what += did_you_mean(str(location[-1]), _keys_beside(root, location))
    key = ".".join(_written(part) for part in location if part != "[key]")
    return ": ".join(part for part in (_origin(location, overrides, path), key, what) if part)


def _written(part: str | int) -> str:
    text = str(part)
    return text if text.replace("-", "").replace("_", "").isalnum() else f'"{text}"'


def _keys_beside(root: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Return the keys that are known in the table in which a location ends."""
    tables: list[type[BaseModel]] = [root]
    annotations: list[object] = []
    for part in location[:-1]:
        found: list[object] = [
            model.model_fields[str(part)].annotation for model in tables if str(part) in model.model_fields
        ]
        if not found and not any(_is_container(each) for each in annotations):
            continue  # a name that pydantic gives to a choice of types
        annotations = found or [value for each in annotations for value in _values(each)]
        tables = [table for each in annotations for table in _tables(each)]
    return sorted({key for table in tables for key in table.model_fields})


def _is_container(annotation: object) -> bool:
    return any(get_origin(each) in {dict, list, tuple} for each in _choices(annotation))


def _values(annotation: object) -> Iterator[object]:
    """Yield the types of what a table of names, or a list, holds."""
    for each in _choices(annotation):
        if get_origin(each) in {dict, list, tuple}:
            yield get_args(each)[-1]


def _tables(annotation: object) -> Iterator[type[BaseModel]]:
    for each in _choices(annotation):
        if isinstance(each, type) and issubclass(each, BaseModel):
            yield each


def _choices(annotation: object) -> Iterator[object]:
    """Yield the types that an annotation allows, without what is noted beside them."""
    origin_of = get_origin(annotation)
    if origin_of is Annotated:
        yield from _choices(get_args(annotation)[0])
    elif origin_of in {dict, list, tuple} or not get_args(annotation):
        yield annotation
    else:
        for each in get_args(annotation):
            yield from _choices(each)


def _origin(location: tuple[str | int, ...], overrides: Mapping[str, object], path: Path | None) -> str:
    """Return the variable or file that contains a problem."""
    value: object = overrides
    depth = 0
    for part in location:
        if not isinstance(value, Mapping) or part not in value:
            break
        value, depth = value[part], depth + 1
    section = str(location[0]).upper() if location else ""
    if depth == len(location) and depth > 0:
        nested = depth > 1 and section.lower() not in DATA_SECTIONS
        return f"{PREFIX}{section}{f'__{str(location[1]).upper()}' if nested else ''}"
    if path is not None:
        return str(path)
    return f"{PREFIX}{section}"
